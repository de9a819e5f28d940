// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {ICnyVoucher} from "./interfaces/ICnyVoucher.sol";
import {IFunds} from "./interfaces/IFunds.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";

/// @title Funds
/// @notice See {IFunds}. A pause stops spending; filling never looks at it.
contract Funds is IFunds, PauseClock {
    uint256 private constant BPS = 10_000;
    /// @notice How long a proposal is good, in running time.
    uint64 public constant LIFETIME = 30 days;

    IRevenue public immutable revenue;
    ICnyVoucher public immutable voucher;

    /* STORAGE */

    /// @inheritdoc IFunds
    /// @dev Invariant: the sum over all funds is the vouchers that `Revenue` sent here less those that were spent.
    mapping(bytes32 agreement => mapping(uint8 leg => uint256)) public balanceOf;
    /// @inheritdoc IFunds
    mapping(bytes32 agreement => mapping(uint8 leg => mapping(bytes32 evidence => bool))) public isEvidenceUsed;
    /// @notice Number of spendings; they are numbered from 1 to it.
    uint256 public spendingCount;
    mapping(uint256 spending => Spending) private _spendings;

    constructor(address authority, IRevenue revenue_, ICnyVoucher voucher_) Governed(authority) {
        revenue = revenue_;
        voucher = voucher_;
    }

    /* IN */

    /// @inheritdoc IFunds
    function fill(bytes32 agreement, uint8 leg, uint256 amount) external {
        require(msg.sender == address(revenue), NotRevenue(msg.sender));
        uint256 balance = balanceOf[agreement][leg] + amount;
        balanceOf[agreement][leg] = balance;
        emit FundFilled(agreement, leg, amount, balance);
    }

    /* OUT */

    /// @inheritdoc IFunds
    function propose(Proposal calldata proposal) external restricted returns (uint256 spending) {
        (bytes32 purpose, uint16 payoutBps) = revenue.fundOf(proposal.agreement, proposal.leg);
        require(proposal.purpose == purpose, PurposeOfOther(proposal.purpose, purpose));
        require(proposal.evidence != 0, EvidenceMissing());
        _requireEvidenceNew(proposal.agreement, proposal.leg, proposal.evidence);
        require(proposal.amount != 0, AmountZero());
        uint256 shareOfBillDown = uint256(proposal.bill) * payoutBps / BPS;
        require(
            payoutBps == 0 ? proposal.bill == 0 : proposal.amount == shareOfBillDown,
            NotShareOfBill(proposal.amount, proposal.bill, payoutBps)
        );
        // The voucher refuses everybody who is not admitted; that nobody admits this contract is not left to that.
        require(
            proposal.payee != address(0) && proposal.payee != address(this) && proposal.payee != address(revenue),
            PayeeOutOfRange(proposal.payee)
        );

        spending = ++spendingCount;
        uint64 expiresAt = runningTime() + LIFETIME;
        _spendings[spending] =
            Spending({proposal: proposal, by: msg.sender, expiresAt: expiresAt, state: State.Proposed});
        emit SpendingProposed(spending, proposal.agreement, proposal.leg, proposal, expiresAt, msg.sender);
    }

    /// @inheritdoc IFunds
    function retract(uint256 spending) external {
        Spending storage proposed = _proposed(spending);
        require(msg.sender == proposed.by, NotProposer(spending, msg.sender));
        proposed.state = State.Retracted;
        emit SpendingRetracted(spending, proposed.proposal.agreement, proposed.proposal.leg, msg.sender);
    }

    /// @inheritdoc IFunds
    function spend(uint256 spending) external restricted whileRunning {
        Spending storage proposed = _proposed(spending);
        address proposedBy = proposed.by;
        require(msg.sender != proposedBy, SecondPersonNeeded(spending, msg.sender));
        require(runningTime() <= proposed.expiresAt, SpendingExpired(spending, proposed.expiresAt, runningTime()));
        Proposal memory proposal = proposed.proposal;
        _requireEvidenceNew(proposal.agreement, proposal.leg, proposal.evidence);
        uint256 balance = balanceOf[proposal.agreement][proposal.leg];
        require(proposal.amount <= balance, FundTooSmall(proposal.agreement, proposal.leg, balance, proposal.amount));

        balance -= proposal.amount;
        balanceOf[proposal.agreement][proposal.leg] = balance;
        isEvidenceUsed[proposal.agreement][proposal.leg][proposal.evidence] = true;
        proposed.state = State.Spent;
        emit FundSpent(
            spending,
            proposal.agreement,
            proposal.leg,
            proposal.purpose,
            proposal.payee,
            proposal.amount,
            proposal.evidence,
            balance,
            proposedBy,
            msg.sender
        );

        // Reverts, and so undoes all of this, for a payee who is not admitted or is blocked.
        voucher.transfer(proposal.payee, proposal.amount);
    }

    function _proposed(uint256 spending) private view returns (Spending storage found) {
        found = _spendings[spending];
        require(found.state == State.Proposed, NotProposed(spending, found.state));
    }

    function _requireEvidenceNew(bytes32 agreement, uint8 leg, bytes32 evidence) private view {
        require(!isEvidenceUsed[agreement][leg][evidence], EvidenceUsed(agreement, leg, evidence));
    }

    /* VIEWS */

    /// @inheritdoc IFunds
    function spendingOf(uint256 spending) external view returns (Spending memory) {
        return _spendings[spending];
    }
}
