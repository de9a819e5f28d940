// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRetirementCertificates} from "./IRetirementCertificates.sol";

/// @title Carbon credits
/// @notice One ERC-1155 id per batch; 1 unit is 1 kg CO2e. Anyone may issue the batch of a final monitoring round, once. The
/// credits go to the project's pool, the risk share to its buffer, and the register of who earned them is opened for the
/// agreement that shares their income, in the same transaction. A holder retires or cancels what it holds; a final round
/// that shows a loss takes back what the buffers hold, and what they do not cover is a shortfall that blocks sales. None of
/// that ever pauses: it takes no new risk.
/// @dev Serials follow credits by position. Of a batch [start, end) the buffer has the top `buffered` numbers. Retirement and
/// cancellation use up what is below from the low end in the order in which they happen; reversals use up the buffer's from
/// the high end. So the intervals are disjoint whatever the order, and two counters are all that is kept.
interface ICarbonCredits {
    /// @param feed Oracle feed that measures the project, in kg CO2e.
    /// @param subject The project's subject in that feed.
    /// @param agreement Agreement that shares the income of the credits.
    /// @param leg Leg of that agreement whose register the round opens.
    /// @param pool Account that receives the credits for sale.
    /// @param buffer Account that holds the buffer; nothing leaves it by transfer.
    /// @param bufferBps Risk share of every batch, in basis points, rounded down.
    /// @param yearlyMaximum Most kg CO2e that the project's land can plausibly gain in 365 days; longer and shorter rounds
    /// in proportion.
    struct Project {
        bytes32 feed;
        bytes32 subject;
        bytes32 agreement;
        uint8 leg;
        address pool;
        address buffer;
        uint16 bufferBps;
        uint80 yearlyMaximum;
    }

    /// @param round The final round it was issued from.
    /// @param project The project it belongs to.
    /// @param issued All credits of the batch, in kg CO2e.
    /// @param buffered Those of them that were issued to the buffer.
    /// @param serialStart First serial number; the interval is [serialStart, serialStart + issued) within the project.
    /// @param previous The project's batch that was issued before this one; 0 for its first.
    struct Batch {
        bytes32 round;
        bytes32 project;
        uint128 issued;
        uint128 buffered;
        uint128 serialStart;
        uint64 previous;
    }

    /// @notice What became of a batch, in kg CO2e: tradable + buffer + retired + cancelled + reversed == issued, always.
    /// @param issued All credits of the batch.
    /// @param tradable Held by anyone but the buffer, sold or not.
    /// @param buffer Held by the buffer.
    /// @param retired Used, each by one certificate.
    /// @param cancelled Destroyed by their holders, for a reason or to make a shortfall good.
    /// @param reversed Taken back from the buffer because the forest lost them.
    /// @param shortfall Lost by the forest and not covered by buffers, in all; it never falls.
    /// @param madeGood What of the shortfall was made good; while it is less, the pool sells nothing of the batch.
    struct BalanceSheet {
        uint128 issued;
        uint128 tradable;
        uint128 buffer;
        uint128 retired;
        uint128 cancelled;
        uint128 reversed;
        uint128 shortfall;
        uint128 madeGood;
    }

