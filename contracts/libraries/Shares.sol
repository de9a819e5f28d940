// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title One rule for sharing money (SPEC S1, S2)
/// @notice A payee owns the slice [before, before + weight) of `total`. While income can still arrive it is owed its share of
/// what came so far, rounded down; once the income is complete it is owed the whole of its slice, and the slices of all
/// payees add up to exactly the income.
/// @dev `Math.mulDiv` keeps the product in 512 bits, so no income and no weight below 2^128 can overflow.
library Shares {
    /// @notice Thrown when the slice [before, before + weight) does not lie within `total`, or `total` is zero.
    error SliceOutsideTotal(uint256 before, uint256 weight, uint256 total);

    /// @notice What an open slice is owed: floor(income * weight / total). Never falls as income grows.
    /// @return In the unit of `income`, which is fen, rounded down.
    function entitledOpenDown(uint256 income, uint256 weight, uint256 total) internal pure returns (uint256) {
        require(total != 0 && weight <= total, SliceOutsideTotal(0, weight, total));
        return Math.mulDiv(income, weight, total);
    }

    /// @notice What a closed slice is owed: floor(income * (before + weight) / total) - floor(income * before / total).
    /// Never less than the open figure of the same income.
    /// @return In the unit of `income`, which is fen. Both terms are rounded down: it may be one more than the open figure.
    function entitledClosed(uint256 income, uint256 before, uint256 weight, uint256 total)
        internal
        pure
        returns (uint256)
    {
        require(total != 0 && before <= total && weight <= total - before, SliceOutsideTotal(before, weight, total));
        return Math.mulDiv(income, before + weight, total) - Math.mulDiv(income, before, total);
    }
}
