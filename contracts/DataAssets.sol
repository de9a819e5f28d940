// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {IDataAssets} from "./interfaces/IDataAssets.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IPauseClock} from "./interfaces/IPauseClock.sol";
import {IPledges} from "./interfaces/IPledges.sol";
import {Valuation} from "./libraries/Valuation.sol";

/// @title DataAssets
/// @notice See {IDataAssets}. Covenants, appraisals and disputes belong to a pledge, so nothing of one loan reaches the next.
contract DataAssets is IDataAssets, PauseClock {
    uint256 private constant BPS = 10_000;
    /// @notice How long a dispute freezes the rise of a value at most.
    uint64 public constant DISPUTE_PERIOD = 30 days;

    uint8 private constant STALE = 1;
    uint8 private constant SHORTFALL = 2;
    uint8 private constant NEVER_APPRAISED = 4;
    uint8 private constant APPRAISAL_OUT_OF_DATE = 8;
    uint8 private constant DISPUTED = 16;

    /// @dev Where `_freshAsOf` keeps the newest version, measured or not. No feed has this name.
    bytes32 private constant ANY_VERSION = 0;

    IParticipants public immutable participants;
    IMonitoringOracle public immutable oracle;
    IPledges public immutable pledges;

    /* STORAGE */

    /// @dev Invariant: an asset once registered has a steward.
    mapping(bytes32 certificate => Asset) private _assets;
    /// @inheritdoc IDataAssets
    mapping(bytes32 certificate => address) public offeredTo;
    /// @dev Invariant: `createdAt` rises strictly.
    mapping(bytes32 certificate => Version[]) private _versions;
    mapping(bytes32 certificate => mapping(bytes32 content => bool)) private _isKnown;
    mapping(bytes32 round => bool) private _isUsed;
    /// @dev Running time as of which the newest version is that was measured by `feed`.
    mapping(bytes32 certificate => mapping(bytes32 feed => uint64)) private _freshAsOf;
    mapping(bytes32 licence => Grant) private _grants;

    mapping(bytes32 pledge => mapping(address party => bytes32 covenant)) private _consents;
    mapping(bytes32 pledge => Covenant) private _covenants;
    mapping(bytes32 pledge => Appraisal) private _appraisals;
    /// @inheritdoc IDataAssets
    mapping(bytes32 certificate => bytes32 pledge) public markedStale;

    constructor(address authority, IParticipants participants_, IMonitoringOracle oracle_, IPledges pledges_)
        Governed(authority)
    {
        participants = participants_;
        oracle = oracle_;
        pledges = pledges_;
    }

    /* REGISTER */

    /// @inheritdoc IDataAssets
    function register(bytes32 certificate, address steward, bytes32 papers, bytes32 agreement, uint8 leg)
        external
        restricted
        whileRunning
    {
        require(
            certificate != 0 && papers != 0 && agreement != 0, RegistrationIncomplete(certificate, papers, agreement)
        );
        address taken = _assets[certificate].steward;
        require(taken == address(0), CertificateTaken(certificate, taken));
        _requireAdmitted(steward);

        _assets[certificate] = Asset({
            steward: steward, registeredAt: uint64(block.timestamp), leg: leg, agreement: agreement, papers: papers
        });
        emit DataAssetRegistered(certificate, steward, papers, agreement, leg, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function append(bytes32 certificate, Version calldata version) external returns (uint256 number) {
        _requireSteward(certificate);
        Version[] storage versions = _versions[certificate];
        _requireNew(certificate, version, versions);

        versions.push(version);
        number = versions.length;
        _isKnown[certificate][version.content] = true;
        // Data are as old as they are, however late they are appended; but a pause since they were made counts as age, and no
        // version is older than the one before.
        uint64 age = uint64(block.timestamp) - version.createdAt;
        uint64 freshAsOf = runningTime() > age ? runningTime() - age : 0;
        uint64 previous = _freshAsOf[certificate][ANY_VERSION];
        if (freshAsOf < previous) freshAsOf = previous;
        _freshAsOf[certificate][ANY_VERSION] = freshAsOf;
        emit VersionAppended(certificate, number, version, freshAsOf, msg.sender);

        if (version.round != 0) _countMeasured(certificate, version, freshAsOf);
        _cureIfFresh(certificate, number);
    }

    function _requireNew(bytes32 certificate, Version calldata version, Version[] storage versions) private view {
        require(
            version.content != 0 && version.records != 0 && version.periodStart < version.periodEnd
                && version.periodEnd <= version.createdAt,
            VersionMalformed(certificate, version)
        );
        require(version.createdAt <= block.timestamp, CreatedInFuture(version.createdAt, block.timestamp));
        uint64 previous = versions.length == 0 ? 0 : versions[versions.length - 1].createdAt;
        require(version.createdAt > previous, VersionNotNewer(version.createdAt, previous));
        require(!_isKnown[certificate][version.content], ContentRepeated(certificate, version.content));
    }

    function _countMeasured(bytes32 certificate, Version calldata version, uint64 freshAsOf) private {
        bytes32 round = version.round;
        IMonitoringOracle.Round memory measured = oracle.finalRound(round);
        require(measured.subject == certificate, RoundOfOtherSubject(measured.feed, measured.subject));
        require(
            measured.observedAt >= version.createdAt, MeasuredBeforeMade(round, measured.observedAt, version.createdAt)
        );
        require(!_isUsed[round], RoundUsed(round));
        _isUsed[round] = true;
        _freshAsOf[certificate][measured.feed] = freshAsOf;
    }

    function _cureIfFresh(bytes32 certificate, uint256 number) private {
        bytes32 pledge = markedStale[certificate];
        if (pledge == 0 || _isStale(certificate, _covenants[pledge])) return;
        markedStale[certificate] = 0;
        emit FreshAgain(certificate, pledge, number, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function grantLicence(bytes32 certificate, bytes32 licence, Licence calldata terms) external {
        _requireSteward(certificate);
        _requireAdmitted(msg.sender);
        require(
            licence != 0 && terms.terms != 0 && terms.purpose != 0,
            LicenceIncomplete(licence, terms.terms, terms.purpose)
        );
        Grant storage grant = _grants[licence];
        require(grant.certificate == 0, LicenceTaken(licence, grant.certificate));
        require(
            terms.from < terms.to && block.timestamp < terms.to, LicencePeriod(terms.from, terms.to, block.timestamp)
        );
        _requireAdmitted(terms.licensee);

        grant.certificate = certificate;
        grant.licence = terms;
        emit LicenceGranted(certificate, licence, terms, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function endLicence(bytes32 licence) external {
        Grant storage grant = _grants[licence];
        require(grant.certificate != 0, UnknownLicence(licence));
        require(!grant.isEnded, LicenceEndedAlready(licence));
        if (msg.sender != grant.licence.licensee) {
            require(msg.sender == _assets[grant.certificate].steward, NotPartyToLicence(licence, msg.sender));
            require(block.timestamp >= grant.licence.to, LicenceRuns(licence, grant.licence.to));
        }
        grant.isEnded = true;
        emit LicenceEnded(grant.certificate, licence, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function offerStewardship(bytes32 certificate, address to) external {
        _requireSteward(certificate);
        _requireNotPledged(certificate);
        if (to != address(0)) _requireAdmitted(to);
        address old = offeredTo[certificate];
        offeredTo[certificate] = to;
        emit StewardshipOffered(certificate, old, to, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function acceptStewardship(bytes32 certificate) external whileRunning {
        require(offeredTo[certificate] == msg.sender, NotOffered(certificate, msg.sender));
        _requireNotPledged(certificate);
        _requireAdmitted(msg.sender);
        address from = _assets[certificate].steward;
        _assets[certificate].steward = msg.sender;
        offeredTo[certificate] = address(0);
        emit StewardshipChanged(certificate, from, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function repoint(bytes32 certificate, bytes32 agreement, uint8 leg) external whileRunning {
        _requireSteward(certificate);
        _requireNotPledged(certificate);
        Asset storage asset = _assets[certificate];
        require(agreement != 0, RegistrationIncomplete(certificate, asset.papers, agreement));
        emit IncomeRepointed(certificate, asset.agreement, asset.leg, agreement, leg, msg.sender);
        asset.agreement = agreement;
        asset.leg = leg;
    }

    function _requireSteward(bytes32 certificate) private view {
        address steward = _requireKnown(certificate).steward;
        require(msg.sender == steward, NotSteward(certificate, msg.sender));
    }

    function _requireKnown(bytes32 certificate) private view returns (Asset storage asset) {
        asset = _assets[certificate];
        require(asset.steward != address(0), UnknownCertificate(certificate));
    }

    function _requireAdmitted(address account) private view {
        require(participants.isAdmitted(account), NotAdmitted(account));
    }

    function _requireNotPledged(bytes32 certificate) private view {
        bytes32 pledge = pledges.livePledgeOf(certificate);
        require(pledge == 0, AssetPledged(certificate, pledge));
    }

    function _requirePledged(bytes32 certificate) private view returns (bytes32 pledge) {
        pledge = pledges.livePledgeOf(certificate);
        require(pledge != 0, NotPledged(certificate));
    }

    /* COVENANT */

    /// @inheritdoc IDataAssets
    function agreeCovenant(bytes32 certificate, Covenant calldata covenant) external whileRunning {
        bytes32 pledge = _requirePledged(certificate);
        address steward = _assets[certificate].steward;
        address lender = _lenderOf(pledge);
        require(msg.sender == steward || msg.sender == lender, NotPartyToPledge(pledge, msg.sender));
        require(
            covenant.freshnessPeriod != 0 && covenant.staleBps <= BPS && covenant.maximumLtvBps != 0
                && covenant.maximumLtvBps <= BPS && oracle.configDigest(covenant.valuationFeed) != 0
                && (covenant.qualityFeed == 0 || oracle.configDigest(covenant.qualityFeed) != 0),
            CovenantMalformed(certificate, covenant)
        );

        // What was consented to is a change of the covenant that holds, towards this lender.
        bytes32 proposal = keccak256(abi.encode(covenant, _covenants[pledge], lender));
        address other = msg.sender == steward ? lender : steward;
        if (_consents[pledge][other] != proposal) {
            _consents[pledge][msg.sender] = proposal;
            emit CovenantProposed(certificate, pledge, covenant, msg.sender);
            return;
        }
        // A consent is good once: nobody brings an older covenant back alone.
        delete _consents[pledge][steward];
        delete _consents[pledge][lender];
        Covenant memory old = _covenants[pledge];
        // A figure of another feed is no figure for this covenant.
        if (old.valuationFeed != covenant.valuationFeed) delete _appraisals[pledge];
        _covenants[pledge] = covenant;
        emit CovenantAgreed(certificate, pledge, old, covenant, msg.sender);
        _cureIfFresh(certificate, _versions[certificate].length);
    }

    /// @inheritdoc IDataAssets
    function appraise(bytes32 certificate) external {
        bytes32 pledge = _requirePledged(certificate);
        bytes32 feed = _requireCovenant(certificate, pledge).valuationFeed;
        IMonitoringOracle.Round memory measured = oracle.requireFresh(feed, certificate);
        uint128 lendable = oracle.lendingValue(feed, certificate);
        Appraisal storage appraisal = _appraisals[pledge];
        uint128 old = appraisal.value;
        require(appraisal.result != measured.result || old != lendable, AppraisedAlready(certificate, measured.result));
        bool isDisputed = _isDisputed(appraisal);
        if (lendable > old) {
            require(pausedSince == 0, Paused(pausedSince));
            require(!isDisputed, RiseFrozen(certificate, old, lendable, appraisal.disputedUntil));
            _requireUndisputed(pledge, appraisal.number);
        }

        // The first figure has none before it. One that falls during a dispute leaves what stood before the disputed one.
        if (appraisal.number == 0) appraisal.previous = lendable;
        else if (!isDisputed) appraisal.previous = old;
        appraisal.value = lendable;
        appraisal.validUntil = runningTime() + (measured.validUntil - uint64(block.timestamp));
        appraisal.number += 1;
        appraisal.result = measured.result;
        emit Appraised(
            certificate,
            pledge,
            measured.result,
            measured.value,
            measured.uncertainty,
            old,
            lendable,
            appraisal.validUntil,
            msg.sender
        );
    }

    /// @dev A dispute of the pledge itself freezes every rise too; the first figure is none.
    function _requireUndisputed(bytes32 pledge, uint32 number) private view {
        uint64 until = pledges.workouts().disputedUntil(pledge);
        uint64 time = IPauseClock(address(pledges)).runningTime();
        require(number == 0 || time >= until, IPledges.Disputed(pledge, until));
    }

    /// @inheritdoc IDataAssets
    function dispute(bytes32 certificate, bytes32 reason) external {
        bytes32 pledge = _requireLender(certificate);
        require(reason != 0, DisputeReasonMissing(certificate));
        Appraisal storage appraisal = _appraisals[pledge];
        uint32 number = appraisal.number;
        require(number != 0, NothingToDispute(certificate));
        require(appraisal.disputed != number, DisputedAlready(certificate, number));
        appraisal.disputed = number;
        appraisal.disputedUntil = runningTime() + DISPUTE_PERIOD;
        emit AppraisalDisputed(certificate, pledge, number, appraisal.disputedUntil, reason, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function endDispute(bytes32 certificate) external {
        bytes32 pledge = _requireLender(certificate);
        Appraisal storage appraisal = _appraisals[pledge];
        require(_isDisputed(appraisal), NotDisputed(certificate));
        appraisal.disputedUntil = 0;
        emit AppraisalDisputeEnded(certificate, pledge, appraisal.disputed, msg.sender);
    }

    /// @inheritdoc IDataAssets
    function markStale(bytes32 certificate) external {
        bytes32 pledge = _requirePledged(certificate);
        Covenant storage covenant = _requireCovenant(certificate, pledge);
        require(markedStale[certificate] != pledge, MarkedAlready(certificate, pledge));
        uint256 freshUntil = _freshUntil(certificate, covenant);
        require(runningTime() > freshUntil, StillFresh(certificate, freshUntil, runningTime()));
        markedStale[certificate] = pledge;
        emit MarkedStale(certificate, pledge, freshUntil, msg.sender);
    }

    function _requireCovenant(bytes32 certificate, bytes32 pledge) private view returns (Covenant storage covenant) {
        covenant = _covenants[pledge];
        require(_isAgreed(covenant), CovenantMissing(certificate, pledge));
    }

    function _requireLender(bytes32 certificate) private view returns (bytes32 pledge) {
        pledge = _requirePledged(certificate);
        require(msg.sender == _lenderOf(pledge), NotPartyToPledge(pledge, msg.sender));
    }

    function _lenderOf(bytes32 pledge) private view returns (address) {
        return pledges.standingOf(pledge).lender;
    }

    function _isAgreed(Covenant storage covenant) private view returns (bool) {
        return covenant.freshnessPeriod != 0;
    }

    function _isDisputed(Appraisal storage appraisal) private view returns (bool) {
        return runningTime() < appraisal.disputedUntil;
    }

    function _isStale(bytes32 certificate, Covenant storage covenant) private view returns (bool) {
        return runningTime() > _freshUntil(certificate, covenant);
    }

    function _freshUntil(bytes32 certificate, Covenant storage covenant) private view returns (uint256) {
        uint256 freshAsOf = _freshAsOf[certificate][covenant.qualityFeed];
        return freshAsOf == 0 ? 0 : freshAsOf + covenant.freshnessPeriod;
    }

    /* VIEWS */

    /// @inheritdoc IDataAssets
    function assetOf(bytes32 certificate) external view returns (Asset memory) {
        return _assets[certificate];
    }

    /// @inheritdoc IDataAssets
    function licenceOf(bytes32 certificate) external view returns (address steward, bytes32 agreement, uint8 leg) {
        Asset storage asset = _requireKnown(certificate);
        return (asset.steward, asset.agreement, asset.leg);
    }

    /// @inheritdoc IDataAssets
    function versionCount(bytes32 certificate) external view returns (uint256) {
        return _versions[certificate].length;
    }

    /// @inheritdoc IDataAssets
    function versionOf(bytes32 certificate, uint256 number) external view returns (Version memory) {
        require(number != 0 && number <= _versions[certificate].length, UnknownVersion(certificate, number));
        return _versions[certificate][number - 1];
    }

    /// @inheritdoc IDataAssets
    function grantOf(bytes32 licence) external view returns (Grant memory) {
        return _grants[licence];
    }

    /// @inheritdoc IDataAssets
    function isLicensed(bytes32 licence, address account) external view returns (bool) {
        Grant storage grant = _grants[licence];
        return grant.certificate != 0 && account == grant.licence.licensee && !grant.isEnded
            && grant.licence.from <= block.timestamp && block.timestamp < grant.licence.to;
    }

    /// @inheritdoc IDataAssets
    function agreedCovenantOf(bytes32 pledge) external view returns (Covenant memory) {
        return _covenants[pledge];
    }

    /// @inheritdoc IDataAssets
    function appraisalOf(bytes32 pledge) external view returns (Appraisal memory) {
        return _appraisals[pledge];
    }

    /// @inheritdoc IDataAssets
    function covenantOf(bytes32 certificate) external view returns (Status memory status) {
        _requireKnown(certificate);
        status.pledge = pledges.livePledgeOf(certificate);
        Covenant storage covenant = _covenants[status.pledge];
        if (status.pledge == 0 || !_isAgreed(covenant)) return status;

        Appraisal storage appraisal = _appraisals[status.pledge];
        status.freshUntil = _freshUntil(certificate, covenant);
        if (_isStale(certificate, covenant)) status.reasons |= STALE;
        if (appraisal.number == 0) status.reasons |= NEVER_APPRAISED;
        else if (runningTime() >= appraisal.validUntil) status.reasons |= APPRAISAL_OUT_OF_DATE;
        if (_isDisputed(appraisal)) status.reasons |= DISPUTED;

        status.value = Valuation.countsDown(
            appraisal.value,
            appraisal.previous,
            status.reasons & DISPUTED != 0,
            status.reasons & (STALE | APPRAISAL_OUT_OF_DATE) != 0,
            covenant.staleBps
        );
        IPledges.Debt memory owed = pledges.debtOf(status.pledge);
        status.debt = owed.principal + owed.interest + owed.costs;
        if (Valuation.isShort(status.value, covenant.maximumLtvBps, status.debt)) status.reasons |= SHORTFALL;

        if (status.reasons & SHORTFALL != 0) status.standing = Standing.Shortfall;
        else if (status.reasons & STALE != 0) status.standing = Standing.Stale;
        else status.standing = Standing.Fresh;
    }
}
