// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICertificateLiens} from "../interfaces/IDataAssets.sol";
import {IPledges} from "../interfaces/IPledges.sol";

/// @title Pledges of data assets without their loans
/// @notice Says of each certificate what a test has told it.
contract PledgesOfCertificates is ICertificateLiens {
    /// @inheritdoc ICertificateLiens
    mapping(bytes32 certificate => bytes32 pledge) public livePledgeOf;
    mapping(bytes32 pledge => address lender) private _lenders;
    mapping(bytes32 pledge => IPledges.Debt) private _debts;

    function setLive(bytes32 certificate, bytes32 pledge, address lender) external {
        livePledgeOf[certificate] = pledge;
        _lenders[pledge] = lender;
    }

    function setDebt(bytes32 pledge, IPledges.Debt calldata debt) external {
        _debts[pledge] = debt;
    }

    /// @inheritdoc ICertificateLiens
    function debtOf(bytes32 pledge) external view returns (IPledges.Debt memory) {
        return _debts[pledge];
    }

    /// @inheritdoc ICertificateLiens
    function standingOf(bytes32 pledge) external view returns (IPledges.Standing memory standing) {
        standing.lender = _lenders[pledge];
    }
}
