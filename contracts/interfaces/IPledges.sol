// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IWorkouts} from "./IWorkouts.sol";
import {Period} from "./Types.sol";

/// @title Pledges
/// @notice A lien on coming income, without custody. A holder pledges basis points of what it will earn in one leg of one
/// agreement; `Revenue` hands the pledged part to the lender inside the claim. The live shares of one holder, leg and period
/// never exceed 10,000 basis points, and priority is the order of registration here.
/// Deadlines that are counted here (disbursement, grace, remediation, release, dispute) stand still while the contract is
/// paused; dates that the parties have signed with others (instalments, registration, signatures) do not move.
interface IPledges {
    /// @notice Where a pledge stands. `None` is a pledge that does not exist; terms that are signed and not committed are
    /// proposed, and stay off chain.
    /// `Committed`: both have signed, the income is reserved. `Perfected`: entered in the statutory register. `Active`:
    /// disbursed, what is due is diverted. `Delinquent`: in arrears for longer than the grace. `Remediation`: the lender has
    /// given notice. `Enforcing`: the whole debt is diverted. `WrittenOff`: the lender no longer counts on it, and keeps claim
    /// and lien. `Repaid`: nothing is owed any more.
    /// `Released`, `Cancelled` (given up before disbursement), `Expired` (not disbursed in time) and `Closed` (the lender
    /// waived the rest) are terminal: they encumber nothing.
    enum State {
        None,
        Committed,
        Perfected,
        Active,
        Repaid,
        Released,
        Cancelled,
        Delinquent,
        Remediation,
        Enforcing,
        WrittenOff,
        Closed,
        Expired
    }

    /// @param dueAt When it is due, UTC seconds.
    /// @param principal Fen of principal due then. The interest of the time before is due with it.
    struct Instalment {
        uint64 dueAt;
        uint128 principal;
    }

    /// @notice What the parties agreed for the case that something goes otherwise than planned.
    /// @param disburseBy Last second at which the loan can be disbursed, UTC; pauses move it.
    /// @param grace Seconds for which arrears may stand before the pledge is delinquent.
    /// @param remediation Seconds between the lender's notice and enforcement.
    /// @param overdueRateBps What overdue principal bears on top of the annual rate, in basis points; zero for nothing.
    /// @param costsCap Most fen of enforcement costs that the lender may charge in all.
    /// @param value What the pledged share of all pledged periods is worth in fen, by both parties' reckoning.
    /// @param maximumLtvBps Most that the debt may be of the value of what stays pledged when a part is released, in basis
    /// points.
    struct Conditions {
        uint64 disburseBy;
        uint32 grace;
        uint32 remediation;
        uint16 overdueRateBps;
        uint128 costsCap;
        uint128 value;
        uint16 maximumLtvBps;
    }

    /// @notice What holder and lender both sign (EIP-712). Its hash is the pledge's id, so the same terms are good once.
    /// @param holder Whose income is pledged, and who borrows.
    /// @param lender Who lends.
    /// @param agreement Agreement that the income comes from.
    /// @param leg Leg of it.
    /// @param fromPeriod First pledged period (months since January 1970), inclusive.
    /// @param toPeriod Last pledged period, inclusive.
    /// @param bps Pledged share of the holder's income there, in basis points.
    /// @param principal Fen lent.
    /// @param annualRateBps Simple interest per 365 days, in basis points.
    /// @param schedule 1 to 40 instalments in ascending order; their principal adds up to `principal`.
    /// @param conditions See `Conditions`.
    /// @param certificate Number of the data asset whose licence income is pledged; zero for other income.
    /// @param nonce The parties' own number, so that equal terms can be agreed twice.
    /// @param deadline Last second at which the terms can be committed, UTC.
    struct Terms {
        address holder;
        address lender;
        bytes32 agreement;
        uint8 leg;
        uint32 fromPeriod;
        uint32 toPeriod;
        uint16 bps;
        uint128 principal;
        uint16 annualRateBps;
        Instalment[] schedule;
        Conditions conditions;
        bytes32 certificate;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice What makes the lien good against third parties.
    /// @param registerNumber Number in the statutory register, as short text.
    /// @param expiry Last second of that registration, UTC.
    /// @param collectionAccount Salted commitment to the lender's collection account.
    /// @param debtorNotice Hash of the notice served on the debtor.
    struct Perfection {
        bytes32 registerNumber;
        uint64 expiry;
        bytes32 collectionAccount;
        bytes32 debtorNotice;
    }

