// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IPauseClock
/// @notice A contract that can be paused. A pause stops what takes on new risk; repayment and claims never look at it.
interface IPauseClock {
    /// @notice Something that takes on new risk was tried during a pause that began at `since`.
    error Paused(uint64 since);
    /// @notice `pause` while paused, or `resume` while running.
    error PausedAlready(bool isPaused);
    /// @notice A pause needs a reason.
    error PauseReasonMissing();

    /// @param pausedSeconds Length of all pauses that are over.
    event PauseChanged(bool isPaused, bytes32 reason, uint64 pausedSeconds, address indexed by);

    /// @notice Stops what takes on new risk. For the guardian.
    /// @param reason A short text or the hash of a document; not empty.
    function pause(bytes32 reason) external;

    /// @notice Ends the pause. For the committee.
    function resume(bytes32 reason) external;

    /// @notice When the pause began that goes on now; 0 while running.
    function pausedSince() external view returns (uint64);

    /// @notice UTC seconds without the seconds spent paused: a deadline kept in it moves by N when a pause lasts N (SPEC P2).
    function runningTime() external view returns (uint64);
}
