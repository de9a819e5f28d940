// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ICarbonCredits} from "./interfaces/ICarbonCredits.sol";
import {IRetirementCertificates} from "./interfaces/IRetirementCertificates.sol";

/// @title RetirementCertificates
/// @notice See {IRetirementCertificates}.
contract RetirementCertificates is IRetirementCertificates, ERC721 {
    using Strings for uint256;

    ICarbonCredits public immutable credits;

    /// @dev The id of ERC-5192, which consists of `locked` alone.
    bytes4 private constant ERC5192 = IRetirementCertificates.locked.selector;

    /* STORAGE */

    mapping(uint256 certificate => Certificate) private _certificates;
    /// @inheritdoc IRetirementCertificates
    uint256 public certificateCount;

    constructor(ICarbonCredits credits_) ERC721("Gongsheng Retirement Certificate", "GSRC") {
        credits = credits_;
    }

    /* MAKING */

    /// @inheritdoc IRetirementCertificates
    function mint(address holder, uint64 batch, uint128 serialStart, uint128 quantity, Use calldata use)
        external
        returns (uint256 certificate)
    {
        require(msg.sender == address(credits), NotCredits(msg.sender));
        certificate = ++certificateCount;
        _certificates[certificate] = Certificate({
            batch: batch, retiredAt: uint64(block.timestamp), serialStart: serialStart, quantity: quantity, use: use
        });
        _mint(holder, certificate);
        emit Locked(certificate);
    }

    /* NEVER MOVING */

    /// @dev A certificate that has an owner keeps it.
    function _update(address to, uint256 certificate, address auth) internal override returns (address) {
        require(_ownerOf(certificate) == address(0), CertificateBound(certificate));
        return super._update(to, certificate, auth);
    }

    /// @notice Refused: a certificate never moves.
    function approve(address, uint256 certificate) public pure override {
        revert CertificateBound(certificate);
    }

    /// @notice Refused: certificates never move.
    function setApprovalForAll(address operator, bool) public pure override {
        revert BrokerRefused(operator);
    }

    /* VIEWS */

    /// @inheritdoc IRetirementCertificates
    function certificateOf(uint256 certificate) external view returns (Certificate memory) {
        return _certificates[certificate];
    }

    /// @inheritdoc IRetirementCertificates
    function locked(uint256 certificate) external view returns (bool) {
        _requireOwned(certificate);
        return true;
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == ERC5192 || super.supportsInterface(interfaceId);
    }

    /// @notice What the certificate says, as JSON in a data URI: it depends on no server.
    /// @dev Everything but our own words is a number or hex, so nobody can write JSON into it.
    function tokenURI(uint256 certificate) public view override returns (string memory) {
        _requireOwned(certificate);
        Certificate storage made = _certificates[certificate];
        string memory what = string.concat(
            _trait("project", _hex(credits.batchOf(made.batch).project)),
            ",",
            _trait("batch", uint256(made.batch).toString()),
            ",",
            _trait("first serial", uint256(made.serialStart).toString()),
            ",",
            _trait("last serial", (uint256(made.serialStart) + made.quantity - 1).toString()),
            ",",
            _trait("kg CO2e", uint256(made.quantity).toString())
        );
        string memory why = string.concat(
            _trait("purpose", _hex(made.use.purpose)),
            ",",
            _trait("period start", uint256(made.use.periodStart).toString()),
            ",",
            _trait("period end", uint256(made.use.periodEnd).toString()),
            ",",
            _trait("beneficiary commitment", _hex(made.use.beneficiary)),
            ",",
            _trait("retired at", uint256(made.retiredAt).toString())
        );
        string memory json = string.concat(
            '{"name":"Retirement certificate ', certificate.toString(), '","attributes":[', what, ",", why, "]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
    }

    function _trait(string memory name_, string memory value) private pure returns (string memory) {
        return string.concat('{"trait_type":"', name_, '","value":"', value, '"}');
    }

    function _hex(bytes32 value) private pure returns (string memory) {
        return uint256(value).toHexString(32);
    }
}
