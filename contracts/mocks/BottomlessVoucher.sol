// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A voucher that never runs out
/// @notice Lends any amount, so that liens can be tested on debts above the vouchers' supply.
contract BottomlessVoucher {
    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}
