// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoringPanel} from "./IMonitoringPanel.sol";

/// @title Monitoring oracle
/// @notice Independent reporters sign what they measured. A round is one (feed, subject, period). It becomes a candidate when
/// the feed's quorum has signed the identical result, every required group is among the signers and the cross-check feed is
/// near enough; after the challenge window anyone may make it final. What is final is never overwritten.
///
/// A candidate may be challenged before a panel of three (see {IMonitoringPanel}), which upholds the result, voids it (the
/// round is reported anew, under fresh votes, and that result never comes back) or restates it. A final round can only be
/// restated, once, and the restatement stands beside it.
///
/// Windows are kept in running time (see {IPauseClock}), so a pause moves them. Reports, votes and challenges go on during a
/// pause; nothing becomes final.
interface IMonitoringOracle {
    /// @notice Where a round stands. `None`: nobody has brought it to a quorum. `Candidate`: a quorum stands behind its
    /// result, which may be challenged or waits to be made final. `Final`: it never changes. `Disputed`: a candidate that the
    /// panel has to judge. `Void`: the panel refused its result; it takes reports as `None` does, and its voided figures stay
    /// readable until a new result takes their place.
    enum State {
        None,
        Candidate,
        Final,
        Disputed,
        Void
    }

    /// @notice What the panel may decide of a disputed round. `None`: nothing yet. `Upheld`: the result stands. `Void`: it is
    /// refused, and the round is reported anew. `Restated`: other figures take its place, or stand beside a final one.
    enum Verdict {
        None,
        Upheld,
        Void,
        Restated
    }

    /// @notice The rules of one feed. Their digest stands in every report, so a report signed under other rules is refused.
    /// @param quorum Signers who must agree, at least 1.
    /// @param requiredGroups Bit g is set when one signer must belong to group g (1 to 4).
    /// @param challengeWindow Seconds between candidate and final.
    /// @param maximumLag Seconds that a report's `observedAt` may lie in the past, and after the end of its period.
    /// @param anchorLag Seconds after `observedAt` within which the evidence root must have been anchored.
    /// @param spreadBps How far the cross-check value may lie from the value, in basis points of the value.
    /// @param crossCheckFeed The feed that must confirm the value; zero for none.
    /// @param minimumValue Hard physical lower bound, inclusive, in the feed's unit.
    /// @param maximumValue Hard physical upper bound, inclusive, in the feed's unit.
    struct Feed {
        uint8 quorum;
        uint8 requiredGroups;
        uint32 challengeWindow;
        uint32 maximumLag;
        uint32 anchorLag;
        uint16 spreadBps;
        bytes32 crossCheckFeed;
        int128 minimumValue;
        int128 maximumValue;
    }

    /// @notice What one reporter signs (EIP-712).
    /// @param feed What is measured and in which unit, as short text: "carbon-kg".
    /// @param subject What it is measured on: a pool of parcels, a product line.
    /// @param periodStart First second of the period, UTC.
    /// @param periodEnd First second after the period, UTC.
    /// @param observedAt When the last observation was made, UTC seconds.
    /// @param validUntil When the figure stops being fresh, UTC seconds.
    /// @param seq The signer's own count of reports to this feed; the first is 1.
    /// @param value The figure, in the feed's unit; for a register the sum of its weights.
    /// @param uncertainty Half-width of the 90 % interval, in the feed's unit.
    /// @param shareRoot Root of the Merkle-sum register of holders; zero when there is none.
    /// @param shareCount Number of leaves of that register.
    /// @param evidenceRoot Root over the raw data.
    /// @param methodology Digest of the parameter set that was used.
    /// @param qcFlags Quality flags as bits.
    /// @param configDigest Digest of the feed's rules and signers.
    struct Report {
        bytes32 feed;
        bytes32 subject;
        uint64 periodStart;
        uint64 periodEnd;
        uint64 observedAt;
        uint64 validUntil;
        uint64 seq;
        int128 value;
        uint128 uncertainty;
        bytes32 shareRoot;
        uint64 shareCount;
        bytes32 evidenceRoot;
        bytes32 methodology;
        uint64 qcFlags;
        bytes32 configDigest;
    }

