// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IPauseClock
/// @notice A contract that can be paused. A pause stops what takes on new risk; repayment and claims never look at it.
interface IPauseClock {
    /// @notice Thrown when something that takes on new risk is tried during a pause, which began at `since`, in UTC
    /// seconds.
    error Paused(uint64 since);
    /// @notice Thrown when a contract is paused while paused, or resumed while running.
    error PausedAlready(bool isPaused);
    /// @notice Thrown when a pause, or its end, comes without a reason.
    error PauseReasonMissing();

    /// @notice Emitted when a pause begins (`isPaused`) or ends, for `reason`.
    /// @param pausedSeconds Length of all pauses that are over.
    event PauseChanged(bool isPaused, bytes32 reason, uint64 pausedSeconds, address indexed by);

    /// @notice Stops what takes on new risk. For the guardian.
    /// @param reason A short text or the hash of a document; not empty.
    function pause(bytes32 reason) external;

    /// @notice Ends the pause. For the committee.
    /// @param reason A short text or the hash of a document; not empty.
    function resume(bytes32 reason) external;

    /// @return When the pause began that goes on now, UTC seconds; 0 while running.
    function pausedSince() external view returns (uint64);

    /// @return UTC seconds without the seconds spent paused: a deadline kept in it moves by N when a pause lasts N (SPEC P2).
    function runningTime() external view returns (uint64);
}