    /// @notice How the serials of a batch are divided; each interval ends where the next begins.
    /// @param start The first one. From here on they are retired or cancelled, each by the event that names it.
    /// @param tradableStart The first one that is still tradable.
    /// @param bufferStart The first one of the buffer.
    /// @param reversedStart The first one that was reversed.
    /// @param end The first one after the batch.
    struct Serials {
        uint128 start;
        uint128 tradableStart;
        uint128 bufferStart;
        uint128 reversedStart;
        uint128 end;
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
    /// @notice Emitted when `holder` used `quantity` credits with the serials [serialStart, serialStart + quantity).
    /// @param retired All of the batch that is retired now; `quantity` less before.
    event CreditsRetired(
        uint256 indexed certificate,
        uint256 indexed batch,
        address indexed holder,
        uint128 quantity,
        uint128 serialStart,
        bytes32 purpose,
        uint64 periodStart,
        uint64 periodEnd,
        bytes32 beneficiary,
        uint128 retired,
        address by
    );
    /// @notice Emitted when `holder` destroyed `quantity` credits with the serials [serialStart, serialStart + quantity).
    /// @param cancelled All of the batch that is cancelled now; `quantity` less before.
    event CreditsCancelled(
        uint256 indexed batch,
        address indexed holder,
        bytes32 indexed reason,
        uint128 quantity,
        uint128 serialStart,
        uint128 cancelled,
        address by
    );
    /// @notice Emitted when `round` took `quantity` credits with the serials [serialStart, serialStart + quantity) from the
    /// batch's buffer.
    /// @param round The round that showed the loss, or the batch's own when it took over the project's deficit.
    /// @param reversed All of the batch that is reversed now; `quantity` less before.
    event CreditsReversed(
        uint256 indexed batch,
        bytes32 indexed project,
        bytes32 indexed round,
        uint128 quantity,
        uint128 serialStart,
        uint128 reversed,
        address by
    );
    /// @notice Emitted when no buffer covered `quantity` of the batch's credits any more.
    /// @param round As in `CreditsReversed`.
    /// @param shortfall All that was recorded for the batch; `quantity` less before.
    /// @param madeGood What of it was made good.
    event ShortfallRecorded(
        uint256 indexed batch,
        bytes32 indexed project,
        bytes32 indexed round,
        uint128 quantity,
        uint128 shortfall,
        uint128 madeGood,
        address by
    );
    /// @notice Emitted when `holder` destroyed `quantity` credits of batch `source`, with the serials
    /// [serialStart, serialStart + quantity), for what batch `batch` is short of.
    /// @param shortfall All that was recorded for `batch`.
    /// @param madeGood What of it is made good now; `quantity` less before.
    /// @param cancelled All of `source` that is cancelled now; `quantity` less before.
    event ShortfallMadeGood(
        uint256 indexed batch,
        uint256 indexed source,
        address indexed holder,
        uint128 quantity,
        uint128 serialStart,
        uint128 shortfall,
        uint128 madeGood,
        uint128 cancelled,
        address by
    );
    /// @notice Emitted when `round` was taken as a loss of `loss` kg: `fromBuffer` came from buffers, `shortfall` was
    /// recorded, the rest was added to the project's deficit.
    event RoundReversed(
        bytes32 indexed round,
        bytes32 indexed project,
        uint128 loss,
        uint128 fromBuffer,
        uint128 shortfall,
        address indexed by
    );
    /// @notice Emitted when the loss changed that exceeds all credits of a project and waits for its next batch.
    event DeficitChanged(
        bytes32 indexed project, bytes32 indexed round, uint128 oldDeficit, uint128 newDeficit, address indexed by
    );

    /// @notice Thrown when nobody has registered `project`.
    error UnknownProject(bytes32 project);
    /// @notice Thrown when a project is registered twice, or with nothing in a field that needs something.
    error ProjectMalformed(bytes32 project);
    /// @notice Thrown when the pool is some project's buffer, or the buffer some project's pool.
    error PoolIsBuffer(address account);
    /// @notice Thrown when another project already issues from `subject`, whatever feed measures it.
    error SubjectTaken(bytes32 feed, bytes32 subject, bytes32 project);
    /// @notice Thrown when the round measured `subject` in `feed`, which is not what the project issues from.
    error RoundOfOtherSubject(bytes32 feed, bytes32 subject);
    /// @notice Thrown when `batch` was issued from `round` already; it is 2²⁵⁶ − 1 if the round was taken as a loss.
    error AlreadyIssued(bytes32 round, uint256 batch);
    /// @notice Thrown when a round shows no increase (`value`, in kg CO2e), or names no holders. A decrease is a reversal,
    /// never an issuance.
    error NothingToIssue(bytes32 round, int128 value, uint64 shareCount);
    /// @notice Thrown when a round shows more than the `maximum` that the project's land can gain in its period, both in kg
    /// CO2e.
    error ValueImplausible(bytes32 round, int128 value, uint256 maximum);
    /// @notice Thrown when anything but issuance and reversal would change a buffer.
    error BufferLocked(address buffer);
    /// @notice Thrown when credits would leave or reach `account`, which is no admitted participant or is blocked.
    error NotAdmitted(address account);
    /// @notice Thrown when there is no batch with the id `batch`.
    error UnknownBatch(uint256 batch);
    /// @notice Thrown when no credits of `batch` at all would be retired, cancelled or given for a shortfall.
    error QuantityZero(uint256 batch);
    /// @notice Thrown when a retirement names no purpose or beneficiary, or an empty period.
    error RetirementMalformed(bytes32 purpose, uint64 periodStart, uint64 periodEnd, bytes32 beneficiary);
    /// @notice Thrown when credits of `batch` would be cancelled without a reason.
    error CancellationReasonMissing(uint256 batch);
    /// @notice Thrown when the pool would sell of a batch that is short of `shortfall` kg.
    error SalesBlocked(uint256 batch, uint128 shortfall);
    /// @notice Thrown when a round shows no loss; `value` is in kg CO2e.
    error NothingToReverse(bytes32 round, int128 value);
    /// @notice Thrown when `round` was taken as a loss already.
    error AlreadyReversed(bytes32 round);
    /// @notice Thrown when a shortfall would be made good with credits of another project.
    error BatchOfOtherProject(uint256 batch, bytes32 project);
    /// @notice Thrown when more would be made good than `shortfall`, what the batch is short of, both in kg CO2e.
    error AboveShortfall(uint256 batch, uint128 quantity, uint128 shortfall);