    /// @notice What of the terms can change later, as it is now. All a claim needs to know of a lien first, in one slot.
    /// @param state Where the pledge stands.
    /// @param isCalledIn Whether the lender has called in the whole debt: it was enforced, and may be written off since.
    /// @param bps Pledged share in basis points; falls by partial release.
    /// @param fromPeriod First pledged period (months since January 1970), inclusive.
    /// @param toPeriod Last pledged period, inclusive.
    /// @param lender Who is paid; changes by transfer.
    struct Standing {
        State state;
        bool isCalledIn;
        uint16 bps;
        uint32 fromPeriod;
        uint32 toPeriod;
        address lender;
    }

    /// @notice What is owed.
    /// @param principal Outstanding principal in fen.
    /// @param interest Accrued and unpaid interest in fen, rounded down.
    /// @param costs Enforcement costs charged and not paid, in fen.
    /// @param due What of all three is due now, in fen; the whole debt once it is called in.
    /// @param arrears What of it should have been paid at an instalment that has come, costs included, in fen; the whole debt
    /// once it is called in.
    /// @param arrearsSince Since when, without a break, something of the instalments that have come is unpaid, in UTC
    /// seconds; zero while nothing of them is.
    struct Debt {
        uint256 principal;
        uint256 interest;
        uint256 costs;
        uint256 due;
        uint256 arrears;
        uint256 arrearsSince;
    }

    /// @notice One payment that `Revenue` makes out of a claim.
    /// @param lender Who is paid.
    /// @param amount Fen to be paid; zero for a lien that takes nothing.
    struct Payment {
        address lender;
        uint256 amount;
    }

    /// @notice One lien, as a bank wants to see it.
    /// @param pledge Its pledge.
    /// @param lender Who is paid.
    /// @param bps Pledged share in basis points.
    /// @param state Where the pledge stands.
    struct Lien {
        bytes32 pledge;
        address lender;
        uint16 bps;
        State state;
    }

    /* EVENTS */

    /// @notice Emitted when both parties' terms are registered; `rank` 0 is the first lien.
    event Committed(
        bytes32 indexed pledge, address indexed holder, address indexed lender, uint256 rank, Terms terms, address by
    );
    /// @notice Emitted when the lien was entered in the statutory register.
    event Perfected(bytes32 indexed pledge, Perfection perfection, address indexed by);
    /// @notice Emitted when the principal reached the holder.
    event Disbursed(bytes32 indexed pledge, address indexed holder, uint256 principal, address indexed by);
    /// @notice Emitted when a debt is paid down, out of a claim or by `by`. Principal, interest and costs are what remains.
    event Repayment(
        bytes32 indexed pledge,
        address indexed lender,
        address indexed by,
        uint256 toCosts,
        uint256 toInterest,
        uint256 toPrincipal,
        uint256 principal,
        uint256 interest,
        uint256 costs
    );
    /// @notice Emitted with every change of state.
    event StateChanged(bytes32 indexed pledge, State from, State to, address indexed by);
    /// @notice Emitted when a party takes back its signature under terms that are not committed yet.
    event Revoked(bytes32 indexed pledge, address indexed by);
    /// @notice Emitted when the lender `account` cannot receive a repayment and it is kept here; `balance` is all that is kept.
    event RepaymentKept(address indexed account, uint256 amount, uint256 balance);
    /// @notice Emitted when what was kept for `account` is paid.
    event RepaymentHandedOver(address indexed account, uint256 amount);

    /* ERRORS */

