// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Retirement certificates
/// @notice One ERC-721 for each retirement. It stays with the holder who retired: it is locked for good (ERC-5192), and can be
/// neither transferred, approved nor burned. It says which credits were used, by their serials, and what for. No personal
/// data: who benefits is a salted commitment.
interface IRetirementCertificates {
    /// @notice What credits are used for.
    /// @param purpose A short text or the hash of a document.
    /// @param periodStart First second of the period whose emissions they stand for, UTC.
    /// @param periodEnd First second after it, UTC.
    /// @param beneficiary Salted commitment to the name of whoever benefits.
    struct Use {
        bytes32 purpose;
        uint64 periodStart;
        uint64 periodEnd;
        bytes32 beneficiary;
    }

    /// @param batch Batch of the credits.
    /// @param retiredAt When they were retired, UTC seconds.
    /// @param serialStart Their first serial in the batch's project; the interval is [serialStart, serialStart + quantity).
    /// @param quantity How many they are, in kg CO2e.
    /// @param use What they were used for.
    struct Certificate {
        uint64 batch;
        uint64 retiredAt;
        uint128 serialStart;
        uint128 quantity;
        Use use;
    }

    /// @notice Emitted when `certificate` is locked, which is when it is made (ERC-5192).
    event Locked(uint256 certificate);

    /// @notice Thrown when anybody but CarbonCredits makes a certificate.
    error NotCredits(address caller);
    /// @notice Thrown when a certificate would be moved, or somebody be approved to.
    error CertificateBound(uint256 certificate);
    /// @notice Thrown when somebody would be approved for all certificates of an owner.
    error BrokerRefused(address operator);

    /// @notice Makes the next certificate. For CarbonCredits.
    /// @dev The holder is not asked: a contract that receives nothing must still be able to retire what it holds.
    /// @return certificate Its number, counted from 1.
    function mint(address holder, uint64 batch, uint128 serialStart, uint128 quantity, Use calldata use)
        external
        returns (uint256 certificate);

    /// @return What `certificate` says; all zero when there is none.
    function certificateOf(uint256 certificate) external view returns (Certificate memory);

    /// @return Number of certificates; they are numbered from 1 to it.
    function certificateCount() external view returns (uint256);

    /// @return Whether `certificate` is locked: always. Refused for one that does not exist (ERC-5192).
    function locked(uint256 certificate) external view returns (bool);
}
