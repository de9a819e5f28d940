// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "./IPledges.sol";

/// @title Workouts
/// @notice What happens to a pledge when the loan does not run as planned, and what its parties may change by consent:
/// delinquency, remediation, enforcement, write-off; partial release, transfer, subordination; disputes. Liens and debts are
/// kept by `Pledges`, which changes them only on this contract's word. Deadlines stand still while `Pledges` is paused.
interface IWorkouts {
    /// @notice Why a pledge is not good. `NotLive`: it does not exist or encumbers nothing any more, or nothing is owed any
    /// more. `NotPerfected`: it is not in the statutory register. `RegistrationExpired`: it is there no more. `NotDisbursed`:
    /// it was not disbursed in time, and anyone may end it. `Delinquent`: in arrears for longer than the grace, whether or not
    /// somebody said so, or on the way to enforcement. `WrittenOff`: by its lender. `Disputed`: by a party. `PeriodsOver`: all
    /// pledged months are over. `SeniorInArrears`: a lien before it takes what it is offered. `CovenantBroken`: its data
    /// asset is stale under the covenant, or counts for too little for what is owed.
    enum Reason {
        NotLive,
        NotPerfected,
        RegistrationExpired,
        NotDisbursed,
        Delinquent,
        WrittenOff,
        Disputed,
        PeriodsOver,
        SeniorInArrears,
        CovenantBroken
    }

    /// @notice A party's objection, which stops release and enforcement for a while.
    /// @param until Last second of running time before which it stands; zero if nobody ever objected.
    /// @param by Who objected last.
    /// @param holderHas Whether the holder's one dispute is spent.
    /// @param lenderHas Whether the lender's one dispute is spent, whoever the lender was then.
    struct Dispute {
        uint64 until;
        address by;
        bool holderHas;
        bool lenderHas;
    }

    /* EVENTS */

    /// @notice Emitted when the lender gives notice; enforcement is possible after `until`, in running time.
    event RemediationBegun(bytes32 indexed pledge, bytes32 notice, uint64 until, address indexed by);
    /// @notice Emitted when the lender charges what enforcement cost it; `costs` is what is unpaid of them, `charged` all.
    event CostsCharged(
        bytes32 indexed pledge, uint256 amount, uint256 costs, uint256 charged, bytes32 evidence, address indexed by
    );
    /// @notice Emitted when the lender writes a debt off. It is owed as before.
    event DebtWrittenOff(
        bytes32 indexed pledge, uint256 principal, uint256 interest, uint256 costs, bytes32 reason, address indexed by
    );
    /// @notice Emitted when the lender waives what is left of a debt.
    event DebtForgiven(
        bytes32 indexed pledge, uint256 principal, uint256 interest, uint256 costs, bytes32 reason, address indexed by
    );
    /// @notice Emitted when a part of the pledged income becomes free; `before` and `afterwards` differ in it alone.
    event PartReleased(
        bytes32 indexed pledge, IPledges.Standing before, IPledges.Standing afterwards, address indexed by
    );
    /// @notice Emitted when a lien goes to another lender.
    event LienTransferred(bytes32 indexed pledge, address indexed from, address indexed to);
    /// @notice Emitted when `pledge` gives its place to `junior`, which stood behind it; `rank` is where `junior` stands now.
    event Subordinated(bytes32 indexed pledge, bytes32 indexed junior, uint256 rank);
    /// @notice Emitted when somebody consents to what needs several: the last consent carries it out in the same transaction.
    /// `call` is the call that each of them makes, function and arguments.
    event Consented(bytes32 indexed pledge, bytes32 indexed proposal, bytes call, address indexed by);
    /// @notice Emitted when somebody takes a consent back.
    event ConsentWithdrawn(bytes32 indexed proposal, address indexed by);
    /// @notice Emitted when a party objects; the dispute stands until `until`, in running time.
    event DisputeOpened(bytes32 indexed pledge, bytes32 reason, uint64 until, address indexed by);
    /// @notice Emitted when both parties have agreed to end a dispute.
    event DisputeSettled(bytes32 indexed pledge, address indexed by);
    /* ERRORS */

