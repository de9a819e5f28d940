// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Period} from "./Types.sol";

/// @title Revenue
/// @notice Income arrives once per bank reference and is shared by the version of its agreement that was in force then. What a
/// leg or a holder is owed is never posted by anyone: it is computed here, from the income, the agreement and one Merkle-sum
/// hash that the oracle's quorum signed.
interface IRevenue {
    /// @notice What a leg is. `None` is no leg.
    /// `Account`: one account collects it. `Fund`: an earmarked fund, kept in `Funds` for one purpose. `Register`: the holders
    /// of a share register claim it. `Agreement`: it is income of another agreement, the child.
    enum LegKind {
        None,
        Account,
        Fund,
        Register,
        Agreement
    }

    /// @param kind What it is.
    /// @param bps Its share, in basis points; those of one version add up to 10,000.
    /// @param account Who collects an `Account` leg; who answers for a `Fund`; zero otherwise.
    /// @param purpose What a `Fund` may be spent on, as short text; zero otherwise.
    /// @param feed Oracle feed whose final rounds name the holders of a `Register`; zero otherwise.
    /// @param subject Subject in that feed; zero otherwise.
    /// @param child The agreement whose income an `Agreement` leg is; zero otherwise.
    /// @param payoutBps The share of a bill that a `Fund` pays, in basis points; zero for a fund that pays by amount.
    struct Leg {
        LegKind kind;
        uint16 bps;
        address account;
        bytes32 purpose;
        bytes32 feed;
        bytes32 subject;
        bytes32 child;
        uint16 payoutBps;
    }

    /// @notice One tier of a version that shares income by how much the agreement has received in all.
    /// @param from Cumulative income of the agreement, in fen, from which it applies; up to the next tier's.
    /// @param legs How the income within it is shared.
    struct Tier {
        uint128 from;
        Leg[] legs;
    }

    /// @notice One leg of one version of an agreement in one period: the unit in which money is owed and paid.
    /// @param agreement Which agreement.
    /// @param version Which of its versions, counted from 1.
    /// @param period Which month.
    /// @param leg Which leg, counted from 0.
    struct Line {
        bytes32 agreement;
        uint16 version;
        Period period;
        uint8 leg;
    }

    /// @notice One holder in a register.
    /// @param index Its place in it, counted from 0.
    /// @param account Who is paid.
    /// @param weight What its share is measured by, in the unit of the register's feed.
    struct Leaf {
        uint64 index;
        address account;
        uint128 weight;
    }

    /// @notice A holder whose place in a register follows from that of its neighbour.
    /// @param account Who is paid.
    /// @param weight What its share is measured by, in the unit of the register's feed.
    struct Holder {
        address account;
        uint128 weight;
    }

    /// @notice Holders beside each other in a register, with one proof for all of them, see `MerkleSum.verifyRun`.
    /// @param first Index of the first of them.
    /// @param holders All of them, in the order of the register.
    /// @param proof 48-byte steps; that of a single holder is as in `MerkleSum.verify`.
    struct Run {
        uint64 first;
        Holder[] holders;
        bytes proof;
    }

    /// @notice A leaf of a register line, with its proof.
    /// @param line The line that is claimed from.
    /// @param leaf The holder's place in its register.
    /// @param proof 48-byte steps, see `MerkleSum`.
    struct Claim {
        Line line;
        Leaf leaf;
        bytes proof;
    }

    /// @param hasPledged Whether it pledged income at least once, of whatever agreement: its claims look for liens.
    /// @param isBlocked Whether payments to it are set aside.
    /// @param isReserved Whether it is a contract of the protocol that no register pays.
    struct Standing {
        bool hasPledged;
        bool isBlocked;
        bool isReserved;
    }

    /// @param root Merkle-sum root.
    /// @param total Sum of all weights, in the unit of the feed.
    /// @param count Number of holders.
    /// @param round The final oracle round it comes from.
    struct Register {
        bytes32 root;
        uint128 total;
        uint64 count;
        bytes32 round;
    }

    /* EVENTS */

