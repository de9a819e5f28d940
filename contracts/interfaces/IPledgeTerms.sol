// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "./IPledges.sol";
import {IRevenue} from "./IRevenue.sol";

/// @title PledgeTerms
/// @notice Which terms can become a pledge, and what their hash is. It keeps nothing.
interface IPledgeTerms {
    /* ERRORS */

    /// @notice Thrown when nothing was ever published that could pay this income.
    error LegUnknown(bytes32 agreement, uint8 leg);
    /// @notice Thrown when the leg pays no holders (`kind`), or pays `account` and nobody else.
    error LegOfAnother(bytes32 agreement, uint8 leg, IRevenue.LegKind kind, address account);
    /// @notice Thrown when the certificate stands for other income than the one that is pledged.
    error CertificateOfAnother(bytes32 certificate, address steward, bytes32 agreement, uint8 leg);
    /// @notice Thrown when terms are committed at `timestamp`, after their `deadline`, both in UTC seconds.
    error TermsExpired(uint64 deadline, uint256 timestamp);
    /// @notice Thrown when the pledged share is zero, or more than the whole, 10,000 basis points.
    error BpsOutOfRange(uint16 bps);
    /// @notice Thrown when the last pledged period lies before the first, both in months since January 1970.
    error PeriodsOutOfRange(uint32 fromPeriod, uint32 toPeriod);
    /// @notice Thrown when a schedule has no instalment, or more than 40.
    error ScheduleLength(uint256 instalments);
    /// @notice Thrown when instalment `instalment`, counted from 0, is due no later than the one before; `dueAt` in UTC
    /// seconds.
    error ScheduleNotAscending(uint256 instalment, uint64 dueAt);
    /// @notice Thrown when the instalments add up to other than the principal, both in fen, or nothing is lent.
    error ScheduleDoesNotAddUp(uint256 scheduled, uint256 principal);
    /// @notice Thrown when `signer` has not signed what it is said to have signed.
    error SignatureInvalid(bytes32 pledge, address signer);

    /* CHECKS */

    /// @notice Refuses terms that are malformed or late, that pledge income which never reaches the holder, or a certificate
    /// that stands for other income or that nobody registered.
    /// @return pledge The hash of `terms`: the pledge's id.
    function requireAcceptable(IPledges.Terms calldata terms) external view returns (bytes32 pledge);

    /// @notice Refuses terms that not both parties have signed. `digest` is what they sign: the hash under the domain of
    /// `Pledges`.
    function requireSigned(
        bytes32 pledge,
        bytes32 digest,
        address holder,
        bytes calldata holderSignature,
        address lender,
        bytes calldata lenderSignature
    ) external view;

    /* VIEWS */

    /// @return The hash of `terms` (EIP-712).
    function hashOf(IPledges.Terms calldata terms) external pure returns (bytes32);
}
