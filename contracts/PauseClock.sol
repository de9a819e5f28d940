// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {IPauseClock} from "./interfaces/IPauseClock.sol";

/// @title PauseClock
/// @notice See {IPauseClock}. Deadlines are kept in running time, so a pause moves them all and nobody has to.
abstract contract PauseClock is IPauseClock, Governed {
    /// @inheritdoc IPauseClock
    uint64 public pausedSince;
    uint64 private _pausedSeconds;

    /// @inheritdoc IPauseClock
    function pause(bytes32 reason) external restricted {
        require(pausedSince == 0, PausedAlready(true));
        require(reason != 0, PauseReasonMissing());
        pausedSince = uint64(block.timestamp);
        emit PauseChanged(true, reason, _pausedSeconds, msg.sender);
    }

    /// @inheritdoc IPauseClock
    function resume(bytes32 reason) external restricted {
        require(pausedSince != 0, PausedAlready(false));
        require(reason != 0, PauseReasonMissing());
        _pausedSeconds += uint64(block.timestamp) - pausedSince;
        pausedSince = 0;
        emit PauseChanged(false, reason, _pausedSeconds, msg.sender);
    }

    modifier whileRunning() {
        require(pausedSince == 0, Paused(pausedSince));
        _;
    }

    /// @inheritdoc IPauseClock
    function runningTime() public view returns (uint64) {
        return (pausedSince == 0 ? uint64(block.timestamp) : pausedSince) - _pausedSeconds;
    }
}
