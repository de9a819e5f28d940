// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../interfaces/IPledges.sol";
import {Period} from "../interfaces/Types.sol";

/// @title Stands where `Revenue` does
/// @notice Tells pledges of any step of any claim, so that liens can be tested on amounts above the vouchers' supply.
contract Teller {
    function notePledge(address) external {}

    function divert(
        IPledges pledges,
        address holder,
        bytes32 agreement,
        uint8 leg,
        Period period,
        uint256 before,
        uint256 entitled
    ) external returns (IPledges.Payment[] memory) {
        return pledges.divert(holder, agreement, leg, period, before, entitled);
    }
}