    /// @notice Thrown when the income is not free: `pledged` basis points of `period` are taken, `requested` were asked for.
    error IncomeAlreadyPledged(
        address holder, bytes32 agreement, uint8 leg, Period period, uint256 pledged, uint256 requested
    );
    /// @notice Thrown when the holder's income from this leg carries `liens` live liens already, as many as it can.
    error TooManyLiens(address holder, bytes32 agreement, uint8 leg, uint256 liens);
    /// @notice Thrown when the data asset is pledged already, by `pledge`.
    error CertificatePledged(bytes32 certificate, bytes32 pledge);
    /// @notice Thrown when terms are committed or revoked whose pledge exists: it stands at `state`.
    error PledgeExists(bytes32 pledge, State state);
    /// @notice Thrown when what is asked cannot be done with a pledge that stands at `state`.
    error WrongState(bytes32 pledge, State state);
    /// @notice Thrown when the caller is not a party to the pledge who may do this.
    error NotParty(bytes32 pledge, address caller);
    /// @notice Thrown when terms are committed under which `by`, one of the parties, has taken its signature back.
    error TermsRevoked(bytes32 pledge, address by);
    /// @notice Thrown when holder or lender is nobody, both are the same, or a lien would go to the lender who has it.
    error PartiesOutOfRange(address holder, address lender);
    /// @notice Thrown when the pledge would be perfected without a number in the statutory register.
    error RegisterNumberMissing(bytes32 pledge);
    /// @notice Thrown when the lender has perfected another pledge, `pledge`, under this number.
    error RegisterNumberUsed(bytes32 registerNumber, bytes32 pledge);
    /// @notice Thrown when the statutory registration lapses before the last instalment is due, both in UTC seconds.
    error RegistrationTooShort(uint64 expiry, uint64 lastDue);
    /// @notice Thrown when the loan would be disbursed after the `expiry` of its statutory registration, in UTC seconds.
    error RegistrationExpired(bytes32 pledge, uint64 expiry);
    /// @notice Thrown when anybody but `Revenue` diverts a claim.
    error NotRevenue(address caller);
    /// @notice Thrown when anybody but `Workouts` calls what is for it alone.
    error NotWorkouts(address caller);
    /// @notice Thrown when nothing at all would be repaid, or charged as costs.
    error AmountZero();
    /// @notice Thrown when the loan would be disbursed after `disburseBy`, in UTC seconds, as pauses have moved it.
    error DisbursementTooLate(bytes32 pledge, uint256 disburseBy);
    /// @notice Thrown when the pledge would expire before `disburseBy` is over, in UTC seconds, as pauses have moved it.
    error DisbursementStillPossible(bytes32 pledge, uint256 disburseBy);
    /// @notice Thrown when the holder would release before `holderMayFrom` of running time; the lender may.
    error ReleaseTooEarly(bytes32 pledge, uint256 holderMayFrom);
    /// @notice Thrown when a dispute stops what is asked, until `until` of running time at most.
    error Disputed(bytes32 pledge, uint256 until);
    /// @notice Thrown when nothing is kept for `account`.
    error NothingSetAside(address account);

    /* BEFORE DISBURSEMENT */

    /// @notice Registers terms that both parties have signed, and reserves the income. Anyone may carry them.
    /// @return pledge Its id: the hash of the terms.
    function commit(Terms calldata terms, bytes calldata holderSignature, bytes calldata lenderSignature)
        external
        returns (bytes32 pledge);

    /// @notice Takes back the caller's signature under terms with the id `pledge` that are not committed yet.
    function revoke(bytes32 pledge) external;

    /// @notice Gives up a pledge before it is disbursed. For either party.
    function cancel(bytes32 pledge) external;

    /// @notice Frees the income of a pledge that was not disbursed in time. Anyone may call.
    function expire(bytes32 pledge) external;

    /// @notice Records the statutory registration. For the lender, whose register numbers are good once each.
    function perfect(bytes32 pledge, Perfection calldata perfection) external;

    /// @notice Moves the principal from the lender's vouchers to the holder's and starts the debt. For the lender.
    function disburse(bytes32 pledge) external;

    /* REPAYMENT */

