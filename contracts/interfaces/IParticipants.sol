// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Who takes part
/// @notice Cooperatives, banks, buyers and the protocol's own contracts are admitted by the operator. A household needs no
/// admission to be paid: standing in a register that a quorum signed is enough. What links an account to a person or a firm
/// is a salted commitment; no personal data is kept here.
interface IParticipants {
    /// @notice What a participant is. `Unknown` is nobody and cannot be admitted; `Treasury` is the treasurer or the
    /// settlement bank; `Protocol` is a contract of the protocol; the others are what they are called. No right follows.
    enum Kind {
        Unknown,
        Household,
        Cooperative,
        Bank,
        Buyer,
        Operator,
        Treasury,
        Protocol
    }

    /// @param kind What the participant is.
    /// @param blocked Whether a court or the bank forbids payments to and from it.
    /// @param identity Salted commitment to the papers that were shown.
    struct Participant {
        Kind kind;
        bool blocked;
        bytes32 identity;
    }

    /// @notice Emitted when the operator admits `account`, or renews what is known of it.
    event Admitted(address indexed account, Kind kind, bytes32 identity, address indexed by);
    /// @notice Emitted when `account` is blocked, or freed again, for a reason whose document hashes to `reason`.
    event BlockedChanged(address indexed account, bool blocked, bytes32 reason, address indexed by);

    /// @notice Thrown when account, kind or identity is missing.
    error IncompleteParticipant(address account, Kind kind, bytes32 identity);
    /// @notice Thrown when an account is asked to become what it is already.
    error BlockedAlready(address account, bool blocked);

    /// @notice Admits `account` as a participant of kind `kind`. For the operator.
    function admit(address account, Kind kind, bytes32 identity) external;

    /// @notice Blocks `account`, or frees it, and tells `Revenue`, which sets aside what it is owed. For the operator.
    function setBlocked(address account, bool blocked, bytes32 reason) external;

    /// @return What is known of `account`; kind `Unknown` if nothing.
    function participant(address account) external view returns (Participant memory);

    /// @return Whether `account` is admitted and not blocked.
    function isAdmitted(address account) external view returns (bool);

    /// @return Whether `account` is blocked.
    function isBlocked(address account) external view returns (bool);
}
