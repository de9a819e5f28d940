// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Carbon credits
/// @notice One ERC-1155 id per batch; 1 unit is 1 kg CO2e. Anyone may issue the batch of a final monitoring round, once. The
/// credits go to the project's pool, the risk share to its buffer, and the register of who earned them is opened for the
/// agreement that shares their income, in the same transaction.
interface ICarbonCredits {
    /// @param feed Oracle feed that measures the project, in kg CO2e.
    /// @param subject The project's subject in that feed.
    /// @param agreement Agreement that shares the income of the credits.
    /// @param leg Leg of that agreement whose register the round opens.
    /// @param pool Account that receives the credits for sale.
    /// @param buffer Account that holds the buffer; nothing leaves it by transfer.
    /// @param bufferBps Risk share of every batch, in basis points, rounded down.
    struct Project {
        bytes32 feed;
        bytes32 subject;
        bytes32 agreement;
        uint8 leg;
        address pool;
        address buffer;
        uint16 bufferBps;
    }

    /// @param round The final round it was issued from.
    /// @param project The project it belongs to.
    /// @param issued All credits of the batch, in kg CO2e.
    /// @param buffered Those of them in the buffer.
    /// @param serialStart First serial number; the interval is [serialStart, serialStart + issued) within the project.
    struct Batch {
        bytes32 round;
        bytes32 project;
        uint128 issued;
        uint128 buffered;
        uint128 serialStart;
    }

    /// @notice Emitted when the committee registers a project.
    event ProjectRegistered(bytes32 indexed project, Project terms, address indexed by);
    /// @notice Emitted when batch `batch` was issued from `round`.
    event BatchIssued(
        uint256 indexed batch,
        bytes32 indexed project,
        bytes32 indexed round,
        uint64 periodStart,
        uint64 periodEnd,
        uint128 issued,
        uint128 buffered,
        uint128 serialStart,
        bytes32 methodology,
        bytes32 evidenceRoot,
        address by
    );

    error UnknownProject(bytes32 project);
    /// @notice Thrown when a project is registered twice, or with nothing in a field that needs something.
    error ProjectMalformed(bytes32 project);
    /// @notice Thrown when another project already issues from (feed, subject).
    error SubjectTaken(bytes32 feed, bytes32 subject, bytes32 project);
    error RoundOfOtherSubject(bytes32 feed, bytes32 subject);
    error AlreadyIssued(bytes32 round, uint256 batch);
    /// @notice Thrown when a round shows no increase, or names no holders. A decrease is a reversal, never an issuance.
    error NothingToIssue(bytes32 round, int128 value, uint64 shareCount);
    error BufferLocked(address buffer);
    error NotAdmitted(address account);

    /// @notice Registers a project. For the committee, after its delay.
    function registerProject(bytes32 project, Project calldata terms) external;

    /// @notice Issues the batch of `round`. Anyone may call.
    /// @return batch The new ERC-1155 id, counted from 1.
    function issue(bytes32 project, bytes32 round) external returns (uint256 batch);

    /// @return The terms of `project`.
    function projectOf(bytes32 project) external view returns (Project memory);

    /// @return The batch with id `batch`; all zero when there is none.
    function batchOf(uint256 batch) external view returns (Batch memory);

    /// @return The batch issued from `round`; 0 when there is none.
    function batchOfRound(bytes32 round) external view returns (uint256);

    /// @return Number of batches; ids run from 1 to it.
    function batchCount() external view returns (uint256);
}
