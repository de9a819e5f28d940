// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDataAssets} from "./interfaces/IDataAssets.sol";
import {IPauseClock} from "./interfaces/IPauseClock.sol";
import {IPledges} from "./interfaces/IPledges.sol";
import {IWorkouts} from "./interfaces/IWorkouts.sol";
import {Period} from "./interfaces/Types.sol";
import {Months} from "./libraries/Months.sol";

/// @title Workouts
/// @notice See {IWorkouts}. Everything but disputes, consents, notices and what was charged is kept by `Pledges`.
contract Workouts is IWorkouts {
    uint256 private constant BPS = 10_000;
    /// @notice How long a dispute stands that nobody settles.
    uint64 public constant DISPUTE_PERIOD = 30 days;

    IPledges public immutable pledges;
    IDataAssets public immutable dataAssets;
    /// @dev The same contract: its clock is the one of all deadlines.
    IPauseClock private immutable _clock;

    /* STORAGE */

    /// @dev Last second of the remediation in running time. Counts in `Remediation` only, and is set by whatever leads there.
    mapping(bytes32 pledge => uint64) private _remediationUntil;
    /// @inheritdoc IWorkouts
    /// @dev Invariant: at most the signed cap.
    mapping(bytes32 pledge => uint256) public costsCharged;
    mapping(bytes32 pledge => Dispute) private _disputes;
    /// @dev Proposals are made for one round: what was consented to before the pledge changed here is void after.
    mapping(bytes32 pledge => uint256) private _round;
    mapping(bytes32 proposal => mapping(address party => bool)) private _hasConsented;

    constructor(IPledges pledges_, IDataAssets dataAssets_) {
        pledges = pledges_;
        dataAssets = dataAssets_;
        _clock = IPauseClock(address(pledges_));
    }

    /// @dev A step against a borrower waits: its deadline stands still, and the borrower may not have been able to act.
    modifier whileRunning() {
        uint64 since = _clock.pausedSince();
        require(since == 0, IPauseClock.Paused(since));
        _;
    }

    /* WHEN IT IS NOT REPAID */

    /// @inheritdoc IWorkouts
    function markDelinquent(bytes32 pledge) external whileRunning {
        _requireState(pledge, IPledges.State.Active);
        uint256 graceUntil = _graceUntil(pledge);
        // Without arrears the clock was never started: nothing can be older than it.
        require(graceUntil != 0 && block.timestamp > graceUntil, NotDelinquent(pledge, graceUntil));
        _enter(pledge, IPledges.State.Delinquent);
    }

    /// @inheritdoc IWorkouts
    function remediate(bytes32 pledge, bytes32 notice) external whileRunning {
        _requireLender(pledge);
        _requireState(pledge, IPledges.State.Delinquent);
        require(notice != 0, DocumentMissing(pledge));
        uint64 until = _clock.runningTime() + pledges.termsOf(pledge).conditions.remediation;
        _remediationUntil[pledge] = until;
        emit RemediationBegun(pledge, notice, until, msg.sender);
        _enter(pledge, IPledges.State.Remediation);
    }

    /// @inheritdoc IWorkouts
    function enforce(bytes32 pledge) external whileRunning {
        _requireLender(pledge);
        // Only `remediate` leads to this state, and it sets the deadline: a clock that was never started cannot be over.
        _requireState(pledge, IPledges.State.Remediation);
        _requireUndisputed(pledge);
        uint64 until = _remediationUntil[pledge];
        require(_clock.runningTime() > until, RemediationNotOver(pledge, until));
        _enter(pledge, IPledges.State.Enforcing);
    }

    /// @inheritdoc IWorkouts
    function chargeCosts(bytes32 pledge, uint256 amount, bytes32 evidence) external whileRunning {
        _requireLender(pledge);
        IPledges.State state = pledges.stateOf(pledge);
        require(_isOwing(state) && state != IPledges.State.Active, IPledges.WrongState(pledge, state));
        _requireUndisputed(pledge);
        require(amount != 0, IPledges.AmountZero());
        require(evidence != 0, DocumentMissing(pledge));
        uint256 already = costsCharged[pledge];
        uint256 left = pledges.termsOf(pledge).conditions.costsCap - already;
        require(amount <= left, CostsAboveCap(pledge, amount, left));

        costsCharged[pledge] = already + amount;
        uint256 costs = pledges.charge(pledge, uint128(amount));
        emit CostsCharged(pledge, amount, costs, already + amount, evidence, msg.sender);
    }

    /// @inheritdoc IWorkouts
    function writeOff(bytes32 pledge, bytes32 reason) external {
        _requireLender(pledge);
        IPledges.State state = pledges.stateOf(pledge);
        require(
            state == IPledges.State.Delinquent || state == IPledges.State.Enforcing, IPledges.WrongState(pledge, state)
        );
        require(reason != 0, DocumentMissing(pledge));
        IPledges.Debt memory owed = pledges.debtOf(pledge);
        emit DebtWrittenOff(pledge, owed.principal, owed.interest, owed.costs, reason, msg.sender);
        _enter(pledge, IPledges.State.WrittenOff);
    }

    /// @inheritdoc IWorkouts
    function close(bytes32 pledge, bytes32 reason) external {
        _requireLender(pledge);
        IPledges.State state = pledges.stateOf(pledge);
        require(
            state == IPledges.State.Enforcing || state == IPledges.State.WrittenOff, IPledges.WrongState(pledge, state)
        );
        require(reason != 0, DocumentMissing(pledge));
        IPledges.Debt memory owed = pledges.debtOf(pledge);
        emit DebtForgiven(pledge, owed.principal, owed.interest, owed.costs, reason, msg.sender);
        _enter(pledge, IPledges.State.Closed);
    }

    /* CHANGES BY CONSENT */

    /// @inheritdoc IWorkouts
    function releasePart(bytes32 pledge, uint16 bps, uint32 fromPeriod, uint32 toPeriod) external {
        _requireState(pledge, IPledges.State.Active);
        _requireUndisputed(pledge);
        IPledges.Standing memory before = pledges.standingOf(pledge);
        IPledges.Standing memory afterwards = pledges.standingOf(pledge);
        (afterwards.bps, afterwards.fromPeriod, afterwards.toPeriod) = (bps, fromPeriod, toPeriod);
        require(_isPart(before, afterwards), NotAPart(pledge, bps, fromPeriod, toPeriod));
        IPledges.Terms memory terms = pledges.termsOf(pledge);
        _requireSecured(pledge, terms, afterwards);

        bytes32 proposal = _proposal(pledge, keccak256(abi.encode(bps, fromPeriod, toPeriod)));
        if (!_consent(pledge, proposal, _lendersBeside(terms))) return;
        _round[pledge]++;
        pledges.amend(pledge, bps, fromPeriod, toPeriod, before.lender);
        emit PartReleased(pledge, before, afterwards, msg.sender);
    }

    function _isPart(IPledges.Standing memory whole, IPledges.Standing memory part) private pure returns (bool) {
        return part.bps != 0 && part.bps <= whole.bps && part.fromPeriod >= whole.fromPeriod
            && part.toPeriod <= whole.toPeriod && part.fromPeriod <= part.toPeriod
            && (part.bps < whole.bps || part.fromPeriod > whole.fromPeriod || part.toPeriod < whole.toPeriod);
    }

    function _requireSecured(bytes32 pledge, IPledges.Terms memory terms, IPledges.Standing memory afterwards)
        private
        view
    {
        IPledges.Debt memory owed = pledges.debtOf(pledge);
        require(owed.arrears == 0, InArrears(pledge, owed.arrears));
        uint256 debt = owed.principal + owed.interest;
        uint256 value = _valueDown(terms, afterwards);
        uint16 maximum = terms.conditions.maximumLtvBps;
        require(debt * BPS <= value * maximum, LtvExceeded(pledge, debt, value, maximum));
    }

    /// @dev Of the value that both parties signed, what falls on the pledged share of the months that are not over. It only
    /// falls: neither income that already came nor anybody's new opinion counts.
    function _valueDown(IPledges.Terms memory terms, IPledges.Standing memory standing) private view returns (uint256) {
        uint256 current = Period.unwrap(Months.containing(block.timestamp));
        uint256 from = standing.fromPeriod > current ? standing.fromPeriod : current;
        if (from > standing.toPeriod) return 0;
        uint256 share = uint256(standing.bps) * (standing.toPeriod - from + 1);
        uint256 whole = uint256(terms.bps) * (uint256(terms.toPeriod) - terms.fromPeriod + 1);
        return uint256(terms.conditions.value) * share / whole;
    }

    function _lendersBeside(IPledges.Terms memory terms) private view returns (address[] memory lenders) {
        bytes32[] memory liens = pledges.liensOf(terms.holder, terms.agreement, terms.leg);
        lenders = new address[](liens.length);
        for (uint256 i = 0; i < lenders.length; i++) {
            lenders[i] = pledges.standingOf(liens[i]).lender;
        }
    }

    /// @inheritdoc IWorkouts
    function transferLien(bytes32 pledge, address newLender) external {
        IPledges.Standing memory standing = pledges.standingOf(pledge);
        require(_isOwing(standing.state), IPledges.WrongState(pledge, standing.state));
        address holder = pledges.termsOf(pledge).holder;
        require(
            newLender != address(0) && newLender != holder && newLender != standing.lender,
            IPledges.PartiesOutOfRange(holder, newLender)
        );
        bytes32 proposal = _proposal(pledge, bytes32(uint256(uint160(newLender))));
        if (!_consent(pledge, proposal, _both(standing.lender, newLender))) return;
        _round[pledge]++;
        pledges.amend(pledge, standing.bps, standing.fromPeriod, standing.toPeriod, newLender);
        emit LienTransferred(pledge, standing.lender, newLender);
    }

    /// @inheritdoc IWorkouts
    function subordinate(bytes32 pledge, bytes32 junior) external {
        IPledges.Terms memory terms = pledges.termsOf(pledge);
        bytes32[] memory liens = pledges.liensOf(terms.holder, terms.agreement, terms.leg);
        uint256 rank = 0;
        while (rank < liens.length && liens[rank] != pledge) rank++;
        require(rank + 1 < liens.length && liens[rank + 1] == junior, NotNextInRank(pledge, junior));
        bytes32 proposal = _proposal(pledge, keccak256(abi.encode(junior, _round[junior])));
        address[] memory lenders = _both(pledges.standingOf(pledge).lender, pledges.standingOf(junior).lender);
        if (!_consent(pledge, proposal, lenders)) return;
        _round[pledge]++;
        _round[junior]++;
        pledges.exchange(pledge, rank);
        emit Subordinated(pledge, junior, rank);
    }

    /// @inheritdoc IWorkouts
    function withdrawConsent(bytes32 proposal) external {
        require(_hasConsented[proposal][msg.sender], NotConsented(proposal, msg.sender));
        _hasConsented[proposal][msg.sender] = false;
        emit ConsentWithdrawn(proposal, msg.sender);
    }

    /// @return What the caller proposes: to call this function, for what is told apart by `what`, on the pledge as it stands.
    function _proposal(bytes32 pledge, bytes32 what) private view returns (bytes32) {
        return keccak256(abi.encode(msg.sig, pledge, what, _round[pledge]));
    }

    /// @return Whether all `parties` consent now.
    function _consent(bytes32 pledge, bytes32 proposal, address[] memory parties) private returns (bool) {
        bool isParty = false;
        bool doAllConsent = true;
        for (uint256 i = 0; i < parties.length; i++) {
            if (parties[i] == msg.sender) isParty = true;
            else if (!_hasConsented[proposal][parties[i]]) doAllConsent = false;
        }
        require(isParty, IPledges.NotParty(pledge, msg.sender));
        _hasConsented[proposal][msg.sender] = true;
        emit Consented(pledge, proposal, msg.data, msg.sender);
        return doAllConsent;
    }

    function _both(address a, address b) private pure returns (address[] memory both) {
        both = new address[](2);
        (both[0], both[1]) = (a, b);
    }

    /* DISPUTES */

    /// @inheritdoc IWorkouts
    function dispute(bytes32 pledge, bytes32 reason) external {
        IPledges.State state = pledges.stateOf(pledge);
        require(state == IPledges.State.Repaid || _isOwing(state), IPledges.WrongState(pledge, state));
        // By side, not by name: a lien could be handed on and on to be disputed for ever.
        bool isHolder = msg.sender == pledges.termsOf(pledge).holder;
        if (!isHolder) _requireLender(pledge);
        _requireUndisputed(pledge);
        require(reason != 0, DocumentMissing(pledge));
        Dispute storage disputed = _disputes[pledge];
        require(!(isHolder ? disputed.holderHas : disputed.lenderHas), DisputeSpent(pledge, msg.sender));

        if (isHolder) disputed.holderHas = true;
        else disputed.lenderHas = true;
        disputed.until = _clock.runningTime() + DISPUTE_PERIOD;
        disputed.by = msg.sender;
        emit DisputeOpened(pledge, reason, disputed.until, msg.sender);
    }

    /// @inheritdoc IWorkouts
    function settleDispute(bytes32 pledge) external {
        Dispute storage disputed = _disputes[pledge];
        require(_isDisputed(pledge), NotDisputed(pledge, disputed.until));
        bytes32 proposal = _proposal(pledge, keccak256(abi.encode(disputed.by, disputed.until)));
        address[] memory parties = _both(pledges.termsOf(pledge).holder, pledges.standingOf(pledge).lender);
        if (!_consent(pledge, proposal, parties)) return;
        disputed.until = _clock.runningTime();
        emit DisputeSettled(pledge, msg.sender);
    }

    function _isDisputed(bytes32 pledge) private view returns (bool) {
        return _clock.runningTime() < _disputes[pledge].until;
    }

    function _requireUndisputed(bytes32 pledge) private view {
        require(!_isDisputed(pledge), IPledges.Disputed(pledge, _disputes[pledge].until));
    }

    /* STATE */

    function _isOwing(IPledges.State state) private pure returns (bool) {
        return state == IPledges.State.Active || state == IPledges.State.Delinquent
            || state == IPledges.State.Remediation || state == IPledges.State.Enforcing
            || state == IPledges.State.WrittenOff;
    }

    function _requireState(bytes32 pledge, IPledges.State expected) private view {
        IPledges.State state = pledges.stateOf(pledge);
        require(state == expected, IPledges.WrongState(pledge, state));
    }

    function _requireLender(bytes32 pledge) private view {
        require(msg.sender == pledges.standingOf(pledge).lender, IPledges.NotParty(pledge, msg.sender));
    }

    function _enter(bytes32 pledge, IPledges.State to) private {
        _round[pledge]++;
        pledges.enter(pledge, to, msg.sender);
    }

    /* TIME */

    /// @dev Seconds that the deadlines of `pledge` were moved by: those spent paused since it was committed.
    function _pausedSince(bytes32 pledge) private view returns (uint256) {
        (uint64 pausedBefore,) = pledges.datesOf(pledge);
        return block.timestamp - _clock.runningTime() - pausedBefore;
    }

    function _graceUntil(bytes32 pledge) private view returns (uint256) {
        uint256 arrearsSince = pledges.debtOf(pledge).arrearsSince;
        if (arrearsSince == 0) return 0;
        return arrearsSince + pledges.termsOf(pledge).conditions.grace + _pausedSince(pledge);
    }

    /* VIEWS */

    /// @inheritdoc IWorkouts
    function good(bytes32 pledge) external view returns (bool isGood, uint256 reasons) {
        IPledges.Standing memory standing = pledges.standingOf(pledge);
        IPledges.State state = standing.state;
        bool isAwaited = state == IPledges.State.Committed || state == IPledges.State.Perfected;
        if (!isAwaited && !_isOwing(state)) return (false, _bit(Reason.NotLive));

        IPledges.Terms memory terms = pledges.termsOf(pledge);
        (uint256 disburseBy, uint256 graceUntil,,) = deadlinesOf(pledge);
        if (state == IPledges.State.Committed) reasons |= _bit(Reason.NotPerfected);
        else if (block.timestamp > pledges.perfectionOf(pledge).expiry) reasons |= _bit(Reason.RegistrationExpired);
        if (isAwaited && block.timestamp > disburseBy) reasons |= _bit(Reason.NotDisbursed);
        if ((graceUntil != 0 && block.timestamp > graceUntil) || !(isAwaited || state == IPledges.State.Active)) {
            reasons |= _bit(Reason.Delinquent);
        }
        if (state == IPledges.State.WrittenOff) reasons |= _bit(Reason.WrittenOff);
        if (_isDisputed(pledge)) reasons |= _bit(Reason.Disputed);
        if (standing.toPeriod < Period.unwrap(Months.containing(block.timestamp))) reasons |= _bit(Reason.PeriodsOver);
        if (_isSeniorInArrears(pledge, standing, terms)) reasons |= _bit(Reason.SeniorInArrears);
        if (_isCovenantBroken(terms.certificate)) reasons |= _bit(Reason.CovenantBroken);
        isGood = reasons == 0;
    }

    function _bit(Reason reason) private pure returns (uint256) {
        return 1 << uint8(reason);
    }

    function _isSeniorInArrears(bytes32 pledge, IPledges.Standing memory standing, IPledges.Terms memory terms)
        private
        view
        returns (bool)
    {
        bytes32[] memory liens = pledges.liensOf(terms.holder, terms.agreement, terms.leg);
        for (uint256 i = 0; liens[i] != pledge; i++) {
            IPledges.Standing memory senior = pledges.standingOf(liens[i]);
            bool doMeet = senior.fromPeriod <= standing.toPeriod && standing.fromPeriod <= senior.toPeriod;
            if (doMeet && pledges.debtOf(liens[i]).arrears != 0) return true;
        }
        return false;
    }

    /// @dev For the certificate of a live pledge, so that the covenant is the one of this pledge.
    function _isCovenantBroken(bytes32 certificate) private view returns (bool) {
        if (certificate == 0) return false;
        IDataAssets.Standing standing = dataAssets.covenantOf(certificate).standing;
        return standing == IDataAssets.Standing.Stale || standing == IDataAssets.Standing.Shortfall;
    }

    /// @inheritdoc IWorkouts
    function deadlinesOf(bytes32 pledge)
        public
        view
        returns (uint256 disburseBy, uint256 graceUntil, uint256 remediationUntil, uint256 releasableFrom)
    {
        disburseBy = pledges.termsOf(pledge).conditions.disburseBy + _pausedSince(pledge);
        graceUntil = _graceUntil(pledge);
        if (pledges.stateOf(pledge) == IPledges.State.Remediation) remediationUntil = _remediationUntil[pledge];
        (, uint64 repaidAt) = pledges.datesOf(pledge);
        if (repaidAt != 0) releasableFrom = repaidAt + pledges.RELEASE_PERIOD();
    }

    /// @inheritdoc IWorkouts
    function disputeOf(bytes32 pledge) external view returns (Dispute memory) {
        return _disputes[pledge];
    }

    /// @inheritdoc IWorkouts
    function disputedUntil(bytes32 pledge) external view returns (uint64) {
        return _disputes[pledge].until;
    }
}
