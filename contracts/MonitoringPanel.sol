// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
import {IMonitoringPanel} from "./interfaces/IMonitoringPanel.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IPauseClock} from "./interfaces/IPauseClock.sol";
import {Valuation} from "./libraries/Valuation.sol";

/// @title MonitoringPanel
/// @notice See {IMonitoringPanel}.
contract MonitoringPanel is IMonitoringPanel, Governed {
    /// @dev What may at most be lent on a round, if there is such a limit.
    struct Limit {
        bool isSet;
        uint128 lendable;
    }

    /// @dev How long a panel may take, and how long somebody waits whose challenge was dismissed, in running time.
    uint64 private constant PANEL_TIME = 14 days;
    uint64 private constant DISMISSED_WAIT = 30 days;

    IMonitoringOracle public immutable oracle;
    IParticipants public immutable participants;

    /* STORAGE */

    /// @inheritdoc IMonitoringPanel
    uint32 public panel;
    mapping(uint32 panel => address[3]) private _panels;
    uint256 private _disputeCount;
    mapping(uint256 dispute => Dispute) private _disputes;
    /// @dev Invariant: a round that the oracle calls disputed has an open dispute; any other open dispute is over a final round.
    mapping(bytes32 round => uint256 dispute) private _openDispute;
    /// @inheritdoc IMonitoringPanel
    mapping(uint256 dispute => mapping(address member => bytes32)) public choiceOf;
    /// @inheritdoc IMonitoringPanel
    mapping(address challenger => uint64) public mayChallengeFrom;
    mapping(bytes32 round => mapping(address member => bool)) private _hasReopened;

    mapping(bytes32 round => IMonitoringOracle.Figures) private _restatements;
    mapping(bytes32 round => bytes32 result) private _restatedAs;
    /// @dev Of a final round: the lowest of what members proposed, or what they agreed on.
    mapping(bytes32 round => Limit) private _limitOf;

    constructor(address authority, IMonitoringOracle oracle_, IParticipants participants_) Governed(authority) {
        oracle = oracle_;
        participants = participants_;
    }

    /* PANEL */

    /// @inheritdoc IMonitoringPanel
    function electPanel(address first, address second, address third) external restricted {
        address[3] memory members = [first, second, third];
        require(
            first != address(0) && second != address(0) && third != address(0) && first != second && first != third
                && second != third,
            PanelMalformed(members)
        );
        uint32 number = ++panel;
        _panels[number] = members;
        emit PanelElected(number, members, msg.sender);
    }

    /* DISPUTES */

    /// @inheritdoc IMonitoringPanel
    function challenge(bytes32 round, bytes32 reason, bytes32 evidence) external returns (uint256 number) {
        require(reason != 0 && evidence != 0, ChallengeUnfounded(reason, evidence));
        uint64 from = mayChallengeFrom[msg.sender];
        require(_now() >= from, ChallengerMustWait(msg.sender, from));
        (bytes32 feed, bytes32 result) = oracle.dispute(round);
        require(_signsFor(feed, msg.sender) || participants.isAdmitted(msg.sender), NotEntitled(msg.sender));

        mayChallengeFrom[msg.sender] = type(uint64).max;
        number = _open(round, msg.sender);
        emit Challenged(round, number, msg.sender, result, reason, evidence, panel, _disputes[number].deadline);
    }

    function _now() private view returns (uint64) {
        return IPauseClock(address(oracle)).runningTime();
    }

    /// @dev Whether `account` reports to `feed` or to its cross-check.
    function _signsFor(bytes32 feed, address account) private view returns (bool) {
        return oracle.groupOf(feed, account) != 0 || oracle.groupOf(oracle.feedOf(feed).crossCheckFeed, account) != 0;
    }

    function _open(bytes32 round, address challenger) private returns (uint256 number) {
        require(panel != 0, NoPanel());
        number = ++_disputeCount;
        _openDispute[round] = number;
        _disputes[number] = Dispute({deadline: _now() + PANEL_TIME, panel: panel, challenger: challenger});
    }

    function _close(bytes32 round, bool isDismissed) private {
        address challenger = _disputes[_openDispute[round]].challenger;
        delete _openDispute[round];
        if (challenger != address(0)) mayChallengeFrom[challenger] = isDismissed ? _now() + DISMISSED_WAIT : 0;
    }

    /// @inheritdoc IMonitoringPanel
    function vote(bytes32 round, IMonitoringOracle.Verdict verdict) external {
        IMonitoringOracle.Round memory disputed = oracle.roundOf(round);
        bool isFinal = disputed.state == IMonitoringOracle.State.Final;
        uint256 number = _requireVoter(round, disputed.feed);
        require(
            verdict == IMonitoringOracle.Verdict.Upheld || (verdict == IMonitoringOracle.Verdict.Void && !isFinal),
            VerdictImpossible(verdict, disputed.state)
        );
        IMonitoringOracle.Figures memory none;
        emit PanelVoted(round, number, msg.sender, verdict, none);
        if (!_agrees(number, keccak256(abi.encode(verdict)))) return;

        _close(round, verdict == IMonitoringOracle.Verdict.Upheld);
        if (isFinal) {
            delete _limitOf[round];
            emit Judged(round, number, verdict, disputed.state, msg.sender);
        } else {
            emit Judged(round, number, verdict, oracle.settle(round, verdict), msg.sender);
        }
    }

    /// @inheritdoc IMonitoringPanel
    function voteRestated(bytes32 round, IMonitoringOracle.Figures calldata figures) external {
        IMonitoringOracle.Round memory disputed = oracle.roundOf(round);
        bool isFinal = disputed.state == IMonitoringOracle.State.Final;
        if (isFinal && _openDispute[round] == 0) _reopen(round);
        uint256 number = _requireVoter(round, disputed.feed);
        oracle.requirePossible(round, figures);
        if (isFinal) _lower(_limitOf[round], figures);
        emit PanelVoted(round, number, msg.sender, IMonitoringOracle.Verdict.Restated, figures);
        if (!_agrees(number, keccak256(abi.encode(IMonitoringOracle.Verdict.Restated, figures)))) return;

        _close(round, false);
        // No vote of signers has this name, so none of them can take the result back.
        bytes32 result = keccak256(abi.encode(round, number, figures));
        if (isFinal) {
            _restatements[round] = figures;
            _restatedAs[round] = result;
            delete _limitOf[round];
            _lower(_limitOf[round], figures);
        }
        oracle.restate(round, result, figures);
        emit Judged(
            round,
            number,
            IMonitoringOracle.Verdict.Restated,
            isFinal ? IMonitoringOracle.State.Final : IMonitoringOracle.State.Candidate,
            msg.sender
        );
    }

    function _lower(Limit storage limit, IMonitoringOracle.Figures calldata figures) private {
        uint128 lendable = Valuation.lendableDown(figures.value, figures.uncertainty);
        if (!limit.isSet || lendable < limit.lendable) (limit.isSet, limit.lendable) = (true, lendable);
    }

    /// @dev Whether the caller is on the panel is looked at when its vote is counted.
    function _reopen(bytes32 round) private {
        require(_restatedAs[round] == 0, RestatedAlready(round));
        require(!_hasReopened[round][msg.sender], ReopenedAlready(round, msg.sender));
        _hasReopened[round][msg.sender] = true;
        uint256 number = _open(round, address(0));
        emit Reopened(round, number, msg.sender, panel, _disputes[number].deadline);
    }

    /// @dev A member of the dispute's panel, in time, for the first time, and not in its own cause.
    function _requireVoter(bytes32 round, bytes32 feed) private view returns (uint256 number) {
        number = _openDispute[round];
        require(number != 0, NoDispute(round));
        Dispute storage details = _disputes[number];
        require(_now() < details.deadline, PanelTooLate(round, details.deadline));
        address[3] storage members = _panels[details.panel];
        require(
            msg.sender == members[0] || msg.sender == members[1] || msg.sender == members[2],
            NotOnPanel(msg.sender, details.panel)
        );
        require(msg.sender != details.challenger && !_signsFor(feed, msg.sender), PartyToDispute(msg.sender));
        require(choiceOf[number][msg.sender] == 0, VotedAlready(number, msg.sender));
    }

    /// @dev Records a vote. Returns whether another member has cast the identical one: heads are counted, nothing else.
    function _agrees(uint256 number, bytes32 choice) private returns (bool isSecond) {
        address[3] storage members = _panels[_disputes[number].panel];
        for (uint256 i = 0; i < members.length; i++) {
            isSecond = isSecond || choiceOf[number][members[i]] == choice;
        }
        choiceOf[number][msg.sender] = choice;
    }

    /// @inheritdoc IMonitoringPanel
    function lapse(bytes32 round) external {
        uint256 number = _openDispute[round];
        require(number != 0, NoDispute(round));
        uint64 deadline = _disputes[number].deadline;
        require(_now() >= deadline, PanelInTime(round, deadline));

        _close(round, false);
        IMonitoringOracle.State state = oracle.roundOf(round).state;
        // Nobody has confirmed the candidate; a final round was confirmed once, and is not overwritten.
        if (state == IMonitoringOracle.State.Disputed) state = oracle.settle(round, IMonitoringOracle.Verdict.Void);
        emit DisputeLapsed(round, number, state, msg.sender);
    }

    /// @inheritdoc IMonitoringPanel
    function moot(bytes32 round) external {
        require(msg.sender == address(oracle), NotTheOracle(msg.sender));
        emit DisputeMoot(round, _openDispute[round]);
        _close(round, false);
    }

    /* EQUIVOCATION */

    /// @inheritdoc IMonitoringPanel
    function proveEquivocation(
        IMonitoringOracle.Report calldata first,
        bytes calldata firstSignature,
        IMonitoringOracle.Report calldata second,
        bytes calldata secondSignature
    ) external returns (address signer) {
        bytes32 round = _roundOf(first);
        (bytes32 result, bytes32 other) = (oracle.resultId(first), oracle.resultId(second));
        require(
            round == _roundOf(second) && first.configDigest == second.configDigest && result != other,
            NoEquivocation(result, other)
        );
        signer = _recover(first, firstSignature);
        address signerOfOther = _recover(second, secondSignature);
        require(signer == signerOfOther, SignersDiffer(signer, signerOfOther));
        // A signer that was removed has reported, or does not matter.
        require(
            oracle.groupOf(first.feed, signer) != 0 || oracle.lastSeq(first.feed, signer) != 0,
            IMonitoringOracle.UnknownSigner(first.feed, signer)
        );
        oracle.exclude(round, first.feed, signer, result, other);
    }

    function _roundOf(IMonitoringOracle.Report calldata report) private view returns (bytes32) {
        return oracle.roundId(report.feed, report.subject, report.periodStart, report.periodEnd);
    }

    function _recover(IMonitoringOracle.Report calldata report, bytes calldata signature)
        private
        view
        returns (address signer)
    {
        bytes32 digest = oracle.reportDigest(report);
        ECDSA.RecoverError failure;
        (signer, failure,) = ECDSA.tryRecover(digest, signature);
        require(failure == ECDSA.RecoverError.NoError, IMonitoringOracle.SignatureMalformed(digest));
    }

    /* VIEWS */

    /// @inheritdoc IMonitoringPanel
    function disputeOf(bytes32 round) external view returns (uint256 number, Dispute memory details) {
        number = _openDispute[round];
        return (number, _disputes[number]);
    }

    /// @inheritdoc IMonitoringPanel
    function restatementOf(bytes32 round)
        external
        view
        returns (IMonitoringOracle.Figures memory figures, bytes32 result)
    {
        return (_restatements[round], _restatedAs[round]);
    }

    /// @inheritdoc IMonitoringPanel
    function lendableAtMost(bytes32 round) external view returns (uint128) {
        Limit storage limit = _limitOf[round];
        return limit.isSet ? limit.lendable : type(uint128).max;
    }

    /// @inheritdoc IMonitoringPanel
    function panelOf(uint32 number) external view returns (address[3] memory) {
        return _panels[number];
    }
}
