// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Data assets of which only the licence income is known
/// @notice Anyone registers certificates.
contract AssetsHarness {
    struct Licence {
        address steward;
        bytes32 agreement;
        uint8 leg;
    }

    error UnknownCertificate(bytes32 certificate);

    mapping(bytes32 certificate => Licence) private _licences;

    function register(bytes32 certificate, address steward, bytes32 agreement, uint8 leg) external {
        _licences[certificate] = Licence({steward: steward, agreement: agreement, leg: leg});
    }

    function licenceOf(bytes32 certificate) external view returns (address steward, bytes32 agreement, uint8 leg) {
        Licence memory licence = _licences[certificate];
        require(licence.steward != address(0), UnknownCertificate(certificate));
        return (licence.steward, licence.agreement, licence.leg);
    }
}