    /// @notice Emitted when version `version` of `agreement` was published; it splits receipts from `effectiveFrom` on. Where
    /// it is one of several tiers, it is tier `tier` (counted from 0) and splits what lies above `incomeFrom` fen of the
    /// agreement's cumulative income, up to the next tier.
    event AgreementPublished(
        bytes32 indexed agreement,
        uint16 indexed version,
        uint64 effectiveFrom,
        uint8 tier,
        uint128 incomeFrom,
        Leg[] legs,
        address indexed by
    );
    /// @notice Emitted when leg `leg` of `agreement` has its holders for `period`.
    event RegisterOpened(
        bytes32 indexed agreement,
        uint8 indexed leg,
        Period indexed period,
        bytes32 round,
        bytes32 root,
        uint128 total,
        uint64 count,
        address by
    );
    /// @notice Emitted for each receipt, once per tier that it reaches; `received` is what version and period have received in
    /// all. The vouchers were minted against `bankReference`, or, after `Forwarded`, came from another agreement.
    event IncomeReceived(
        bytes32 indexed agreement,
        Period indexed period,
        bytes32 indexed bankReference,
        uint16 version,
        uint256 amount,
        uint256 received,
        address by
    );
    /// @notice Emitted when the income of (agreement, period) is complete.
    event PeriodClosed(bytes32 indexed agreement, Period indexed period, address indexed by);
    /// @notice Emitted when leaf `index` of a register line receives `amount` fen, of which `diverted` went to its lenders. It
    /// has received `paid` in all.
    event Claimed(
        bytes32 indexed line, address indexed account, uint256 index, uint256 amount, uint256 diverted, uint256 paid
    );
    /// @notice Emitted when the account of a line receives `amount` fen, of which `diverted` went to its lenders. The account of
    /// a fund's line is `Funds`.
    event Collected(bytes32 indexed line, address indexed account, uint256 amount, uint256 diverted, uint256 paid);
    /// @notice Emitted when `amount` fen of a line become income of the agreement `child`, under an `internalReference` of its
    /// own: the hash of the line and of `paid`, what it has forwarded in all.
    event Forwarded(
        bytes32 indexed line,
        bytes32 indexed child,
        bytes32 indexed internalReference,
        uint256 amount,
        uint256 paid,
        address by
    );
    /// @notice Emitted when a payment to `account` failed and is kept for it; `balance` is all that is kept.
    event SetAside(address indexed account, uint256 amount, uint256 balance);
    /// @notice Emitted when what was kept for `account` is paid.
    event Withdrawn(address indexed account, uint256 amount);

    /* ERRORS */