    /// @notice A round that reached a quorum. What its reports say too is as in `Report`.
    /// @param state Where it stands.
    /// @param finalFrom First second, in running time, at which it can be made final.
    /// @param verdict What the panel decided before the round was final. `Restated` figures rest on the panel, not on votes.
    /// @param quorum Signers whom the rules asked for when it became a candidate.
    /// @param requiredGroups The groups that they asked for.
    /// @param spreadBps The spread that they allowed the cross-check, in basis points of the value.
    /// @param periodStart First second of the period, UTC.
    /// @param periodEnd First second after the period, UTC.
    /// @param observedAt The earliest that any of the votes says, UTC seconds.
    /// @param validUntil The earliest that any of the votes says, UTC seconds.
    /// @param shareCount Number of leaves of the register of holders.
    /// @param value The figure, in the feed's unit.
    /// @param uncertainty Half-width of its 90 % interval, in the feed's unit.
    /// @param feed What is measured.
    /// @param subject What it is measured on.
    /// @param shareRoot Root of the register of holders; zero when there is none.
    /// @param evidenceRoot Root over the raw data.
    /// @param methodology Digest of the parameter set that was used.
    /// @param result What the signers agree on, or what the panel put in its place: `resultId`, or a hash of its own.
    /// @param crossCheckRound The round that confirmed it and must still do so when it becomes final; zero for none.
    struct Round {
        State state;
        uint64 finalFrom;
        Verdict verdict;
        uint8 quorum;
        uint8 requiredGroups;
        uint16 spreadBps;
        uint64 periodStart;
        uint64 periodEnd;
        uint64 observedAt;
        uint64 validUntil;
        uint64 shareCount;
        int128 value;
        uint128 uncertainty;
        bytes32 feed;
        bytes32 subject;
        bytes32 shareRoot;
        bytes32 evidenceRoot;
        bytes32 methodology;
        bytes32 result;
        bytes32 crossCheckRound;
    }

    /// @notice What a panel puts in the place of a result, or beside a final one.
    /// @param value The figure, in the feed's unit.
    /// @param uncertainty Half-width of its 90 % interval, in the feed's unit.
    /// @param shareRoot Root of the register of holders; zero when there is none.
    /// @param shareCount Number of leaves of that register.
    /// @param evidenceRoot Root over the raw data.
    /// @param methodology Digest of the parameter set that was used.
    struct Figures {
        int128 value;
        uint128 uncertainty;
        bytes32 shareRoot;
        uint64 shareCount;
        bytes32 evidenceRoot;
        bytes32 methodology;
    }

    /// @notice The two results that one signer signed for one round under one set of rules.
    /// @param first One of them; the earlier one if both were handed in as reports.
    /// @param second The other one.
    struct Equivocation {
        bytes32 first;
        bytes32 second;
    }

    /* EVENTS */

