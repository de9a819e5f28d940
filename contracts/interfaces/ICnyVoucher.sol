// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title CNY voucher
/// @notice 1 unit is 1 fen (0.01 yuan) in the settlement account of the treasurer's bank. Vouchers are minted against a unique
/// bank reference and burned against a unique payment reference, so that their supply equals the balance of that account.
/// Assumption: the treasurer mints only what the bank received and confirms only what the bank paid; reconciliation with the
/// bank's own statement shows when it does not.
interface ICnyVoucher is IERC20 {
    /// @notice Where a redemption stands. `None`: it was never asked for. `Requested`: its vouchers wait in escrow. `Paid`:
    /// the bank has paid, they are burned. `Returned`: the bank could not pay, they are back with the holder.
    enum State {
        None,
        Requested,
        Paid,
        Returned
    }

    /// @param holder Whose vouchers wait in escrow.
    /// @param amount Fen to be paid by the bank.
    /// @param state Where it stands.
    /// @param payee Salted commitment to the bank account that is to be paid.
    struct Redemption {
        address holder;
        uint88 amount;
        State state;
        bytes32 payee;
    }

    /// @notice What a holder signs (EIP-712) so that somebody else carries its redemption to the chain.
    /// @param holder Whose vouchers are redeemed.
    /// @param amount Fen; all of the holder's balance if it is the maximum of uint256.
    /// @param payee Salted commitment to the bank account that is to be paid.
    /// @param nonce The holder's own number for this order; each is good once.
    /// @param deadline Last second at which the order may be carried.
    struct RedemptionOrder {
        address holder;
        uint256 amount;
        bytes32 payee;
        uint256 nonce;
        uint256 deadline;
    }

    /* EVENTS */

    /// @notice Emitted when `amount` fen that `to` paid in arrived in the bank under `bankReference`. Income is announced by
    /// `Revenue`, which emits its reference.
    event Minted(bytes32 indexed bankReference, address indexed to, uint256 amount, address indexed by);
    /// @notice Emitted when `amount` fen of `holder` went into escrow to be paid by the bank.
    event RedemptionRequested(
        uint256 indexed redemption, address indexed holder, uint256 amount, bytes32 payee, address by
    );
    /// @notice Emitted when the bank has paid: the vouchers are burned.
    event RedemptionPaid(
        uint256 indexed redemption, address indexed holder, uint256 amount, bytes32 indexed paymentReference, address by
    );
    /// @notice Emitted when the bank could not pay: the vouchers are back with the holder.
    event RedemptionReturned(
        uint256 indexed redemption, address indexed holder, uint256 amount, bytes32 reason, address by
    );

    /* ERRORS */

    /// @notice Thrown when a bank reference or payment reference is empty.
    error ReferenceMissing();
    /// @notice Thrown when a bank reference or payment reference was used before.
    error ReferenceUsed(bytes32 bankReference);
    /// @notice Thrown when nothing at all would be minted or redeemed.
    error AmountZero();
    /// @notice Thrown when all vouchers with those that would be minted, or those that would be redeemed, are `amount` fen,
    /// above `maximum` fen.
    error AmountTooLarge(uint256 amount, uint256 maximum);
    /// @notice Thrown when somebody else than `Revenue` mints income.
    error NotRevenue(address caller);
    /// @notice Thrown when vouchers would reach `account`, which is no admitted participant, is blocked, or is a contract
    /// that keeps none that come in this way.
    error NotAdmitted(address account);
    /// @notice Thrown when vouchers would leave `account`, or be redeemed for it, while it is blocked.
    error AccountBlocked(address account);
    /// @notice Thrown when `redemption` does not wait for the bank: it stands at `state`.
    error NotRequested(uint256 redemption, State state);
    /// @notice Thrown when an order is carried at `timestamp`, after its `deadline`, both in UTC seconds.
    error OrderExpired(uint256 deadline, uint256 timestamp);
    /// @notice Thrown when an order of `holder` with its number `nonce` was carried before.
    error OrderUsed(address holder, uint256 nonce);
    /// @notice Thrown when `holder` has not signed the order whose digest is `digest`.
    error OrderSignatureInvalid(address holder, bytes32 digest);
    /// @notice Thrown when two lists that belong together have `left` and `right` entries.
    error LengthMismatch(uint256 left, uint256 right);

    /* IN */

    /// @notice Mints `amount` fen that a participant paid in, such as a lender who is about to disburse. For the treasurer.
    function mint(address to, uint256 amount, bytes32 bankReference) external;

    /// @notice Mints `amount` fen of income to `Revenue`. For `Revenue` alone, which checks that its caller is the treasurer.
    function mintIncome(uint256 amount, bytes32 bankReference) external;

    /* OUT */

    /// @notice Puts `amount` fen of the caller's vouchers into escrow to be paid by the bank.
    /// @param payee Salted commitment to the bank account that is to be paid.
    /// @return redemption Its number, counted from 1.
    function requestRedemption(uint256 amount, bytes32 payee) external returns (uint256 redemption);

    /// @notice Does the same for holders who signed. Anyone may carry; one bad order refuses all.
    function requestRedemptionsFor(RedemptionOrder[] calldata orders, bytes[] calldata signatures) external;

    /// @notice Burns the escrow of redemptions that the bank has paid. For the treasurer.
    function confirmPayments(uint256[] calldata redemptions, bytes32[] calldata paymentReferences) external;

    /// @notice Gives back the escrow of a redemption that the bank could not pay. For the treasurer.
    function returnRedemption(uint256 redemption, bytes32 reason) external;

    /* VIEWS */

    /// @return The redemption with number `redemption`, counted from 1.
    function redemptionOf(uint256 redemption) external view returns (Redemption memory);

    /// @return The digest that a holder signs to order a redemption.
    function orderDigest(RedemptionOrder calldata order) external view returns (bytes32);

    /// @return Whether `bankReference` was used, in or out.
    function isReferenceUsed(bytes32 bankReference) external view returns (bool);
}
