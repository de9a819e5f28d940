// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ICarbonCredits} from "./interfaces/ICarbonCredits.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IRetirementCertificates} from "./interfaces/IRetirementCertificates.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";

/// @title CarbonCredits
/// @notice See {ICarbonCredits}.
contract CarbonCredits is ICarbonCredits, ERC1155, PauseClock {
    /// @notice What a project's figures stand at.
    struct Standing {
        uint128 nextSerial;
        uint128 deficit;
    }

    /// @notice What of a batch is no longer as it was issued.
    /// @dev Invariant: retired + cancelled <= issued - buffered, reversed <= buffered, madeGood <= shortfall. None ever falls.
    struct Used {
        uint128 retired;
        uint128 cancelled;
        uint128 shortfall;
        uint128 madeGood;
        uint128 reversed;
    }

    IParticipants public immutable participants;
    IMonitoringOracle public immutable oracle;
    IRevenue public immutable revenue;
    IRetirementCertificates public immutable certificates;

    /// @dev Stands in `batchOfRound` for a round that was taken as a loss, so that one slot makes every round good once.
    uint256 private constant REVERSAL = type(uint256).max;

    /* STORAGE */

    mapping(bytes32 project => Project) private _projects;
    /// @dev A subject issues for one project only: its parcels would be credited twice otherwise.
    mapping(bytes32 subject => bytes32 project) private _projectOfSubject;
    /// @dev Invariant: the serial intervals of one project's batches partition [1, nextSerial).
    mapping(bytes32 project => Standing) private _standings;
    /// @inheritdoc ICarbonCredits
    mapping(bytes32 project => uint256) public newestBatchOf;
    mapping(uint256 batch => Batch) private _batches;
    mapping(uint256 batch => Used) private _used;
    /// @inheritdoc ICarbonCredits
    mapping(bytes32 round => uint256) public batchOfRound;
    /// @inheritdoc ICarbonCredits
    uint256 public batchCount;
    mapping(address account => bool) private _isPool;
    /// @dev Invariant: the buffer of a batch's project holds buffered - reversed of it.
    mapping(address account => bool) private _isBuffer;

    constructor(
        address authority,
        IParticipants participants_,
        IMonitoringOracle oracle_,
        IRevenue revenue_,
        IRetirementCertificates certificates_
    ) ERC1155("") Governed(authority) {
        participants = participants_;
        oracle = oracle_;
        revenue = revenue_;
        certificates = certificates_;
    }

    /* PROJECTS */

    /// @inheritdoc ICarbonCredits
    function registerProject(bytes32 project, Project calldata terms) external restricted {
        require(
            project != 0 && _projects[project].feed == 0 && terms.feed != 0 && terms.subject != 0
                && terms.agreement != 0 && terms.pool != address(0) && terms.buffer != address(0)
                && terms.pool != terms.buffer && terms.bufferBps <= 10_000 && terms.yearlyMaximum != 0,
            ProjectMalformed(project)
        );
        require(!_isBuffer[terms.pool], PoolIsBuffer(terms.pool));
        require(!_isPool[terms.buffer], PoolIsBuffer(terms.buffer));
        bytes32 taken = _projectOfSubject[terms.subject];
        require(taken == 0, SubjectTaken(terms.feed, terms.subject, taken));

        _projects[project] = terms;
        _projectOfSubject[terms.subject] = project;
        _standings[project].nextSerial = 1;
        _isPool[terms.pool] = true;
        _isBuffer[terms.buffer] = true;
        emit ProjectRegistered(project, terms, msg.sender);
    }

    /* ISSUANCE */

    /// @inheritdoc ICarbonCredits
    function issue(bytes32 project, bytes32 round) external whileRunning returns (uint256 batch) {
        Project memory terms = _projects[project];
        IMonitoringOracle.Round memory measured = _finalRound(terms.feed, terms.subject, project, round);
        require(batchOfRound[round] == 0, AlreadyIssued(round, batchOfRound[round]));
        require(
            measured.value > 0 && measured.shareCount > 0, NothingToIssue(round, measured.value, measured.shareCount)
        );
        uint256 maximum = uint256(terms.yearlyMaximum) * (measured.periodEnd - measured.periodStart) / 365 days;
        require(uint128(measured.value) <= maximum, ValueImplausible(round, measured.value, maximum));

        uint128 issued = uint128(measured.value);
        uint128 buffered = uint128(uint256(issued) * terms.bufferBps / 10_000);
        batch = _book(project, round, issued, buffered);
        emit BatchIssued(
            batch,
            project,
            round,
            measured.periodStart,
            measured.periodEnd,
            issued,
            buffered,
            _batches[batch].serialStart,
            measured.methodology,
            measured.evidenceRoot,
            msg.sender
        );

        revenue.openRegister(terms.agreement, terms.leg, round);
        if (buffered != 0) _mint(terms.buffer, batch, buffered, "");
        // Before the pool has anything that it could sell.
        if (_standings[project].deficit != 0) _takeOverDeficit(project, round, batch);
        if (issued != buffered) _mint(terms.pool, batch, issued - buffered, "");
    }

    function _finalRound(bytes32 feed, bytes32 subject, bytes32 project, bytes32 round)
        private
        view
        returns (IMonitoringOracle.Round memory measured)
    {
        require(feed != 0, UnknownProject(project));
        measured = oracle.finalRound(round);
        require(
            measured.feed == feed && measured.subject == subject, RoundOfOtherSubject(measured.feed, measured.subject)
        );
    }

    function _book(bytes32 project, bytes32 round, uint128 issued, uint128 buffered) private returns (uint256 batch) {
        Standing storage standing = _standings[project];
        batch = ++batchCount;
        _batches[batch] = Batch({
            round: round,
            project: project,
            issued: issued,
            buffered: buffered,
            serialStart: standing.nextSerial,
            previous: uint64(newestBatchOf[project])
        });
        standing.nextSerial += issued;
        newestBatchOf[project] = batch;
        batchOfRound[round] = batch;
    }

    /* RETIREMENT */

    /// @inheritdoc ICarbonCredits
    function retire(address holder, uint256 batch, uint128 quantity, IRetirementCertificates.Use calldata use)
        external
        returns (uint256 certificate)
    {
        require(
            use.purpose != 0 && use.beneficiary != 0 && use.periodStart < use.periodEnd,
            RetirementMalformed(use.purpose, use.periodStart, use.periodEnd, use.beneficiary)
        );
        // To retire for a buyer is to sell.
        _requireSellable(holder, batch);
        uint128 serialStart = _useUp(holder, batch, quantity);
        uint128 retired = _used[batch].retired += quantity;

        certificate = certificates.mint(holder, uint64(batch), serialStart, quantity, use);
        emit CreditsRetired(
            certificate,
            batch,
            holder,
            quantity,
            serialStart,
            use.purpose,
            use.periodStart,
            use.periodEnd,
            use.beneficiary,
            retired,
            msg.sender
        );
    }

    /// @inheritdoc ICarbonCredits
    function cancel(address holder, uint256 batch, uint128 quantity, bytes32 reason) external {
        require(reason != 0, CancellationReasonMissing(batch));
        uint128 serialStart = _useUp(holder, batch, quantity);
        uint128 cancelled = _used[batch].cancelled += quantity;
        emit CreditsCancelled(batch, holder, reason, quantity, serialStart, cancelled, msg.sender);
    }

    /// @dev Burns credits of `holder` for whoever it lets do so. The caller counts them as retired or cancelled, which is
    /// what moves the next serial.
    /// @return serialStart First of the serials that go with them.
    function _useUp(address holder, uint256 batch, uint128 quantity) private returns (uint128 serialStart) {
        require(_batches[batch].round != 0, UnknownBatch(batch));
        require(quantity != 0, QuantityZero(batch));
        require(
            holder == msg.sender || isApprovedForAll(holder, msg.sender),
            ERC1155MissingApprovalForAll(msg.sender, holder)
        );
        require(!_isBuffer[holder], BufferLocked(holder));
        serialStart = _batches[batch].serialStart + _used[batch].retired + _used[batch].cancelled;
        _burn(holder, batch, quantity);
    }

    /* REVERSAL */

    /// @inheritdoc ICarbonCredits
    function reverse(bytes32 project, bytes32 round) external {
        int128 value = _finalRound(_projects[project].feed, _projects[project].subject, project, round).value;
        require(value < 0, NothingToReverse(round, value));
        require(batchOfRound[round] == 0, AlreadyReversed(round));
        batchOfRound[round] = REVERSAL;

        uint128 loss = uint128(uint256(-int256(value)));
        uint128 left = loss;
        for (uint256 i = newestBatchOf[project]; i != 0 && left != 0; i = _batches[i].previous) {
            left -= _takeFromBuffer(project, round, i, left);
        }
        uint128 fromBuffer = loss - left;
        for (uint256 i = newestBatchOf[project]; i != 0 && left != 0; i = _batches[i].previous) {
            left -= _recordShortfall(project, round, i, left);
        }
        if (left != 0) _setDeficit(project, round, _standings[project].deficit + left);
        emit RoundReversed(round, project, loss, fromBuffer, loss - fromBuffer - left, msg.sender);
    }

    /// @inheritdoc ICarbonCredits
    function makeGood(address holder, uint256 batch, uint256 source, uint128 quantity) external {
        bytes32 project = _batches[batch].project;
        require(project != 0, UnknownBatch(batch));
        require(_batches[source].project == project, BatchOfOtherProject(source, _batches[source].project));
        uint128 open = _openShortfall(batch);
        require(quantity <= open, AboveShortfall(batch, quantity, open));

        uint128 serialStart = _useUp(holder, source, quantity);
        uint128 cancelled = _used[source].cancelled += quantity;
        uint128 madeGood = _used[batch].madeGood += quantity;
        emit ShortfallMadeGood(
            batch, source, holder, quantity, serialStart, _used[batch].shortfall, madeGood, cancelled, msg.sender
        );
    }

    /// @dev What exceeded all credits of the project is lost of the new ones.
    function _takeOverDeficit(bytes32 project, bytes32 round, uint256 batch) private {
        uint128 left = _standings[project].deficit;
        left -= _takeFromBuffer(project, round, batch, left);
        left -= _recordShortfall(project, round, batch, left);
        _setDeficit(project, round, left);
    }

    function _setDeficit(bytes32 project, bytes32 round, uint128 deficit) private {
        emit DeficitChanged(project, round, _standings[project].deficit, deficit, msg.sender);
        _standings[project].deficit = deficit;
    }

    /// @return taken What the batch's buffer covers of `loss`.
    function _takeFromBuffer(bytes32 project, bytes32 round, uint256 batch, uint128 loss)
        private
        returns (uint128 taken)
    {
        Batch storage b = _batches[batch];
        uint128 before = _used[batch].reversed;
        taken = _lesser(b.buffered - before, loss);
        if (taken == 0) return 0;
        uint128 reversed = before + taken;
        _used[batch].reversed = reversed;
        emit CreditsReversed(batch, project, round, taken, b.serialStart + b.issued - reversed, reversed, msg.sender);
        _burn(_projects[project].buffer, batch, taken);
    }

    /// @return recorded What of `loss` the batch's outstanding and retired credits stand for that were not short before.
    function _recordShortfall(bytes32 project, bytes32 round, uint256 batch, uint128 loss)
        private
        returns (uint128 recorded)
    {
        Used storage used = _used[batch];
        uint128 standing = _batches[batch].issued - used.cancelled - used.reversed;
        uint128 open = _openShortfall(batch);
        // Credits of a short batch can be cancelled without making it good, so less may be left than it is short of.
        recorded = standing > open ? _lesser(standing - open, loss) : 0;
        if (recorded == 0) return 0;
        uint128 shortfall = used.shortfall += recorded;
        emit ShortfallRecorded(batch, project, round, recorded, shortfall, used.madeGood, msg.sender);
    }

    function _openShortfall(uint256 batch) private view returns (uint128) {
        return _used[batch].shortfall - _used[batch].madeGood;
    }

    /// @dev Whoever bought already keeps what it holds: only the pool is stopped.
    function _requireSellable(address from, uint256 batch) private view {
        uint128 open = _openShortfall(batch);
        require(open == 0 || from != _projects[_batches[batch].project].pool, SalesBlocked(batch, open));
    }

    function _lesser(uint128 a, uint128 b) private pure returns (uint128) {
        return a < b ? a : b;
    }

    /* MOVING */

    /// @dev Credits move between participants who are not blocked only. A buffer changes by issuance and reversal alone, and
    /// blocking it stops no reversal.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        if (_isBuffer[from]) {
            require(to == address(0), BufferLocked(from));
        } else if (from != address(0)) {
            require(participants.isAdmitted(from), NotAdmitted(from));
            require(!_isBuffer[to], BufferLocked(to));
            if (to != address(0)) {
                for (uint256 i = 0; i < ids.length; i++) {
                    _requireSellable(from, ids[i]);
                }
            }
        }
        require(to == address(0) || participants.isAdmitted(to), NotAdmitted(to));
        super._update(from, to, ids, values);
    }

    /* VIEWS */

    /// @inheritdoc ICarbonCredits
    function projectOf(bytes32 project) external view returns (Project memory) {
        return _projects[project];
    }

    /// @inheritdoc ICarbonCredits
    function batchOf(uint256 batch) external view returns (Batch memory) {
        return _batches[batch];
    }

    /// @inheritdoc ICarbonCredits
    function balanceSheet(uint256 batch) external view returns (BalanceSheet memory) {
        Batch storage b = _batches[batch];
        Used storage used = _used[batch];
        return BalanceSheet({
            issued: b.issued,
            tradable: b.issued - b.buffered - used.retired - used.cancelled,
            buffer: b.buffered - used.reversed,
            retired: used.retired,
            cancelled: used.cancelled,
            reversed: used.reversed,
            shortfall: used.shortfall,
            madeGood: used.madeGood
        });
    }

    /// @inheritdoc ICarbonCredits
    function serialsOf(uint256 batch) external view returns (Serials memory) {
        Batch storage b = _batches[batch];
        uint128 end = b.serialStart + b.issued;
        return Serials({
            start: b.serialStart,
            tradableStart: b.serialStart + _used[batch].retired + _used[batch].cancelled,
            bufferStart: end - b.buffered,
            reversedStart: end - _used[batch].reversed,
            end: end
        });
    }

    /// @inheritdoc ICarbonCredits
    function deficitOf(bytes32 project) external view returns (uint128) {
        return _standings[project].deficit;
    }
}