    /// @notice Emitted when the rules of `feed` are set; reports must carry `configDigest` from now on.
    event FeedConfigured(bytes32 indexed feed, Feed config, bytes32 configDigest, address indexed by);
    /// @notice Emitted when `signer` joins `feed` in `group`, or leaves it (group 0).
    event SignerChanged(
        bytes32 indexed feed,
        address indexed signer,
        uint8 oldGroup,
        uint8 newGroup,
        bytes32 configDigest,
        address indexed by
    );
    /// @notice Emitted when `root` was first seen.
    event Anchored(bytes32 indexed root, uint64 at, address indexed by);
    /// @notice Emitted for each accepted report.
    event Reported(bytes32 indexed round, address indexed signer, bytes32 indexed result, uint8 group, Report report);
    /// @notice Emitted when a signer signed two different results for one round. It no longer counts in it.
    event Equivocated(bytes32 indexed round, address indexed signer, bytes32 first, bytes32 second);
    /// @notice Emitted when a round has its quorum; `finalFrom` is the first second of running time at which it can be final.
    event CandidateReached(
        bytes32 indexed round,
        bytes32 indexed feed,
        bytes32 indexed subject,
        bytes32 result,
        int128 value,
        uint128 uncertainty,
        bytes32 shareRoot,
        uint64 shareCount,
        bytes32 evidenceRoot,
        bytes32 methodology,
        uint64 finalFrom
    );
    /// @notice Emitted when a candidate loses its quorum because `signer` was found to equivocate, and with it any dispute; or,
    /// with the zero address for `signer`, when its cross-check no longer confirms it.
    event CandidateLost(bytes32 indexed round, bytes32 result, address indexed signer);
    /// @notice Emitted when the panel restates a round. A candidate's figures become these, under `newResult`; those of a final
    /// round stay, and these stand beside them.
    event Restated(
        bytes32 indexed round,
        bytes32 oldResult,
        bytes32 newResult,
        int128 oldValue,
        uint128 oldUncertainty,
        Figures figures
    );
    /// @notice Emitted when a void result renews the digest of its feed: every vote that is no candidate is void with it.
    event VotesVoided(bytes32 indexed feed, bytes32 indexed round, bytes32 result, bytes32 configDigest);
    /// @notice Emitted when a round is final.
    event Finalised(bytes32 indexed round, bytes32 indexed feed, bytes32 indexed subject, bytes32 result, int128 value);

    /* ERRORS */

