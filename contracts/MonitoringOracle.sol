// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";

/// @title MonitoringOracle
/// @notice See {IMonitoringOracle}.
contract MonitoringOracle is IMonitoringOracle, Governed, EIP712 {
    /// @dev The votes for one result: how many in each group (8 bits each, group 1 lowest), and the most careful of their
    /// times. Invariant: the sum over `byGroup` is the number of signers whose `_voteOf` is this result.
    struct Tally {
        uint32 byGroup;
        uint64 observedAt;
        uint64 validUntil;
    }

    /// @dev A final period, half-open. Invariant: the periods of one (feed, subject) are sorted and never overlap.
    struct FinalPeriod {
        uint64 start;
        uint64 end;
        bytes32 round;
    }

    bytes32 private constant REPORT_TYPEHASH = keccak256(
        "Report(bytes32 feed,bytes32 subject,uint64 periodStart,uint64 periodEnd,uint64 observedAt,uint64 validUntil,uint64 seq,int128 value,uint128 uncertainty,bytes32 shareRoot,uint64 shareCount,bytes32 evidenceRoot,bytes32 methodology,uint64 qcFlags,bytes32 configDigest)"
    );

    uint8 private constant GROUPS = 4;

    /// @dev Stands in `_voteOf` for a signer who equivocated; no result hashes to it.
    bytes32 private constant EXCLUDED = bytes32(uint256(1));

    /* STORAGE */

    mapping(bytes32 feed => Feed) private _feeds;
    /// @dev Raised by every change of rules or signers, so that no old digest ever becomes current again.
    mapping(bytes32 feed => uint256) private _epoch;
    /// @inheritdoc IMonitoringOracle
    mapping(bytes32 feed => bytes32) public configDigest;
    /// @inheritdoc IMonitoringOracle
    mapping(bytes32 feed => mapping(address signer => uint8)) public groupOf;
    /// @inheritdoc IMonitoringOracle
    mapping(bytes32 feed => mapping(address signer => uint64)) public lastSeq;
    /// @inheritdoc IMonitoringOracle
    mapping(bytes32 root => uint64) public anchoredAt;

    mapping(bytes32 round => Round) private _rounds;
    mapping(bytes32 ballot => mapping(address signer => bytes32)) private _voteOf;
    mapping(bytes32 result => Tally) private _tallies;
    mapping(bytes32 feed => mapping(bytes32 subject => FinalPeriod[])) private _finalPeriods;

    constructor(address authority) Governed(authority) EIP712("Gongsheng MonitoringOracle", "1") {}

    /* RULES AND SIGNERS */

    /// @inheritdoc IMonitoringOracle
    function configureFeed(bytes32 feed, Feed calldata config) external restricted {
        require(
            feed != 0 && config.quorum != 0 && config.minimumValue <= config.maximumValue
                && config.crossCheckFeed != feed && config.requiredGroups >> (GROUPS + 1) == 0
                && config.requiredGroups & 1 == 0,
            FeedMalformed(feed)
        );
        _feeds[feed] = config;
        emit FeedConfigured(feed, config, _renewDigest(feed), msg.sender);
    }

    /// @inheritdoc IMonitoringOracle
    function addSigner(bytes32 feed, address signer, uint8 group) external restricted {
        require(_feeds[feed].quorum != 0, UnknownFeed(feed));
        require(group != 0 && group <= GROUPS, GroupOutOfRange(group));
        require(signer != address(0), UnknownSigner(feed, signer));
        _setGroup(feed, signer, group);
    }

    /// @inheritdoc IMonitoringOracle
    function removeSigner(bytes32 feed, address signer) external restricted {
        require(groupOf[feed][signer] != 0, UnknownSigner(feed, signer));
        _setGroup(feed, signer, 0);
    }

    function _setGroup(bytes32 feed, address signer, uint8 group) private {
        uint8 old = groupOf[feed][signer];
        groupOf[feed][signer] = group;
        emit SignerChanged(feed, signer, old, group, _renewDigest(feed), msg.sender);
    }

    /// @dev The digest is part of every result, so renewing it voids all votes that have not become a candidate.
    function _renewDigest(bytes32 feed) private returns (bytes32 digest) {
        _epoch[feed] += 1;
        digest = keccak256(abi.encode(block.chainid, address(this), feed, _feeds[feed], _epoch[feed]));
        configDigest[feed] = digest;
    }

    /* EVIDENCE */

    /// @inheritdoc IMonitoringOracle
    function anchor(bytes32 root) external {
        require(root != 0, EmptyRoot());
        if (anchoredAt[root] != 0) return;
        anchoredAt[root] = uint64(block.timestamp);
        emit Anchored(root, uint64(block.timestamp), msg.sender);
    }

    /* ROUNDS */

    /// @inheritdoc IMonitoringOracle
    function submit(Report calldata report, bytes calldata signature) external returns (bytes32 round) {
        return _submit(report, signature);
    }

    /// @inheritdoc IMonitoringOracle
    function submitMany(Report[] calldata reports, bytes[] calldata signatures) external {
        require(reports.length == signatures.length, LengthMismatch(reports.length, signatures.length));
        for (uint256 i = 0; i < reports.length; i++) {
            _submit(reports[i], signatures[i]);
        }
    }

    function _submit(Report calldata report, bytes calldata signature) private returns (bytes32 round) {
        _requireWellFormed(report);
        round = roundId(report.feed, report.subject, report.periodStart, report.periodEnd);
        require(_rounds[round].state != State.Final, AlreadyFinal(round));
        _requireNoOverlap(report.feed, report.subject, report.periodStart, report.periodEnd);

        (address signer, uint8 group) = _signerOf(report, signature);
        uint64 expected = lastSeq[report.feed][signer] + 1;
        require(report.seq == expected, WrongSequence(signer, report.seq, expected));
        lastSeq[report.feed][signer] = expected;
        _vote(report, round, signer, group);
    }

    function _signerOf(Report calldata report, bytes calldata signature)
        private
        view
        returns (address signer, uint8 group)
    {
        bytes32 digest = reportDigest(report);
        ECDSA.RecoverError failure;
        (signer, failure,) = ECDSA.tryRecover(digest, signature);
        require(failure == ECDSA.RecoverError.NoError, SignatureMalformed(digest));
        group = groupOf[report.feed][signer];
        require(group != 0, UnknownSigner(report.feed, signer));
    }

    function _vote(Report calldata report, bytes32 round, address signer, uint8 group) private {
        // Votes are kept per set of rules: a signer may report again once the rules or the signers have changed.
        bytes32 ballot = keccak256(abi.encode(round, report.configDigest));
        bytes32 earlier = _voteOf[ballot][signer];
        require(earlier != EXCLUDED, SignerExcluded(round, signer));
        bytes32 result = resultId(report);
        emit Reported(round, signer, result, group, report);

        if (earlier == 0) {
            _voteOf[ballot][signer] = result;
            _count(result, group, report.observedAt, report.validUntil);
            _nominateIfReady(report, round, result);
        } else if (earlier != result) {
            _voteOf[ballot][signer] = EXCLUDED;
            _discount(round, earlier, signer, group);
            emit Equivocated(round, signer, earlier, result);
        }
    }

    function _requireWellFormed(Report calldata report) private view {
        Feed storage feed = _feeds[report.feed];
        require(feed.quorum != 0, UnknownFeed(report.feed));
        require(
            report.configDigest == configDigest[report.feed],
            StaleConfig(report.configDigest, configDigest[report.feed])
        );
        require(report.periodStart < report.periodEnd, PeriodEmpty(report.periodStart, report.periodEnd));
        require(report.periodEnd <= report.observedAt, PeriodNotOver(report.periodEnd, report.observedAt));
        require(report.observedAt <= block.timestamp, ObservedInFuture(report.observedAt, block.timestamp));
        // A lag longer than the time since 1970 refuses nothing.
        uint256 oldest = block.timestamp > feed.maximumLag ? block.timestamp - feed.maximumLag : 0;
        require(report.observedAt >= oldest, ReportTooOld(report.observedAt, oldest));
        require(report.validUntil > block.timestamp, ReportExpired(report.validUntil, block.timestamp));
        require(
            feed.minimumValue <= report.value && report.value <= feed.maximumValue,
            ValueOutOfBounds(report.value, feed.minimumValue, feed.maximumValue)
        );
        require(
            (report.shareRoot == 0) == (report.shareCount == 0) && (report.shareCount == 0 || report.value > 0),
            RegisterMalformed(report.shareRoot, report.shareCount, report.value)
        );
        uint64 anchored = anchoredAt[report.evidenceRoot];
        uint256 latest = uint256(report.observedAt) + feed.anchorLag;
        require(anchored != 0 && anchored <= latest, EvidenceNotAnchored(report.evidenceRoot, anchored, latest));
    }

    function _count(bytes32 result, uint8 group, uint64 observedAt, uint64 validUntil) private {
        Tally storage tally = _tallies[result];
        bool isFirst = tally.byGroup == 0;
        tally.byGroup += _oneIn(group);
        // The most careful of the signers decides how old the figure is and how long it stays fresh.
        if (isFirst || observedAt < tally.observedAt) tally.observedAt = observedAt;
        if (isFirst || validUntil < tally.validUntil) tally.validUntil = validUntil;
    }

    /// @dev Takes back the vote of a signer who equivocated, and with it the candidacy that rested on it.
    function _discount(bytes32 round, bytes32 result, address signer, uint8 group) private {
        Tally storage tally = _tallies[result];
        tally.byGroup -= _oneIn(group);
        Round storage candidate = _rounds[round];
        if (candidate.result == result && !_hasQuorum(_feeds[candidate.feed], tally.byGroup)) {
            delete _rounds[round];
            emit CandidateLost(round, result, signer);
        }
    }

    function _oneIn(uint8 group) private pure returns (uint32) {
        return uint32(1) << (8 * (group - 1));
    }

    function _votes(uint32 byGroup) private pure returns (uint256 votes) {
        for (; byGroup != 0; byGroup >>= 8) {
            votes += byGroup & 0xff;
        }
    }

    function _hasQuorum(Feed storage feed, uint32 byGroup) private view returns (bool) {
        for (uint8 group = 1; group <= GROUPS; group++) {
            if ((feed.requiredGroups >> group) & 1 == 1 && (byGroup >> (8 * (group - 1))) & 0xff == 0) return false;
        }
        return _votes(byGroup) >= feed.quorum;
    }

    /// @return round The round of the cross-check feed that must confirm the report.
    /// @return value What it says; meaningless unless `exists`.
    /// @return exists Whether it has reached its own quorum.
    function _crossCheck(Report calldata report, bytes32 crossCheckFeed)
        private
        view
        returns (bytes32 round, int128 value, bool exists)
    {
        round = roundId(crossCheckFeed, report.subject, report.periodStart, report.periodEnd);
        Round storage crossCheck = _rounds[round];
        return (round, crossCheck.value, crossCheck.state != State.None);
    }

    function _isNear(int128 value, int128 crossCheck, uint16 spreadBps) private pure returns (bool) {
        uint256 apart = SignedMath.abs(int256(value) - int256(crossCheck));
        return apart * 10_000 <= SignedMath.abs(int256(value)) * spreadBps;
    }

    function _nominateIfReady(Report calldata report, bytes32 round, bytes32 result) private {
        Feed storage feed = _feeds[report.feed];
        if (_rounds[round].state != State.None || !_hasQuorum(feed, _tallies[result].byGroup)) return;
        if (feed.crossCheckFeed != 0) {
            (, int128 crossCheck, bool exists) = _crossCheck(report, feed.crossCheckFeed);
            if (!exists || !_isNear(report.value, crossCheck, feed.spreadBps)) return;
        }
        _becomeCandidate(report, round, result);
    }

    /// @inheritdoc IMonitoringOracle
    function nominate(Report calldata report) external {
        bytes32 round = roundId(report.feed, report.subject, report.periodStart, report.periodEnd);
        require(_rounds[round].state != State.Final, AlreadyFinal(round));
        require(_rounds[round].state == State.None, AlreadyCandidate(round));
        Feed storage feed = _feeds[report.feed];
        require(feed.quorum != 0, UnknownFeed(report.feed));
        require(
            report.configDigest == configDigest[report.feed],
            StaleConfig(report.configDigest, configDigest[report.feed])
        );

        bytes32 result = resultId(report);
        uint32 byGroup = _tallies[result].byGroup;
        require(_hasQuorum(feed, byGroup), QuorumMissing(round, result, _votes(byGroup), feed.quorum));
        if (feed.crossCheckFeed != 0) {
            (bytes32 crossRound, int128 crossCheck, bool exists) = _crossCheck(report, feed.crossCheckFeed);
            require(exists, CrossCheckMissing(crossRound));
            require(
                _isNear(report.value, crossCheck, feed.spreadBps),
                CrossCheckApart(report.value, crossCheck, feed.spreadBps)
            );
        }
        _becomeCandidate(report, round, result);
    }

    function _becomeCandidate(Report calldata report, bytes32 round, bytes32 result) private {
        _rounds[round] = Round({
            state: State.Candidate,
            candidateAt: uint64(block.timestamp),
            periodStart: report.periodStart,
            periodEnd: report.periodEnd,
            observedAt: _tallies[result].observedAt,
            validUntil: _tallies[result].validUntil,
            shareCount: report.shareCount,
            value: report.value,
            uncertainty: report.uncertainty,
            feed: report.feed,
            subject: report.subject,
            shareRoot: report.shareRoot,
            evidenceRoot: report.evidenceRoot,
            methodology: report.methodology,
            result: result
        });
        emit CandidateReached(
            round,
            report.feed,
            report.subject,
            result,
            report.value,
            report.uncertainty,
            report.shareRoot,
            report.shareCount,
            report.evidenceRoot,
            report.methodology,
            uint64(block.timestamp) + _feeds[report.feed].challengeWindow
        );
    }

    /// @inheritdoc IMonitoringOracle
    function finalise(bytes32 round) external {
        Round storage candidate = _rounds[round];
        require(candidate.state == State.Candidate, NotCandidate(round, candidate.state));
        uint256 finalFrom = uint256(candidate.candidateAt) + _feeds[candidate.feed].challengeWindow;
        require(block.timestamp >= finalFrom, ChallengeWindowOpen(round, finalFrom));
        _requireNoOverlap(candidate.feed, candidate.subject, candidate.periodStart, candidate.periodEnd);

        candidate.state = State.Final;
        FinalPeriod[] storage periods = _finalPeriods[candidate.feed][candidate.subject];
        periods.push();
        uint256 i = periods.length - 1;
        for (; i > 0 && periods[i - 1].start > candidate.periodStart; i--) {
            periods[i] = periods[i - 1];
        }
        periods[i] = FinalPeriod({start: candidate.periodStart, end: candidate.periodEnd, round: round});
        emit Finalised(round, candidate.feed, candidate.subject, candidate.result, candidate.value);
    }

    /// @dev Reports come in about the order of their periods, so the search from the newest period ends at once.
    function _requireNoOverlap(bytes32 feed, bytes32 subject, uint64 periodStart, uint64 periodEnd) private view {
        FinalPeriod[] storage periods = _finalPeriods[feed][subject];
        for (uint256 i = periods.length; i > 0; i--) {
            FinalPeriod storage period = periods[i - 1];
            require(
                period.end <= periodStart || periodEnd <= period.start,
                PeriodOverlapsFinal(periodStart, periodEnd, period.start, period.end)
            );
            if (period.end <= periodStart) return;
        }
    }

    /* VIEWS */

    /// @inheritdoc IMonitoringOracle
    function reportDigest(Report calldata report) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPEHASH, report)));
    }

    /// @inheritdoc IMonitoringOracle
    function roundId(bytes32 feed, bytes32 subject, uint64 periodStart, uint64 periodEnd)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(feed, subject, periodStart, periodEnd));
    }

    /// @inheritdoc IMonitoringOracle
    function resultId(Report calldata report) public pure returns (bytes32) {
        return keccak256(
            abi.encode(
                roundId(report.feed, report.subject, report.periodStart, report.periodEnd),
                report.configDigest,
                report.value,
                report.uncertainty,
                report.shareRoot,
                report.shareCount,
                report.evidenceRoot,
                report.methodology
            )
        );
    }

    /// @inheritdoc IMonitoringOracle
    function roundOf(bytes32 round) external view returns (Round memory) {
        return _rounds[round];
    }

    /// @inheritdoc IMonitoringOracle
    function finalRound(bytes32 round) external view returns (Round memory) {
        require(_rounds[round].state == State.Final, NotFinal(round, _rounds[round].state));
        return _rounds[round];
    }

    /// @inheritdoc IMonitoringOracle
    function requireFresh(bytes32 feed, bytes32 subject) external view returns (Round memory) {
        FinalPeriod[] storage periods = _finalPeriods[feed][subject];
        require(periods.length != 0, NotFresh(feed, subject, 0));
        Round storage newest = _rounds[periods[periods.length - 1].round];
        require(block.timestamp < newest.validUntil, NotFresh(feed, subject, newest.validUntil));
        return newest;
    }

    /// @inheritdoc IMonitoringOracle
    function feedOf(bytes32 feed) external view returns (Feed memory) {
        return _feeds[feed];
    }
}
