// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Lendable
/// @notice What a measured figure is worth to a lender (SPEC O30).
library Lendable {
    /// @return `value − 2 · uncertainty`, exactly, and nothing if that is less than nothing.
    function lendable(int128 value, uint128 uncertainty) internal pure returns (uint128) {
        int256 careful = int256(value) - 2 * int256(uint256(uncertainty));
        return careful > 0 ? uint128(uint256(careful)) : 0;
    }
}