    /// @notice Thrown when `agreement` has no version, or not the one that is asked for, or would be published without a
    /// name.
    error AgreementUnknown(bytes32 agreement);
    /// @notice Thrown when no version was in force yet at `timestamp`: the first is from `effectiveFrom` on, both in UTC
    /// seconds.
    error AgreementNotInForce(bytes32 agreement, uint64 effectiveFrom, uint256 timestamp);
    /// @notice Thrown when the legs of a version do not add up to 10,000 basis points: all of them, or those up to the one
    /// that exceeds it, make `bps`.
    error SharesDoNotAddUp(bytes32 agreement, uint256 bps);
    /// @notice Thrown when a version has no leg, more than 16, fewer than the one before it, or not as many as the first
    /// tier.
    error LegCount(bytes32 agreement, uint256 legs);
    /// @notice Thrown when leg `leg`, counted from 0, has not exactly what its kind needs.
    error LegMalformed(bytes32 agreement, uint256 leg);
    /// @notice Thrown when a new version would change what an existing leg is. It may change shares and add legs.
    error LegChanged(bytes32 agreement, uint256 leg);
    /// @notice Thrown when a version would change how past income is split, or take effect before the one before it or more than
    /// 366 days from now. UTC seconds; the first version has no earliest one.
    error EffectiveOutOfRange(uint64 effectiveFrom, uint256 earliest, uint256 latest);
    /// @notice Thrown for a leg whose money could never leave again: its account is a contract of the protocol.
    error AccountReserved(address account);
    /// @notice Thrown when there are no tiers, or more than 8.
    error TierCount(bytes32 agreement, uint256 tiers);
    /// @notice Thrown when tiers do not begin at 0 and ascend: tier `tier`, counted from 0, begins at `from` fen.
    error TierNotAscending(bytes32 agreement, uint256 tier, uint128 from);
    /// @notice Thrown when a plain agreement would become tiered: its cumulative income was not counted.
    error NotTiered(bytes32 agreement);
    /// @notice Thrown when a later version adds a leg that is an agreement. Only the first may, so no cycle can come about.
    error NestedTooLate(bytes32 agreement, uint256 leg);
    /// @notice Thrown when three agreements, one in the other, are below `child` already.
    error NestedTooDeep(bytes32 agreement, bytes32 child);
    /// @notice Thrown when `parents` legs of other agreements are income of `child` already, as many as can be.
    error TooManyParents(bytes32 child, uint256 parents);
    /// @notice Thrown when no version of an agreement has the leg that `line` names.
    error LineUnknown(Line line);
    /// @notice Thrown when what is asked is for legs of the kind `expected`, and the leg is `given`; `Account` stands for
    /// all that are collected.
    error WrongLegKind(LegKind given, LegKind expected);
    /// @notice Thrown when the round measured `subject` in `feed`, which does not name the holders of the leg.
    error RoundOfOtherSubject(bytes32 feed, bytes32 subject);
    /// @notice Thrown when a round names no holders, or `value`, the sum of their weights, is not above zero.
    error RegisterEmpty(bytes32 round, int128 value, uint64 count);
    /// @notice Thrown when the register of (agreement, leg, period) was opened from another round, `round`.
    error RegisterOpenAlready(bytes32 agreement, uint8 leg, Period period, bytes32 round);
    /// @notice Thrown when the register of (agreement, leg, period) is not open.
    error RegisterMissing(bytes32 agreement, uint8 leg, Period period);
    /// @notice Thrown when the month's own register may still come: it is waited for through the month `until`.
    error RegisterAwaited(Period period, Period until);
    /// @notice Thrown when a proof's sums do not add up to the register's total.
    error RegisterTotal(uint256 computed, uint256 total);
    /// @notice Thrown when income comes for a month that has not begun, or it would be closed; it is `current` now.
    error PeriodInFuture(Period period, Period current);
    /// @notice Thrown for income of a period that a child of the agreement had already closed when it became its child.
    error PeriodTooEarly(bytes32 agreement, Period period, Period first);
    /// @notice Thrown when a child would close before `parent`, whose legs may still bring it income.
    error ParentOpen(bytes32 agreement, Period period, bytes32 parent);
    /// @notice Thrown when a child would close before what a closed parent owes it, `owed` fen, has been collected; `paid`
    /// fen were.
    error NotForwarded(bytes32 line, uint256 owed, uint256 paid);
    /// @notice Thrown when a receipt, or all that version and period have received with it, is `amount` fen, above
    /// `maximum` fen.
    error AmountTooLarge(uint256 amount, uint256 maximum);
    /// @notice Thrown when income comes for a period that is closed, or it would be closed again.
    error ClosedAlready(bytes32 agreement, Period period);
    /// @notice Thrown when leaf `index` of the line is owed nothing now.
    error NothingToClaim(bytes32 line, uint256 index);
    /// @notice Thrown when the line is owed nothing now.
    error NothingToCollect(bytes32 line);
    /// @notice Thrown when nothing is kept for `account`.
    error NothingSetAside(address account);
    /// @notice Thrown when a claim for one holder names the leaf of another.
    error LeafOfOther(address account, address expected);
    /// @notice Thrown when anybody but `Pledges` says who has pledged.
    error NotPledges(address caller);
    /// @notice Thrown when anybody but `Participants` says who is blocked.
    error NotParticipants(address caller);
    /// @notice Thrown when what was set aside for `account` is asked for while it is blocked.
    error AccountBlocked(address account);

    /* AGREEMENTS */

    /// @notice Publishes the next version of `agreement`. For the committee, after its delay.
    /// @return version Its number, counted from 1.
    function publish(bytes32 agreement, Leg[] calldata legs, uint64 effectiveFrom) external returns (uint16 version);

    /// @notice Publishes versions that share income by tiers of the agreement's cumulative income, over all periods in the order
    /// of arrival: each tier is a version of its own, in consecutive numbers. For the committee, after its delay. An agreement
    /// is tiered from its first version on, or never.
    /// @return first The number of the first tier.
    function publishTiers(bytes32 agreement, Tier[] calldata tiers, uint64 effectiveFrom)
        external
        returns (uint16 first);

    /// @notice Opens the register of (agreement, leg) for the month in which the final `round` ended. Anyone may call; opening
    /// the same register again does nothing. In a closed period that works too: a leg that received income has its register
    /// by then, so only registers without income can be missing.
    function openRegister(bytes32 agreement, uint8 leg, bytes32 round) external;

    /// @notice Opens the register of a month for which none came in the twelve months after it (nobody was measured, or income
    /// was recorded for the wrong month) with that of any final `round` of the same feed and subject. For the committee.
    function openMissingRegister(bytes32 agreement, uint8 leg, Period period, bytes32 round) external;

    /* INCOME */

    /// @notice Records `amount` fen of income that the bank received under `bankReference`. For the treasurer.
    function receiveIncome(bytes32 agreement, Period period, uint256 amount, bytes32 bankReference) external;

    /// @notice Declares the income of (agreement, period) complete. For the treasurer. Each register whose leg has a
    /// share must be open, all parents closed, and what they owe to this agreement collected.
    function closePeriod(bytes32 agreement, Period period) external;

    /* CLAIMS */

