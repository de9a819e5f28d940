// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title DataAssets
/// @notice Registered data sets. What `Pledges` needs to know of them: whose licence income a certificate stands for.
interface IDataAssets {
    /// @notice Whose licence income `certificate` stands for; reverts for an unknown certificate.
    /// @return steward Who holds the data asset and earns its income.
    /// @return agreement Agreement that splits its licence fees.
    /// @return leg Leg of it that pays the steward.
    function licenceOf(bytes32 certificate) external view returns (address steward, bytes32 agreement, uint8 leg);
}
