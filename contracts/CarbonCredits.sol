// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ICarbonCredits} from "./interfaces/ICarbonCredits.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";

/// @title CarbonCredits
/// @notice See {ICarbonCredits}.
contract CarbonCredits is ICarbonCredits, ERC1155, PauseClock {
    IParticipants public immutable participants;
    IMonitoringOracle public immutable oracle;
    IRevenue public immutable revenue;

    /* STORAGE */

    mapping(bytes32 project => Project) private _projects;
    /// @dev A (feed, subject) issues for one project only: its parcels would be credited twice otherwise.
    mapping(bytes32 feed => mapping(bytes32 subject => bytes32 project)) private _projectOfSubject;
    /// @dev Invariant: the serial intervals of one project's batches partition [1, nextSerial).
    mapping(bytes32 project => uint128) private _nextSerial;
    mapping(uint256 batch => Batch) private _batches;
    /// @inheritdoc ICarbonCredits
    mapping(bytes32 round => uint256) public batchOfRound;
    /// @inheritdoc ICarbonCredits
    uint256 public batchCount;
    mapping(address buffer => bool) private _isBuffer;

    constructor(address authority, IParticipants participants_, IMonitoringOracle oracle_, IRevenue revenue_)
        ERC1155("")
        Governed(authority)
    {
        participants = participants_;
        oracle = oracle_;
        revenue = revenue_;
    }

    /* PROJECTS */

    /// @inheritdoc ICarbonCredits
    function registerProject(bytes32 project, Project calldata terms) external restricted {
        require(
            project != 0 && _projects[project].feed == 0 && terms.feed != 0 && terms.subject != 0
                && terms.agreement != 0 && terms.pool != address(0) && terms.buffer != address(0)
                && terms.pool != terms.buffer && terms.bufferBps <= 10_000,
            ProjectMalformed(project)
        );
        bytes32 taken = _projectOfSubject[terms.feed][terms.subject];
        require(taken == 0, SubjectTaken(terms.feed, terms.subject, taken));

        _projects[project] = terms;
        _projectOfSubject[terms.feed][terms.subject] = project;
        _nextSerial[project] = 1;
        _isBuffer[terms.buffer] = true;
        emit ProjectRegistered(project, terms, msg.sender);
    }

    /* ISSUANCE */

    /// @inheritdoc ICarbonCredits
    function issue(bytes32 project, bytes32 round) external whileRunning returns (uint256 batch) {
        Project memory terms = _projects[project];
        require(terms.feed != 0, UnknownProject(project));
        IMonitoringOracle.Round memory measured = oracle.finalRound(round);
        require(
            measured.feed == terms.feed && measured.subject == terms.subject,
            RoundOfOtherSubject(measured.feed, measured.subject)
        );
        require(batchOfRound[round] == 0, AlreadyIssued(round, batchOfRound[round]));
        require(
            measured.value > 0 && measured.shareCount > 0, NothingToIssue(round, measured.value, measured.shareCount)
        );

        uint128 issued = uint128(measured.value);
        uint128 buffered = uint128(uint256(issued) * terms.bufferBps / 10_000);
        uint128 serialStart = _nextSerial[project];
        batch = ++batchCount;
        batchOfRound[round] = batch;
        _nextSerial[project] = serialStart + issued;
        _batches[batch] =
            Batch({round: round, project: project, issued: issued, buffered: buffered, serialStart: serialStart});

        emit BatchIssued(
            batch,
            project,
            round,
            measured.periodStart,
            measured.periodEnd,
            issued,
            buffered,
            serialStart,
            measured.methodology,
            measured.evidenceRoot,
            msg.sender
        );

        revenue.openRegister(terms.agreement, terms.leg, round);
        if (buffered != 0) _mint(terms.buffer, batch, buffered, "");
        if (issued != buffered) _mint(terms.pool, batch, issued - buffered, "");
    }

    /// @dev Credits move between participants who are not blocked only, and never out of a buffer.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        require(!_isBuffer[from], BufferLocked(from));
        require(from == address(0) || participants.isAdmitted(from), NotAdmitted(from));
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
}