    /// @notice Registers a project. For the committee, after its delay.
    function registerProject(bytes32 project, Project calldata terms) external;

    /// @notice Issues the batch of `round`. Anyone may call.
    /// @return batch The new ERC-1155 id, counted from 1.
    function issue(bytes32 project, bytes32 round) external returns (uint256 batch);

    /// @notice Uses credits for good: `quantity` of `holder`'s credits become a certificate that names their serials. For the
    /// holder, or whom it approved. A blocked holder retires nothing, and the pool nothing of a batch that is short.
    /// @param use What they are used for, when and for whom. Warning: everybody reads it; `beneficiary` is a salted
    /// commitment, never a name.
    /// @return certificate Its number; it belongs to the holder.
    function retire(address holder, uint256 batch, uint128 quantity, IRetirementCertificates.Use calldata use)
        external
        returns (uint256 certificate);

    /// @notice Destroys credits without a certificate. For the holder, or whom it approved.
    /// @param reason A short text or the hash of a document; not empty.
    function cancel(address holder, uint256 batch, uint128 quantity, bytes32 reason) external;

    /// @notice Takes a final round that shows a loss. Anyone may call, once. The loss comes out of the buffers of the project's
    /// batches, the newest batch first, then is recorded as their shortfall in the same order, at most what each still has
    /// outstanding or retired; what exceeds that waits for the next batch.
    /// @dev Gas grows with the number of the project's batches.
    function reverse(bytes32 project, bytes32 round) external;

    /// @notice Destroys credits of batch `source` to make good what batch `batch` of the same project is short of. For the
    /// holder, or whom it approved; the pool too.
    function makeGood(address holder, uint256 batch, uint256 source, uint128 quantity) external;

    /// @return The terms of `project`.
    function projectOf(bytes32 project) external view returns (Project memory);

    /// @return The batch with id `batch`; all zero when there is none.
    function batchOf(uint256 batch) external view returns (Batch memory);

    /// @return What became of `batch`.
    function balanceSheet(uint256 batch) external view returns (BalanceSheet memory);

    /// @return How the serials of `batch` are divided.
    function serialsOf(uint256 batch) external view returns (Serials memory);

    /// @return The project's batch that was issued last; 0 when there is none.
    function newestBatchOf(bytes32 project) external view returns (uint256);

    /// @return What the project's forest lost beyond all its credits, in kg CO2e; the next batch takes it over.
    function deficitOf(bytes32 project) external view returns (uint128);

    /// @return The batch issued from `round`; 0 when there is none, 2²⁵⁶ − 1 when it was taken as a loss.
    function batchOfRound(bytes32 round) external view returns (uint256);

    /// @return Number of batches; ids run from 1 to it.
    function batchCount() external view returns (uint256);
}
