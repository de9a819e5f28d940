// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ICnyVoucher} from "./interfaces/ICnyVoucher.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";

/// @title CnyVoucher
/// @notice See {ICnyVoucher}.
contract CnyVoucher is ICnyVoucher, ERC20, Governed, EIP712 {
    bytes32 private constant ORDER_TYPEHASH =
        keccak256("RedemptionOrder(address holder,uint256 amount,bytes32 payee,uint256 nonce,uint256 deadline)");

    IParticipants public immutable participants;
    /// @notice The one contract that may mint income and pay accounts that were never admitted.
    address public immutable revenue;
    /// @notice The one contract that may take vouchers from others to keep them for a lender who cannot receive them.
    address public immutable pledges;

    /* STORAGE */

    /// @inheritdoc ICnyVoucher
    mapping(bytes32 bankReference => bool) public isReferenceUsed;
    mapping(uint256 redemption => Redemption) private _redemptions;
    /// @notice Number of redemptions; they are numbered from 1 to it.
    uint256 public redemptionCount;
    mapping(address holder => mapping(uint256 nonce => bool)) private _isOrderUsed;

    constructor(address authority, IParticipants participants_, address revenue_, address pledges_)
        ERC20("Gongsheng CNY voucher", "CNYV")
        Governed(authority)
        EIP712("Gongsheng CnyVoucher", "1")
    {
        participants = participants_;
        revenue = revenue_;
        pledges = pledges_;
    }

    /// @notice Two: one unit is one fen.
    function decimals() public pure override returns (uint8) {
        return 2;
    }

    /* IN */

    /// @inheritdoc ICnyVoucher
    function mint(address to, uint256 amount, bytes32 bankReference) external restricted {
        // Income comes through `mintIncome`: what is minted to `Revenue` in any other way belongs to no line.
        require(to != revenue, NotAdmitted(to));
        _mintAgainst(to, amount, bankReference);
        emit Minted(bankReference, to, amount, msg.sender);
    }

    /// @inheritdoc ICnyVoucher
    function mintIncome(uint256 amount, bytes32 bankReference) external {
        require(msg.sender == revenue, NotRevenue(msg.sender));
        _mintAgainst(revenue, amount, bankReference);
    }

    function _mintAgainst(address to, uint256 amount, bytes32 bankReference) private {
        require(amount != 0, AmountZero());
        _useReference(bankReference);
        _mint(to, amount);
        // 184 quadrillion yuan: `Revenue` keeps what was paid in 64 bits, and so do books.
        require(totalSupply() <= type(uint64).max, AmountTooLarge(totalSupply(), type(uint64).max));
    }

    function _useReference(bytes32 bankReference) private {
        require(bankReference != 0, ReferenceMissing());
        require(!isReferenceUsed[bankReference], ReferenceUsed(bankReference));
        isReferenceUsed[bankReference] = true;
    }

    /* OUT */

    /// @inheritdoc ICnyVoucher
    function requestRedemption(uint256 amount, bytes32 payee) external returns (uint256 redemption) {
        return _request(msg.sender, amount, payee);
    }

    /// @inheritdoc ICnyVoucher
    function requestRedemptionsFor(RedemptionOrder[] calldata orders, bytes[] calldata signatures) external {
        require(orders.length == signatures.length, LengthMismatch(orders.length, signatures.length));
        for (uint256 i = 0; i < orders.length; i++) {
            RedemptionOrder calldata order = orders[i];
            require(block.timestamp <= order.deadline, OrderExpired(order.deadline, block.timestamp));
            require(!_isOrderUsed[order.holder][order.nonce], OrderUsed(order.holder, order.nonce));
            bytes32 digest = orderDigest(order);
            require(
                SignatureChecker.isValidSignatureNow(order.holder, digest, signatures[i]),
                OrderSignatureInvalid(order.holder, digest)
            );
            _isOrderUsed[order.holder][order.nonce] = true;
            uint256 amount = order.amount == type(uint256).max ? balanceOf(order.holder) : order.amount;
            _request(order.holder, amount, order.payee);
        }
    }

    function _request(address holder, uint256 amount, bytes32 payee) private returns (uint256 redemption) {
        require(amount != 0, AmountZero());
        require(amount <= type(uint88).max, AmountTooLarge(amount, type(uint88).max));
        require(!participants.isBlocked(holder), AccountBlocked(holder));
        redemption = ++redemptionCount;
        _redemptions[redemption] =
            Redemption({holder: holder, amount: uint88(amount), state: State.Requested, payee: payee});
        super._update(holder, address(this), amount);
        emit RedemptionRequested(redemption, holder, amount, payee, msg.sender);
    }

    /// @inheritdoc ICnyVoucher
    function confirmPayments(uint256[] calldata redemptions, bytes32[] calldata paymentReferences) external restricted {
        require(
            redemptions.length == paymentReferences.length, LengthMismatch(redemptions.length, paymentReferences.length)
        );
        for (uint256 i = 0; i < redemptions.length; i++) {
            Redemption storage redemption = _requested(redemptions[i]);
            _useReference(paymentReferences[i]);
            redemption.state = State.Paid;
            super._update(address(this), address(0), redemption.amount);
            emit RedemptionPaid(redemptions[i], redemption.holder, redemption.amount, paymentReferences[i], msg.sender);
        }
    }

    /// @inheritdoc ICnyVoucher
    function returnRedemption(uint256 redemption, bytes32 reason) external restricted {
        Redemption storage returned = _requested(redemption);
        returned.state = State.Returned;
        super._update(address(this), returned.holder, returned.amount);
        emit RedemptionReturned(redemption, returned.holder, returned.amount, reason, msg.sender);
    }

    function _requested(uint256 redemption) private view returns (Redemption storage found) {
        found = _redemptions[redemption];
        require(found.state == State.Requested, NotRequested(redemption, found.state));
    }

    /* WHO MAY HOLD */

    /// @dev Between participants only. `Revenue` also pays holders who were never admitted, because a quorum has signed the
    /// register they stand in, and knows itself who is blocked; `Pledges` takes what it keeps for a lender. Escrow does not
    /// come this way, so nobody can send anything to one of the three and lose it there.
    function _update(address from, address to, uint256 amount) internal override {
        if (from != revenue) {
            require(from == address(0) || !participants.isBlocked(from), AccountBlocked(from));
            require(
                to == revenue
                    ? from == address(0)
                    : to != address(this) && ((to == pledges && msg.sender == pledges) || participants.isAdmitted(to)),
                NotAdmitted(to)
            );
        }
        super._update(from, to, amount);
    }

    /* VIEWS */

    /// @inheritdoc ICnyVoucher
    function redemptionOf(uint256 redemption) external view returns (Redemption memory) {
        return _redemptions[redemption];
    }

    /// @inheritdoc ICnyVoucher
    function orderDigest(RedemptionOrder calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }
}
