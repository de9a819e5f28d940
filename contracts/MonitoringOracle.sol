// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
import {IMonitoringPanel} from "./interfaces/IMonitoringPanel.sol";
import {Valuation} from "./libraries/Valuation.sol";

/// @title MonitoringOracle
/// @notice See {IMonitoringOracle}.
contract MonitoringOracle is IMonitoringOracle, PauseClock, EIP712 {
    /// @dev The votes for one result: how many in each group (8 bits each, group 1 lowest), and the most careful of their
    /// times. Invariant: the sum over `byGroup` is the number of signers whose `_groupOfVote` for this result is not 0.
    struct Tally {
        uint32 byGroup;
        uint64 observedAt;
        uint64 validUntil;
    }

    /// @dev A final period, half-open.
    struct FinalPeriod {
        uint64 start;
        uint64 end;
        bytes32 round;
    }

    /// @dev A figure above which nothing is lent, and the end of the newest period that it comes from; `periodEnd` 0 is none.
    struct Caution {
        uint64 periodEnd;
        uint128 lendable;
    }

    /// @dev What one feed knows of one subject.
    struct Subject {
        /// @dev Invariant: sorted, and no two overlap.
        FinalPeriod[] finalPeriods;
        /// @dev Of periods after the newest final one: the lowest that ever was a candidate, whatever became of it.
        Caution caution;
        /// @dev One piece of evidence serves one round: a single sampling cannot be shown as many periods.
        mapping(bytes32 evidence => bytes32 round) roundOfEvidence;
    }

    bytes32 private constant REPORT_TYPEHASH = keccak256(
        "Report(bytes32 feed,bytes32 subject,uint64 periodStart,uint64 periodEnd,uint64 observedAt,uint64 validUntil,uint64 seq,int128 value,uint128 uncertainty,bytes32 shareRoot,uint64 shareCount,bytes32 evidenceRoot,bytes32 methodology,uint64 qcFlags,bytes32 configDigest)"
    );

    uint8 private constant GROUPS = 4;
    uint8 private constant GROUP_SIZE = type(uint8).max;

    /// @inheritdoc IMonitoringOracle
    IMonitoringPanel public immutable panel;

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

    /// @dev Signers in each group, 8 bits each as in a tally. Invariant: at most 255 each, so that no tally overflows.
    mapping(bytes32 feed => uint32) private _signersByGroup;

    mapping(bytes32 round => Round) private _rounds;
    mapping(bytes32 ballot => mapping(address signer => bytes32)) private _voteOf;
    /// @dev The group in which a signer's vote for a result counts; 0 when it does not.
    mapping(bytes32 result => mapping(address signer => uint8)) private _groupOfVote;
    mapping(bytes32 result => Tally) private _tallies;
    /// @dev Whoever stands here counts in the round no more, whatever the rules and signers become.
    mapping(bytes32 round => mapping(address signer => Equivocation)) private _equivocations;
    mapping(bytes32 round => mapping(bytes32 figures => bool)) private _isVoided;
    mapping(bytes32 feed => mapping(bytes32 subject => Subject)) private _subjects;

    constructor(address authority, IMonitoringPanel panel_)
        Governed(authority)
        EIP712("Gongsheng MonitoringOracle", "1")
    {
        panel = panel_;
    }

    modifier onlyPanel() {
        _requirePanel();
        _;
    }

    function _requirePanel() private view {
        require(msg.sender == address(panel), NotThePanel(msg.sender));
    }

    /* RULES AND SIGNERS */

    /// @inheritdoc IMonitoringOracle
    function configureFeed(bytes32 feed, Feed memory config) public restricted {
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
        require(
            _inGroup(_signersByGroup[feed], group) < GROUP_SIZE || groupOf[feed][signer] == group,
            GroupFull(feed, group)
        );
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
        uint32 signers = _signersByGroup[feed];
        if (old != 0) signers -= _oneIn(old);
        if (group != 0) signers += _oneIn(group);
        _signersByGroup[feed] = signers;
        emit SignerChanged(feed, signer, old, group, _renewDigest(feed), msg.sender);
    }

    /// @dev The digest is part of every result, so renewing it voids all votes that have not become a candidate.
    function _renewDigest(bytes32 feed) private returns (bytes32 digest) {
        _epoch[feed] += 1;
        digest = keccak256(abi.encode(block.chainid, address(this), feed, feedOf(feed), _epoch[feed]));
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
        require(_stateOf(round) != State.Final, AlreadyFinal(round));
        _requireNoOverlap(report.feed, report.subject, report.periodStart, report.periodEnd);
        _requireNew(round, report.feed, report.subject, _figuresOf(report));

        bytes32 digest = reportDigest(report);
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signature);
        require(failure == ECDSA.RecoverError.NoError, SignatureMalformed(digest));
        uint8 group = groupOf[report.feed][signer];
        require(group != 0, UnknownSigner(report.feed, signer));
        uint64 expected = lastSeq[report.feed][signer] + 1;
        require(report.seq == expected, WrongSequence(signer, report.seq, expected));
        lastSeq[report.feed][signer] = expected;
        _vote(report, round, signer, group);
    }

    function _vote(Report calldata report, bytes32 round, address signer, uint8 group) private {
        require(_equivocations[round][signer].first == 0, SignerExcluded(round, signer));
        // Votes are kept per set of rules: a signer may report again once the rules or the signers have changed.
        bytes32 ballot = _ballotOf(round, report.configDigest);
        bytes32 earlier = _voteOf[ballot][signer];
        bytes32 result = resultId(report);
        emit Reported(round, signer, result, group, report);

        if (earlier == 0) {
            _voteOf[ballot][signer] = result;
            _groupOfVote[result][signer] = group;
            _count(result, group, report.observedAt, report.validUntil);
            _nominateIfReady(report, round, result);
        } else if (earlier != result) {
            _exclude(round, report.feed, signer, earlier, result);
        }
    }

    function _ballotOf(bytes32 round, bytes32 digest) private pure returns (bytes32) {
        return keccak256(abi.encode(round, digest));
    }

    /// @dev What the panel voided does not come back, and what served another round does not serve this one.
    function _requireNew(bytes32 round, bytes32 feed, bytes32 subject, Figures memory figures) private view {
        bytes32 id = _figuresId(figures);
        require(!_isVoided[round][id], ResultVoided(round, id));
        bytes32 user = _subjects[feed][subject].roundOfEvidence[figures.evidenceRoot];
        require(user == 0 || user == round, EvidenceReused(figures.evidenceRoot, user));
    }

    function _requireWellFormed(Report calldata report) private view {
        Feed storage feed = _currentFeed(report);
        require(report.periodStart < report.periodEnd, PeriodEmpty(report.periodStart, report.periodEnd));
        require(report.periodEnd <= report.observedAt, PeriodNotOver(report.periodEnd, report.observedAt));
        require(report.observedAt <= block.timestamp, ObservedInFuture(report.observedAt, block.timestamp));
        // A lag longer than the time since 1970 refuses nothing.
        uint256 oldest = block.timestamp > feed.maximumLag ? block.timestamp - feed.maximumLag : 0;
        require(report.observedAt >= oldest, ReportTooOld(report.observedAt, oldest));
        uint256 latest = uint256(report.periodEnd) + feed.maximumLag;
        require(report.observedAt <= latest, ObservedTooLate(report.observedAt, latest));
        require(report.validUntil > block.timestamp, ReportExpired(report.validUntil, block.timestamp));
        _requirePossible(feed, report.value, report.shareRoot, report.shareCount);
        uint64 anchored = anchoredAt[report.evidenceRoot];
        latest = uint256(report.observedAt) + feed.anchorLag;
        require(anchored != 0 && anchored <= latest, EvidenceNotAnchored(report.evidenceRoot, anchored, latest));
        require(report.observedAt <= anchored, EvidenceTooEarly(report.evidenceRoot, anchored, report.observedAt));
    }

    /// @dev The rules of a report's feed, if it was signed under them.
    function _currentFeed(Report calldata report) private view returns (Feed storage feed) {
        feed = _feeds[report.feed];
        require(feed.quorum != 0, UnknownFeed(report.feed));
        bytes32 current = configDigest[report.feed];
        require(report.configDigest == current, StaleConfig(report.configDigest, current));
    }

    function _requirePossible(Feed storage feed, int128 value, bytes32 shareRoot, uint64 shareCount) private view {
        require(
            feed.minimumValue <= value && value <= feed.maximumValue,
            ValueOutOfBounds(value, feed.minimumValue, feed.maximumValue)
        );
        require(
            (shareRoot == 0) == (shareCount == 0) && (shareCount == 0 || value > 0),
            RegisterMalformed(shareRoot, shareCount, value)
        );
    }

    function _count(bytes32 result, uint8 group, uint64 observedAt, uint64 validUntil) private {
        Tally storage tally = _tallies[result];
        bool isFirst = tally.byGroup == 0;
        tally.byGroup += _oneIn(group);
        // The most careful of the signers decides how old the figure is and how long it stays fresh.
        if (isFirst || observedAt < tally.observedAt) tally.observedAt = observedAt;
        if (isFirst || validUntil < tally.validUntil) tally.validUntil = validUntil;
    }

    /* EQUIVOCATION */

    /// @inheritdoc IMonitoringOracle
    function exclude(bytes32 round, bytes32 feed, address signer, bytes32 first, bytes32 second) external onlyPanel {
        require(_equivocations[round][signer].first == 0, SignerExcluded(round, signer));
        _exclude(round, feed, signer, first, second);
    }

    /// @dev Keeps the proof and takes back the signer's votes: the pending one, and the one on which a candidate rests, which
    /// may have been cast under older rules.
    function _exclude(bytes32 round, bytes32 feed, address signer, bytes32 first, bytes32 second) private {
        _equivocations[round][signer] = Equivocation({first: first, second: second});
        emit Equivocated(round, signer, first, second);
        _discount(_voteOf[_ballotOf(round, configDigest[feed])][signer], signer);
        _discount(_rounds[round].result, signer);
        _loseWithoutQuorum(round, signer);
    }

    function _discount(bytes32 result, address signer) private {
        uint8 group = _groupOfVote[result][signer];
        if (group == 0) return;
        delete _groupOfVote[result][signer];
        _tallies[result].byGroup -= _oneIn(group);
    }

    /// @dev A candidate answers to the rules under which it became one. What is final, or rests on the panel, is not lost.
    function _loseWithoutQuorum(bytes32 round, address signer) private {
        Round storage candidate = _rounds[round];
        bool isPending = candidate.state == State.Candidate || candidate.state == State.Disputed;
        if (!isPending || candidate.verdict == Verdict.Restated) return;
        if (_hasQuorum(candidate.quorum, candidate.requiredGroups, _tallies[candidate.result].byGroup)) return;
        if (candidate.state == State.Disputed) panel.moot(round);
        _lose(round, signer);
    }

    function _lose(bytes32 round, address signer) private {
        emit CandidateLost(round, _rounds[round].result, signer);
        delete _rounds[round];
    }

    /* CANDIDATES */

    function _oneIn(uint8 group) private pure returns (uint32) {
        return uint32(1) << (8 * (group - 1));
    }

    function _inGroup(uint32 byGroup, uint8 group) private pure returns (uint256) {
        return (byGroup >> (8 * (group - 1))) & 0xff;
    }

    function _votes(uint32 byGroup) private pure returns (uint256 votes) {
        for (; byGroup != 0; byGroup >>= 8) {
            votes += byGroup & 0xff;
        }
    }

    function _hasQuorum(uint8 quorum, uint8 requiredGroups, uint32 byGroup) private pure returns (bool) {
        for (uint8 group = 1; group <= GROUPS; group++) {
            if ((requiredGroups >> group) & 1 == 1 && _inGroup(byGroup, group) == 0) return false;
        }
        return _votes(byGroup) >= quorum;
    }

    /// @dev The round of the cross-check feed that must confirm a report; zero when the feed needs none.
    function _crossCheckOf(Report calldata report, bytes32 crossCheckFeed) private pure returns (bytes32) {
        if (crossCheckFeed == 0) return 0;
        return roundId(crossCheckFeed, report.subject, report.periodStart, report.periodEnd);
    }

    function _stateOf(bytes32 round) private view returns (State) {
        return _rounds[round].state;
    }

    /// @dev Whether a round may confirm others: with its quorum behind it, and not in dispute.
    function _stands(bytes32 round) private view returns (bool) {
        State state = _stateOf(round);
        return state == State.Candidate || state == State.Final;
    }

    /// @dev Whether a cross-check, if one is needed, stands near enough.
    function _isConfirmed(bytes32 crossCheckRound, int128 value, uint16 spreadBps) private view returns (bool) {
        return
            crossCheckRound == 0
                || (_stands(crossCheckRound) && _isNear(value, _rounds[crossCheckRound].value, spreadBps));
    }

    function _requireConfirmed(bytes32 crossCheckRound, int128 value, uint16 spreadBps) private view {
        if (_isConfirmed(crossCheckRound, value, spreadBps)) return;
        require(_stands(crossCheckRound), CrossCheckMissing(crossCheckRound));
        revert CrossCheckApart(value, _rounds[crossCheckRound].value, spreadBps);
    }

    function _isOpen(bytes32 round) private view returns (bool) {
        State state = _stateOf(round);
        return state == State.None || state == State.Void;
    }

    function _isNear(int128 value, int128 crossCheck, uint16 spreadBps) private pure returns (bool) {
        uint256 apart = SignedMath.abs(int256(value) - int256(crossCheck));
        return apart * 10_000 <= SignedMath.abs(int256(value)) * spreadBps;
    }

    function _nominateIfReady(Report calldata report, bytes32 round, bytes32 result) private {
        Feed storage feed = _feeds[report.feed];
        if (!_isOpen(round) || !_hasQuorum(feed.quorum, feed.requiredGroups, _tallies[result].byGroup)) return;
        if (!_isConfirmed(_crossCheckOf(report, feed.crossCheckFeed), report.value, feed.spreadBps)) return;
        _becomeCandidate(report, round, result);
    }

    /// @inheritdoc IMonitoringOracle
    function nominate(Report calldata report) external {
        bytes32 round = roundId(report.feed, report.subject, report.periodStart, report.periodEnd);
        require(_stateOf(round) != State.Final, AlreadyFinal(round));
        require(_isOpen(round), AlreadyCandidate(round));
        Feed storage feed = _currentFeed(report);

        bytes32 result = resultId(report);
        uint32 byGroup = _tallies[result].byGroup;
        require(
            _hasQuorum(feed.quorum, feed.requiredGroups, byGroup),
            QuorumMissing(round, result, _votes(byGroup), feed.quorum)
        );
        _requireNew(round, report.feed, report.subject, _figuresOf(report));
        _requireConfirmed(_crossCheckOf(report, feed.crossCheckFeed), report.value, feed.spreadBps);
        _becomeCandidate(report, round, result);
    }

    function _becomeCandidate(Report calldata report, bytes32 round, bytes32 result) private {
        Feed storage feed = _feeds[report.feed];
        uint64 finalFrom = runningTime() + feed.challengeWindow;
        _rounds[round] = Round({
            state: State.Candidate,
            finalFrom: finalFrom,
            verdict: Verdict.None,
            quorum: feed.quorum,
            requiredGroups: feed.requiredGroups,
            spreadBps: feed.spreadBps,
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
            result: result,
            crossCheckRound: _crossCheckOf(report, feed.crossCheckFeed)
        });
        _subjects[report.feed][report.subject].roundOfEvidence[report.evidenceRoot] = round;
        _beCareful(_rounds[round]);
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
            finalFrom
        );
    }

    /// @inheritdoc IMonitoringOracle
    function withdraw(bytes32 round) external {
        Round storage candidate = _rounds[round];
        require(candidate.state == State.Candidate, NotCandidate(round, candidate.state));
        bytes32 crossCheckRound = candidate.crossCheckRound;
        require(
            candidate.verdict != Verdict.Restated && _stateOf(crossCheckRound) != State.Disputed
                && !_isConfirmed(crossCheckRound, candidate.value, candidate.spreadBps),
            CrossCheckStands(round, crossCheckRound)
        );
        _lose(round, address(0));
    }

    /// @inheritdoc IMonitoringOracle
    function finalise(bytes32 round) external whileRunning {
        Round storage candidate = _rounds[round];
        require(candidate.state == State.Candidate, NotCandidate(round, candidate.state));
        require(runningTime() >= candidate.finalFrom, ChallengeWindowOpen(round, candidate.finalFrom));
        if (candidate.verdict != Verdict.Restated) {
            _requireConfirmed(candidate.crossCheckRound, candidate.value, candidate.spreadBps);
        }
        _requireNoOverlap(candidate.feed, candidate.subject, candidate.periodStart, candidate.periodEnd);

        candidate.state = State.Final;
        Subject storage subject = _subjects[candidate.feed][candidate.subject];
        FinalPeriod[] storage periods = subject.finalPeriods;
        periods.push();
        uint256 i = periods.length - 1;
        for (; i > 0 && periods[i - 1].start > candidate.periodStart; i--) {
            periods[i] = periods[i - 1];
        }
        periods[i] = FinalPeriod({start: candidate.periodStart, end: candidate.periodEnd, round: round});
        if (candidate.periodEnd >= subject.caution.periodEnd) delete subject.caution;
        emit Finalised(round, candidate.feed, candidate.subject, candidate.result, candidate.value);
    }

    /// @dev Reports come in about the order of their periods, so the search from the newest period ends at once.
    function _requireNoOverlap(bytes32 feed, bytes32 subject, uint64 periodStart, uint64 periodEnd) private view {
        FinalPeriod[] storage periods = _subjects[feed][subject].finalPeriods;
        for (uint256 i = periods.length; i > 0; i--) {
            FinalPeriod storage period = periods[i - 1];
            require(
                period.end <= periodStart || periodEnd <= period.start,
                PeriodOverlapsFinal(periodStart, periodEnd, period.start, period.end)
            );
            if (period.end <= periodStart) return;
        }
    }

    /* VERDICTS */

    /// @inheritdoc IMonitoringOracle
    function dispute(bytes32 round) external onlyPanel returns (bytes32 feed, bytes32 result) {
        Round storage candidate = _rounds[round];
        require(candidate.state == State.Candidate, NotCandidate(round, candidate.state));
        require(runningTime() < candidate.finalFrom, ChallengeWindowOver(round, candidate.finalFrom));
        require(candidate.verdict == Verdict.None, JudgedAlready(round, candidate.verdict));
        candidate.state = State.Disputed;
        return (candidate.feed, candidate.result);
    }

    /// @inheritdoc IMonitoringOracle
    function settle(bytes32 round, Verdict verdict) external onlyPanel returns (State) {
        Round storage disputed = _rounds[round];
        require(disputed.state == State.Disputed, NotDisputed(round, disputed.state));
        if (verdict == Verdict.Upheld) {
            disputed.state = State.Candidate;
            disputed.verdict = Verdict.Upheld;
        } else {
            _void(round);
        }
        return disputed.state;
    }

    /// @inheritdoc IMonitoringOracle
    function restate(bytes32 round, bytes32 result, Figures calldata figures) external onlyPanel {
        requirePossible(round, figures);
        Round storage disputed = _rounds[round];
        emit Restated(round, disputed.result, result, disputed.value, disputed.uncertainty, figures);
        _subjects[disputed.feed][disputed.subject].roundOfEvidence[figures.evidenceRoot] = round;
        // What is final is never overwritten.
        if (disputed.state == State.Final) return;
        disputed.value = figures.value;
        disputed.uncertainty = figures.uncertainty;
        disputed.shareRoot = figures.shareRoot;
        disputed.shareCount = figures.shareCount;
        disputed.evidenceRoot = figures.evidenceRoot;
        disputed.methodology = figures.methodology;
        disputed.result = result;
        disputed.state = State.Candidate;
        disputed.verdict = Verdict.Restated;
        _beCareful(disputed);
    }

    /// @dev A new digest asks every signer for a fresh signature; nothing that was signed before can be carried again.
    function _void(bytes32 round) private {
        Round storage disputed = _rounds[round];
        disputed.state = State.Void;
        disputed.verdict = Verdict.Void;
        Figures memory figures = Figures({
            value: disputed.value,
            uncertainty: disputed.uncertainty,
            shareRoot: disputed.shareRoot,
            shareCount: disputed.shareCount,
            evidenceRoot: disputed.evidenceRoot,
            methodology: disputed.methodology
        });
        _isVoided[round][_figuresId(figures)] = true;
        emit VotesVoided(disputed.feed, round, disputed.result, _renewDigest(disputed.feed));
    }

    /* LENDING */

    /// @dev A candidate of a newer period bounds what is lent on from now on, also when it is challenged, voided or lost: no
    /// attack on a new figure brings an older, better one back.
    function _beCareful(Round storage candidate) private {
        Subject storage subject = _subjects[candidate.feed][candidate.subject];
        FinalPeriod[] storage periods = subject.finalPeriods;
        if (periods.length != 0 && candidate.periodEnd <= periods[periods.length - 1].end) return;
        Caution storage caution = subject.caution;
        uint128 lendable = Valuation.lendableDown(candidate.value, candidate.uncertainty);
        if (caution.periodEnd == 0 || lendable < caution.lendable) caution.lendable = lendable;
        if (candidate.periodEnd > caution.periodEnd) caution.periodEnd = candidate.periodEnd;
    }

    function _newestFresh(bytes32 feed, bytes32 subject) private view returns (bytes32 round) {
        FinalPeriod[] storage periods = _subjects[feed][subject].finalPeriods;
        require(periods.length != 0, NotFresh(feed, subject, 0));
        round = periods[periods.length - 1].round;
        require(block.timestamp < _rounds[round].validUntil, NotFresh(feed, subject, _rounds[round].validUntil));
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
                _figuresOf(report)
            )
        );
    }

    function _figuresOf(Report calldata report) private pure returns (Figures memory) {
        return Figures({
            value: report.value,
            uncertainty: report.uncertainty,
            shareRoot: report.shareRoot,
            shareCount: report.shareCount,
            evidenceRoot: report.evidenceRoot,
            methodology: report.methodology
        });
    }

    function _figuresId(Figures memory figures) private pure returns (bytes32) {
        return keccak256(abi.encode(figures));
    }

    /// @inheritdoc IMonitoringOracle
    function roundOf(bytes32 round) external view returns (Round memory) {
        return _read(round);
    }

    /// @dev One copy of the code that copies a round.
    function _read(bytes32 round) private view returns (Round memory) {
        return _rounds[round];
    }

    /// @inheritdoc IMonitoringOracle
    function finalRound(bytes32 round) external view returns (Round memory) {
        require(_stateOf(round) == State.Final, NotFinal(round, _stateOf(round)));
        return _read(round);
    }

    /// @inheritdoc IMonitoringOracle
    function requireFresh(bytes32 feed, bytes32 subject) external view returns (Round memory) {
        return _read(_newestFresh(feed, subject));
    }

    /// @inheritdoc IMonitoringOracle
    function lendingValue(bytes32 feed, bytes32 subject) external view returns (uint128 lendable) {
        bytes32 round = _newestFresh(feed, subject);
        lendable = Valuation.lendableDown(_rounds[round].value, _rounds[round].uncertainty);
        Caution storage caution = _subjects[feed][subject].caution;
        if (caution.periodEnd != 0 && caution.lendable < lendable) lendable = caution.lendable;
        uint128 most = panel.lendableAtMost(round);
        if (most < lendable) lendable = most;
    }

    /// @inheritdoc IMonitoringOracle
    function requirePossible(bytes32 round, Figures calldata figures) public view {
        Round storage disputed = _rounds[round];
        require(disputed.state == State.Disputed || disputed.state == State.Final, NotDisputed(round, disputed.state));
        _requirePossible(_feeds[disputed.feed], figures.value, figures.shareRoot, figures.shareCount);
        require(anchoredAt[figures.evidenceRoot] != 0, EvidenceNotAnchored(figures.evidenceRoot, 0, block.timestamp));
        _requireNew(round, disputed.feed, disputed.subject, figures);
    }

    /// @inheritdoc IMonitoringOracle
    function equivocationOf(bytes32 round, address signer) external view returns (Equivocation memory) {
        return _equivocations[round][signer];
    }

    /// @inheritdoc IMonitoringOracle
    function feedOf(bytes32 feed) public view returns (Feed memory) {
        return _feeds[feed];
    }
}
