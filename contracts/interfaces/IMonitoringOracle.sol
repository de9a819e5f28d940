// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Monitoring oracle
/// @notice Independent reporters sign what they measured. A round is one (feed, subject, period). It becomes a candidate when
/// the feed's quorum has signed the identical result, every required group is among the signers and the cross-check feed is
/// near enough; after the challenge window anyone may make it final. What is final is never overwritten.
interface IMonitoringOracle {
    /// @notice Where a round stands. `None` is a round that nobody has brought to a quorum.
    enum State {
        None,
        Candidate,
        Final
    }

    /// @notice The rules of one feed. Their digest stands in every report, so a report signed under other rules is refused.
    /// @param quorum Signers who must agree, at least 1.
    /// @param requiredGroups Bit g is set when one signer must belong to group g (1 to 4).
    /// @param challengeWindow Seconds between candidate and final.
    /// @param maximumLag Seconds that a report's `observedAt` may lie in the past.
    /// @param anchorLag Seconds after `observedAt` within which the evidence root must have been anchored.
    /// @param spreadBps How far the cross-check value may lie from the value, in basis points of the value.
    /// @param crossCheckFeed The feed that must confirm the value; zero for none.
    /// @param minimumValue Hard physical lower bound, inclusive.
    /// @param maximumValue Hard physical upper bound, inclusive.
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
    /// @param periodStart First second of the period.
    /// @param periodEnd First second after the period.
    /// @param observedAt When the last observation was made.
    /// @param validUntil When the figure stops being fresh.
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

    /// @notice A round that reached a quorum.
    struct Round {
        State state;
        uint64 candidateAt;
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
    /// @notice Emitted when a round has its quorum; `finalFrom` is the first second at which it can be made final.
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
    /// @notice Emitted when a candidate loses its quorum because a signer was found to equivocate.
    event CandidateLost(bytes32 indexed round, bytes32 result, address indexed signer);
    /// @notice Emitted when a round is final.
    event Finalised(bytes32 indexed round, bytes32 indexed feed, bytes32 indexed subject, bytes32 result, int128 value);

    /* ERRORS */

    error UnknownFeed(bytes32 feed);
    /// @notice Thrown when a feed's rules contradict themselves.
    error FeedMalformed(bytes32 feed);
    error GroupOutOfRange(uint8 group);
    error EmptyRoot();
    /// @notice Thrown when a report was signed under other rules or another set of signers.
    error StaleConfig(bytes32 given, bytes32 current);
    error PeriodEmpty(uint64 periodStart, uint64 periodEnd);
    error PeriodNotOver(uint64 periodEnd, uint64 observedAt);
    error ObservedInFuture(uint64 observedAt, uint256 timestamp);
    error ReportTooOld(uint64 observedAt, uint256 oldestAccepted);
    error ReportExpired(uint64 validUntil, uint256 timestamp);
    /// @notice Thrown when a value is physically impossible. It is never clamped.
    error ValueOutOfBounds(int128 value, int128 minimum, int128 maximum);
    /// @notice Thrown when a report names a register without leaves, leaves without a root, or a register of nothing.
    error RegisterMalformed(bytes32 shareRoot, uint64 shareCount, int128 value);
    /// @notice Thrown when the evidence was not anchored in time; `anchoredAt` 0 means never.
    error EvidenceNotAnchored(bytes32 evidenceRoot, uint64 anchoredAt, uint256 latest);
    /// @notice Thrown when the signature is malformed or malleable.
    error SignatureMalformed(bytes32 digest);
    error UnknownSigner(bytes32 feed, address signer);
    error WrongSequence(address signer, uint64 given, uint64 expected);
    error SignerExcluded(bytes32 round, address signer);
    error LengthMismatch(uint256 reports, uint256 signatures);
    /// @notice Thrown when the period overlaps one that is final for the same feed and subject.
    error PeriodOverlapsFinal(uint64 periodStart, uint64 periodEnd, uint64 finalStart, uint64 finalEnd);
    error AlreadyFinal(bytes32 round);
    error AlreadyCandidate(bytes32 round);
    error NotCandidate(bytes32 round, State state);
    error NotFinal(bytes32 round, State state);
    error ChallengeWindowOpen(bytes32 round, uint256 finalFrom);
    /// @notice Thrown when too few signers, or none of a required group, stand behind the result.
    error QuorumMissing(bytes32 round, bytes32 result, uint256 votes, uint256 quorum);
    error CrossCheckMissing(bytes32 crossCheckRound);
    error CrossCheckApart(int128 value, int128 crossCheck, uint16 spreadBps);
    /// @notice Thrown when a subject has no final figure, or the newest one is no longer fresh.
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

    /// @notice Makes a candidate final once its challenge window is over. Anyone may call.
    function finalise(bytes32 round) external;

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

    /// @return The newest final round of (feed, subject); reverts when there is none or it is no longer fresh.
    function requireFresh(bytes32 feed, bytes32 subject) external view returns (Round memory);

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