    /// @notice Thrown when nobody has set the rules of `feed`.
    error UnknownFeed(bytes32 feed);
    /// @notice Thrown when a feed's rules contradict themselves.
    error FeedMalformed(bytes32 feed);
    /// @notice Thrown when a signer would join a group that is none of 1 to 4.
    error GroupOutOfRange(uint8 group);
    /// @notice Thrown when a group has 255 signers: its votes are counted in eight bits.
    error GroupFull(bytes32 feed, uint8 group);
    /// @notice Thrown when the root that would be anchored is zero.
    error EmptyRoot();
    /// @notice Thrown when a report was signed under other rules or another set of signers.
    error StaleConfig(bytes32 given, bytes32 current);
    /// @notice Thrown when a report's period ends no later than it begins, both in UTC seconds.
    error PeriodEmpty(uint64 periodStart, uint64 periodEnd);
    /// @notice Thrown when a report's last observation was made before its period was over, both in UTC seconds.
    error PeriodNotOver(uint64 periodEnd, uint64 observedAt);
    /// @notice Thrown when a report's last observation lies after now, `timestamp`, both in UTC seconds.
    error ObservedInFuture(uint64 observedAt, uint256 timestamp);
    /// @notice Thrown when a report's last observation is older than the feed's `maximumLag` allows, both in UTC seconds.
    error ReportTooOld(uint64 observedAt, uint256 oldestAccepted);
    /// @notice Thrown when what a report calls an observation of its period was made too long after it, in UTC seconds.
    error ObservedTooLate(uint64 observedAt, uint256 latest);
    /// @notice Thrown when a report's figure is no longer fresh now, at `timestamp`, both in UTC seconds.
    error ReportExpired(uint64 validUntil, uint256 timestamp);
    /// @notice Thrown when a value is physically impossible, all in the feed's unit. It is never clamped.
    error ValueOutOfBounds(int128 value, int128 minimum, int128 maximum);
    /// @notice Thrown when a report names a register without leaves, leaves without a root, or a register of nothing.
    error RegisterMalformed(bytes32 shareRoot, uint64 shareCount, int128 value);
    /// @notice Thrown when the evidence was not anchored by `latest`, both in UTC seconds; `anchoredAt` 0 means never.
    error EvidenceNotAnchored(bytes32 evidenceRoot, uint64 anchoredAt, uint256 latest);
    /// @notice Thrown when the evidence existed before the last observation that it is said to hold, both in UTC seconds.
    error EvidenceTooEarly(bytes32 evidenceRoot, uint64 anchoredAt, uint64 observedAt);
    /// @notice Thrown when the evidence has served another round of the same feed and subject.
    error EvidenceReused(bytes32 evidenceRoot, bytes32 round);
    /// @notice Thrown when a result has the figures that the panel voided in this round.
    error ResultVoided(bytes32 round, bytes32 figures);
    /// @notice Thrown when the signature is malformed or malleable.
    error SignatureMalformed(bytes32 digest);
    /// @notice Thrown when `signer` is no signer of `feed`, or is nobody where one would be added.
    error UnknownSigner(bytes32 feed, address signer);
    /// @notice Thrown when a report is number `given` of its signer's in the feed, and number `expected` is next.
    error WrongSequence(address signer, uint64 given, uint64 expected);
    /// @notice Thrown when `signer` has signed two results for `round`, and counts in it no more.
    error SignerExcluded(bytes32 round, address signer);
    /// @notice Thrown when there are not as many signatures as reports.
    error LengthMismatch(uint256 reports, uint256 signatures);
    /// @notice Thrown when the period overlaps one that is final for the same feed and subject, all in UTC seconds.
    error PeriodOverlapsFinal(uint64 periodStart, uint64 periodEnd, uint64 finalStart, uint64 finalEnd);
    /// @notice Thrown when a report or a nomination comes for a round that is final.
    error AlreadyFinal(bytes32 round);
    /// @notice Thrown when a round is nominated that is a candidate, or disputed, already.
    error AlreadyCandidate(bytes32 round);
    /// @notice Thrown when what is asked is for candidates, and the round stands at `state`.
    error NotCandidate(bytes32 round, State state);
    /// @notice Thrown when what is asked is for final rounds, and the round stands at `state`.
    error NotFinal(bytes32 round, State state);
    /// @notice Thrown until running time reaches `finalFrom`.
    error ChallengeWindowOpen(bytes32 round, uint256 finalFrom);
    /// @notice Thrown once running time has reached `finalFrom`.
    error ChallengeWindowOver(bytes32 round, uint256 finalFrom);
    /// @notice Thrown when too few signers, `votes` of `quorum`, or none of a required group, stand behind the result.
    error QuorumMissing(bytes32 round, bytes32 result, uint256 votes, uint256 quorum);
    /// @notice Thrown when the round that must confirm the value is neither a candidate nor final.
    error CrossCheckMissing(bytes32 crossCheckRound);
    /// @notice Thrown when the cross-check lies further from the value than `spreadBps` basis points of it; both in their
    /// feeds' unit.
    error CrossCheckApart(int128 value, int128 crossCheck, uint16 spreadBps);
    /// @notice Thrown when a candidate is to be withdrawn whose cross-check confirms it, is disputed, or is not needed.
    error CrossCheckStands(bytes32 round, bytes32 crossCheckRound);
    /// @notice Thrown when a verdict comes from anybody but the panel's contract.
    error NotThePanel(address caller);
    /// @notice Thrown when the panel has judged the candidate already.
    error JudgedAlready(bytes32 round, Verdict verdict);
    /// @notice Thrown when a verdict comes for a round that is not disputed, nor final where it is restated: it stands at
    /// `state`.
    error NotDisputed(bytes32 round, State state);
    /// @notice Thrown when a subject has no final figure (`validUntil` 0), or the newest was fresh until `validUntil`, in
    /// UTC seconds.
    error NotFresh(bytes32 feed, bytes32 subject, uint64 validUntil);

    /* RULES AND SIGNERS */

    /// @notice Sets the rules of `feed`. For the committee, after its delay. Pending votes are void.
    function configureFeed(bytes32 feed, Feed calldata config) external;

    /// @notice Lets `signer` report to `feed` in `group` (1 to 4). For the committee, after its delay. Pending votes are void.
    function addSigner(bytes32 feed, address signer, uint8 group) external;

    /// @notice Removes `signer` from `feed` at once. For the guardian. Pending votes are void.
    function removeSigner(bytes32 feed, address signer) external;

    /* EVIDENCE */

    /// @notice Records that `root` existed now. Anyone may call; only the first time counts.
    function anchor(bytes32 root) external;

    /* ROUNDS */

    /// @notice Hands in one signed report; anyone may carry it.
    /// @return round The round it belongs to.
    function submit(Report calldata report, bytes calldata signature) external returns (bytes32 round);