    /// @notice Thrown when a notice, reason or evidence is empty.
    error DocumentMissing(bytes32 pledge);
    /// @notice Thrown when there are no arrears (`graceUntil` is zero), or not for longer than the grace, which ends after
    /// `graceUntil`, in UTC seconds, as pauses have moved it.
    error NotDelinquent(bytes32 pledge, uint256 graceUntil);
    /// @notice Thrown when the debt would be called in while the remediation lasts, until `until` of running time.
    error RemediationNotOver(bytes32 pledge, uint256 until);
    /// @notice Thrown when more costs are charged than are `left` of the cap, both in fen.
    error CostsAboveCap(bytes32 pledge, uint256 amount, uint256 left);
    /// @notice Thrown when a part would be released while `arrears` fen are overdue.
    error InArrears(bytes32 pledge, uint256 arrears);
    /// @notice Thrown when a partial release releases nothing, or takes more.
    error NotAPart(bytes32 pledge, uint16 bps, uint32 fromPeriod, uint32 toPeriod);
    /// @notice Thrown when what would stay pledged is worth too little: `debt` is more than `maximumLtvBps` basis points of
    /// `value`, both in fen.
    error LtvExceeded(bytes32 pledge, uint256 debt, uint256 value, uint16 maximumLtvBps);
    /// @notice Thrown when `junior` does not stand next behind `pledge`.
    error NotNextInRank(bytes32 pledge, bytes32 junior);
    /// @notice Thrown when `by` would take back a consent that it has not given.
    error NotConsented(bytes32 proposal, address by);
    /// @notice Thrown when no dispute stands: the last stood until `until` of running time, zero if there was none.
    error NotDisputed(bytes32 pledge, uint256 until);
    /// @notice Thrown when `by`'s side of the pledge has had its dispute.
    error DisputeSpent(bytes32 pledge, address by);

    /* WHEN IT IS NOT REPAID */

    /// @notice Declares that arrears stand for longer than the grace. Anyone may call. Paying the arrears undoes it.
    function markDelinquent(bytes32 pledge) external;

    /// @notice Gives notice of enforcement, whose hash is `notice`. For the lender. Paying the arrears undoes it.
    function remediate(bytes32 pledge, bytes32 notice) external;

    /// @notice Calls in the whole debt, later than the remediation lasts. For the lender.
    function enforce(bytes32 pledge) external;

    /// @notice Adds what enforcement cost the lender, `amount` fen, to the debt, at most the signed cap in all; `evidence` is
    /// the hash of the bills. For the lender, from delinquency on.
    function chargeCosts(bytes32 pledge, uint256 amount, bytes32 evidence) external;

    /// @notice Says that the lender no longer counts on the debt. It keeps claim and lien. For the lender.
    function writeOff(bytes32 pledge, bytes32 reason) external;

    /// @notice Waives what is left of a debt that is enforced or written off, and frees the income. For the lender.
    function close(bytes32 pledge, bytes32 reason) external;

    /* CHANGES BY CONSENT */

    /// @notice Reduces the pledged share or periods of a loan that is in order, if the rest is worth enough. Needs the call of
    /// the lender and of every other lender with a lien on the leg: each has a claim on what the others are offered.
    function releasePart(bytes32 pledge, uint16 bps, uint32 fromPeriod, uint32 toPeriod) external;

    /// @notice Hands claim and lien to `newLender`. Needs the call of the lender and of `newLender`.
    function transferLien(bytes32 pledge, address newLender) external;

    /// @notice Lets `junior`, which stands next behind `pledge`, go before it. Needs the call of both lenders.
    function subordinate(bytes32 pledge, bytes32 junior) external;

    /// @notice Takes back the caller's consent to `proposal`, as `Consented` names it.
    function withdrawConsent(bytes32 proposal) external;

    /* DISPUTES */

    /// @notice Stops release, partial release, enforcement and further costs for 30 days, and nothing else: repayment and
    /// diversion go on. For either party once, after disbursement.
    function dispute(bytes32 pledge, bytes32 reason) external;

    /// @notice Ends a dispute. Needs the call of both parties.
    function settleDispute(bytes32 pledge) external;

    /* VIEWS */

    /// @notice Answers a clerk in one word: the lien stands, against third parties too, and nothing is amiss with the loan.
    /// @return isGood True exactly when no bit of `reasons` is set.
    /// @return reasons One bit for each thing that is amiss: the bits of `Reason` in their order, the first is the lowest.
    function good(bytes32 pledge) external view returns (bool isGood, uint256 reasons);

    /// @return disburseBy Last second for disbursement, UTC, as pauses have moved it.
    /// @return graceUntil Last second of the grace, UTC, as pauses have moved it; zero without arrears.
    /// @return remediationUntil Last second of the remediation in running time; zero outside of it.
    /// @return releasableFrom First second, in running time, at which the holder may release; zero before the debt is repaid.
    function deadlinesOf(bytes32 pledge)
        external
        view
        returns (uint256 disburseBy, uint256 graceUntil, uint256 remediationUntil, uint256 releasableFrom);

    /// @return The dispute of `pledge`; it stands before `until`.
    function disputeOf(bytes32 pledge) external view returns (Dispute memory);

    /// @return The running time until which a dispute stands; zero if there never was one.
    function disputedUntil(bytes32 pledge) external view returns (uint64);

    /// @return What the lender has charged of enforcement costs, paid or not, in fen.
    function costsCharged(bytes32 pledge) external view returns (uint256);
}