    /// @notice Pays what leaf `leaf` of a register line is owed now: liens first, the rest to the holder. Anyone may call.
    /// @param proof 48-byte steps, see `MerkleSum`.
    /// @return amount What was paid, liens included, in fen.
    function claim(Line calldata line, Leaf calldata leaf, bytes calldata proof) external returns (uint256 amount);

    /// @notice Does the same for many holders of one line. Holders who are owed nothing are passed over.
    /// @return amount What was paid in all, liens included, in fen.
    function claimMany(Line calldata line, Run[] calldata runs) external returns (uint256 amount);

    /// @notice Does the same for one holder and any lines, such as the periods of a year, with one payment to each payee.
    /// Lines that owe nothing are passed over.
    /// @param account The holder; all leaves must be its own.
    /// @return amount What was paid in all, liens included, in fen.
    function claimFor(address account, Claim[] calldata claims) external returns (uint256 amount);

    /// @notice Brings what a line is owed now to where its leg says: to the account, into the fund, or to the child agreement as
    /// income of the same period, split by the child's version that is in force now. Anyone may call.
    /// @return amount What was brought there, liens included, in fen.
    function collect(Line calldata line) external returns (uint256 amount);

    /// @notice Does the same for many lines. Those that owe nothing are passed over.
    /// @return amount What was brought there in all, liens included, in fen.
    function collectMany(Line[] calldata lines) external returns (uint256 amount);

    /// @notice Pays what was set aside for `account`. Anyone may call.
    /// @return amount What was paid, in fen.
    function withdraw(address account) external returns (uint256 amount);

    /// @notice From now on claims of `holder` look for liens. For `Pledges`, when it takes the first one on a leg in.
    function notePledge(address holder) external;

    /// @notice From now on payments to `account` are set aside, or made again. For `Participants`, when that changes there.
    function noteBlocked(address account, bool blocked) external;

    /* VIEWS */

    /// @return Number of published versions of `agreement`.
    function versionCount(bytes32 agreement) external view returns (uint16);

    /// @return The version that splits a receipt at `timestamp`, the first of its tiers; reverts when there is none.
    function versionAt(bytes32 agreement, uint256 timestamp) external view returns (uint16);

    /// @return effectiveFrom When `version` came or comes into force.
    /// @return legs Its legs.
    function versionOf(bytes32 agreement, uint16 version)
        external
        view
        returns (uint64 effectiveFrom, Leg[] memory legs);

    /// @return tier Which tier `version` is, counted from 0; 0 for a plain version.
    /// @return incomeFrom Cumulative income from which it applies, in fen.
    function tierOf(bytes32 agreement, uint16 version) external view returns (uint8 tier, uint128 incomeFrom);

    /// @return purpose What the fund of (agreement, leg) may be spent on; reverts if the leg is no fund.
    /// @return payoutBps The share of a bill that it pays, in basis points; 0 if it pays by amount.
    function fundOf(bytes32 agreement, uint8 leg) external view returns (bytes32 purpose, uint16 payoutBps);

    /// @return The first period for which `agreement` takes income; 0 unless it has a child that was older.
    function firstPeriodOf(bytes32 agreement) external view returns (Period);

    /// @return What a tiered `agreement` has received in all, over all periods, in fen; 0 for a plain one.
    function cumulativeOf(bytes32 agreement) external view returns (uint256);

    /// @return The register of (agreement, leg, period); all zero while it is not open.
    function registerOf(bytes32 agreement, uint8 leg, Period period) external view returns (Register memory);

    /// @return Income of (agreement, version, period) so far, in fen.
    function receivedOf(bytes32 agreement, uint16 version, Period period) external view returns (uint256);

    /// @return Whether the income of (agreement, period) is complete.
    function isClosed(bytes32 agreement, Period period) external view returns (bool);

    /// @return The identifier of `line`, as events carry it.
    function lineId(Line calldata line) external pure returns (bytes32);

    /// @return What `line` is owed so far: its leg's share of the income, in fen, rounded down until the period is closed.
    function lineIncome(Line calldata line) external view returns (uint256);

    /// @return What `leaf` of `line` is owed in all so far, paid or not, in fen, rounded down until the period is closed.
    function entitledOf(Line calldata line, Leaf calldata leaf, bytes calldata proof) external view returns (uint256);

    /// @return What leaf `index` of `line` has received, liens included, in fen. A line that is no register uses index 0.
    function paidOf(Line calldata line, uint256 index) external view returns (uint256);

    /// @return What is kept for `account` because it could not be paid, in fen.
    function setAsideOf(address account) external view returns (uint256);

    /// @return What a payment to `account` looks at.
    function standingOf(address account) external view returns (Standing memory);
}
