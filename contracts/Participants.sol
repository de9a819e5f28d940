// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";

/// @title Participants
/// @notice See {IParticipants}.
contract Participants is IParticipants, Governed {
    IRevenue public immutable revenue;

    /* STORAGE */

    mapping(address account => Participant) private _participants;

    constructor(address authority, IRevenue revenue_) Governed(authority) {
        revenue = revenue_;
    }

    /* ADMISSION */

    /// @inheritdoc IParticipants
    function admit(address account, Kind kind, bytes32 identity) external restricted {
        require(
            account != address(0) && kind != Kind.Unknown && identity != 0,
            IncompleteParticipant(account, kind, identity)
        );
        _participants[account].kind = kind;
        _participants[account].identity = identity;
        emit Admitted(account, kind, identity, msg.sender);
    }

    /// @inheritdoc IParticipants
    function setBlocked(address account, bool blocked, bytes32 reason) external restricted {
        require(_participants[account].blocked != blocked, BlockedAlready(account, blocked));
        _participants[account].blocked = blocked;
        emit BlockedChanged(account, blocked, reason, msg.sender);
        // A million claims a month would otherwise come here to ask.
        revenue.noteBlocked(account, blocked);
    }

    /* VIEWS */

    /// @inheritdoc IParticipants
    function participant(address account) external view returns (Participant memory) {
        return _participants[account];
    }

    /// @inheritdoc IParticipants
    function isAdmitted(address account) external view returns (bool) {
        Participant storage p = _participants[account];
        return p.kind != Kind.Unknown && !p.blocked;
    }

    /// @inheritdoc IParticipants
    function isBlocked(address account) external view returns (bool) {
        return _participants[account].blocked;
    }
}