    /// @notice Pays down the debt with the caller's vouchers, at most what is owed. Anyone may call, in every state in which
    /// something is owed, also during a pause. What the lender cannot receive is kept for it here.
    /// @return paid What was taken, in fen.
    function repay(bytes32 pledge, uint256 amount) external returns (uint256 paid);

    /// @notice Pays what was set aside for `account`. Anyone may call.
    /// @return amount What was paid, in fen.
    function withdraw(address account) external returns (uint256 amount);

    /// @notice Frees the income once the debt is repaid. For the lender, and after 10 days for the holder.
    function release(bytes32 pledge) external;

    /// @notice Works out what a claim owes to lenders and records it as paid. For `Revenue`, which makes the payments.
    /// @param before What the holder had received in this line before the claim, in fen.
    /// @param entitled What it will have received after it, in fen.
    /// @return payments What each live lien on the leg takes, first rank first; together at most `entitled - before`.
    function divert(address holder, bytes32 agreement, uint8 leg, Period period, uint256 before, uint256 entitled)
        external
        returns (Payment[] memory payments);

    /* FOR `Workouts` ALONE, WHICH DECIDES WHETHER IT MAY HAPPEN */

    /// @notice Brings `pledge` to the state `to`, for `by`. Enforcing calls in the debt, closing forgives it and frees the income.
    function enter(bytes32 pledge, State to, address by) external;

    /// @notice Adds `amount` fen of enforcement costs to the debt.
    /// @return costs What is unpaid of them, in fen.
    function charge(bytes32 pledge, uint128 amount) external returns (uint256 costs);

    /// @notice Replaces share, periods and lender of `pledge`. Share and periods may only become smaller.
    function amend(bytes32 pledge, uint16 bps, uint32 fromPeriod, uint32 toPeriod, address lender) external;

    /// @notice Exchanges the liens at `rank` and `rank + 1` of the leg that `pledge` is on.
    function exchange(bytes32 pledge, uint256 rank) external;

    /* VIEWS */

    /// @return The hash of `terms`: the pledge's id, and what both parties sign under this contract's domain.
    function pledgeId(Terms calldata terms) external view returns (bytes32);

    /// @return The digest that both parties sign.
    function termsDigest(Terms calldata terms) external view returns (bytes32);

    /// @return How long the lender may take to release a repaid pledge before the holder can, in seconds of running time.
    function RELEASE_PERIOD() external view returns (uint256);

    /// @return The state of `pledge`.
    function stateOf(bytes32 pledge) external view returns (State);

    /// @return What of the terms of `pledge` can change, as it is now.
    function standingOf(bytes32 pledge) external view returns (Standing memory);

    /// @return The terms of `pledge` as they were signed.
    function termsOf(bytes32 pledge) external view returns (Terms memory);

    /// @return The statutory registration of `pledge`; all zero before it is perfected.
    function perfectionOf(bytes32 pledge) external view returns (Perfection memory);

    /// @return What is owed under `pledge` now.
    function debtOf(bytes32 pledge) external view returns (Debt memory);

    /// @return pausedBefore Seconds that were spent paused before the pledge was committed; those since move its deadlines.
    /// @return repaidAt Running time at which the debt was repaid; zero before.
    function datesOf(bytes32 pledge) external view returns (uint64 pausedBefore, uint64 repaidAt);

    /// @return The one contract that takes steps against a borrower, and keeps disputes.
    function workouts() external view returns (IWorkouts);

    /// @return The pledge that encumbers the data asset `certificate`; zero when none does.
    function livePledgeOf(bytes32 certificate) external view returns (bytes32);

    /// @return What is kept for `account` because it could not be paid, in fen.
    function setAsideOf(address account) external view returns (uint256);

    /// @return The live liens on the income of (holder, agreement, leg) in all periods, first rank first.
    function liensOf(address holder, bytes32 agreement, uint8 leg) external view returns (bytes32[] memory);

    /// @return liens All live liens on the income of (holder, agreement, leg) in `period`, first rank first.
    /// @return freeBps What of it is still free, in basis points.
    function encumbrance(address holder, bytes32 agreement, uint8 leg, Period period)
        external
        view
        returns (Lien[] memory liens, uint256 freeBps);
}