    /// @notice Hands in several signed reports; one that is refused refuses all.
    function submitMany(Report[] calldata reports, bytes[] calldata signatures) external;

    /// @notice Makes a round a candidate whose quorum was complete before its cross-check arrived. Anyone may call, with any
    /// report of the round that carries the result (its signature was checked when it was handed in).
    function nominate(Report calldata report) external;

    /// @notice Makes a candidate final once its challenge window is over, unless the contract is paused. Its cross-check must still
    /// confirm it, unless the panel restated it. Anyone may call.
    function finalise(bytes32 round) external;

    /// @notice Takes back a candidate whose cross-check was lost, voided or changed, so that the round can be nominated or
    /// reported anew. Anyone may call.
    function withdraw(bytes32 round) external;

    /* VERDICTS */

    /// @notice Excludes a signer who was proved to have signed two results for one round. For the panel's contract.
    function exclude(bytes32 round, bytes32 feed, address signer, bytes32 first, bytes32 second) external;

    /// @notice Marks a candidate as disputed, during its challenge window and once. For the panel's contract.
    /// @return feed Its feed.
    /// @return result What is disputed.
    function dispute(bytes32 round) external returns (bytes32 feed, bytes32 result);

    /// @notice Upholds or voids a disputed round. For the panel's contract.
    /// @return state Where the round stands now.
    function settle(bytes32 round, Verdict verdict) external returns (State state);

    /// @notice Restates a disputed round, under the name `result`. A final round stays as it is; the panel's contract keeps what
    /// stands beside it. For the panel's contract.
    function restate(bytes32 round, bytes32 result, Figures calldata figures) external;

    /* VIEWS */

    /// @return The digest that a reporter signs.
    function reportDigest(Report calldata report) external view returns (bytes32);

    /// @return The identifier of the round (feed, subject, [periodStart, periodEnd)).
    function roundId(bytes32 feed, bytes32 subject, uint64 periodStart, uint64 periodEnd)
        external
        pure
        returns (bytes32);

    /// @return What signers of one round must agree on, to the last bit.
    function resultId(Report calldata report) external pure returns (bytes32);

    /// @return The round as it stands.
    function roundOf(bytes32 round) external view returns (Round memory);

    /// @return The round; reverts unless it is final.
    function finalRound(bytes32 round) external view returns (Round memory);

    /// @return The newest final round of (feed, subject) as it became final; reverts when there is none or it is no longer
    /// fresh. A pause does not keep a figure fresh: `validUntil` is UTC.
    function requireFresh(bytes32 feed, bytes32 subject) external view returns (Round memory);

    /// @return What may be lent on: `value − 2 · uncertainty` of the newest final round, at least 0, and never more than the
    /// same of its restatement, of what a member of the panel proposed for it, or of any newer round that ever was a candidate.
    /// Reverts like {requireFresh}.
    function lendingValue(bytes32 feed, bytes32 subject) external view returns (uint128);

    /// @return The results that `signer` signed for `round`; zeros when it did not equivocate.
    function equivocationOf(bytes32 round, address signer) external view returns (Equivocation memory);

    /// @notice Refuses figures that the panel cannot restate `round` with: such as no report may have, or on evidence that was
    /// never anchored or serves another round.
    function requirePossible(bytes32 round, Figures calldata figures) external view;

    /// @return The contract whose verdicts count here.
    function panel() external view returns (IMonitoringPanel);

    /// @return The rules of `feed`.
    function feedOf(bytes32 feed) external view returns (Feed memory);

    /// @return Digest of the rules and the signers of `feed`.
    function configDigest(bytes32 feed) external view returns (bytes32);

    /// @return The group of `signer` in `feed`; 0 when it is no signer.
    function groupOf(bytes32 feed, address signer) external view returns (uint8);

    /// @return The sequence number of the signer's last report to `feed`.
    function lastSeq(bytes32 feed, address signer) external view returns (uint64);

    /// @return When `root` was anchored; 0 if never.
    function anchoredAt(bytes32 root) external view returns (uint64);
}
