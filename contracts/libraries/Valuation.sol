// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What may be lent on an asset
/// @notice See SPEC.md, D. Every figure is rounded against the borrower.
library Valuation {
    uint256 private constant BPS = 10_000;

    /// @return The figure less twice its uncertainty, exactly, never below zero, in their unit (SPEC O30).
    function lendableDown(int128 value, uint128 uncertainty) internal pure returns (uint128) {
        if (value <= 0) return 0;
        uint256 doubt = 2 * uint256(uncertainty);
        uint256 figure = uint256(uint128(value));
        // It is at most `value`, which has 127 bits.
        return figure > doubt ? uint128(figure - doubt) : 0;
    }

    /// @return What a figure counts for, in fen: the lower one of two while disputed, its share (`staleBps`, in basis
    /// points), rounded down, when it is stale or out of date.
    function countsDown(uint256 value, uint256 previous, bool isDisputed, bool isStale, uint256 staleBps)
        internal
        pure
        returns (uint256)
    {
        uint256 counts = isDisputed && previous < value ? previous : value;
        return isStale ? counts * staleBps / BPS : counts;
    }

    /// @return Whether `debt` is above what may be lent on `value`, `maximumLtvBps` basis points of it; exactly, both in fen.
    function isShort(uint256 value, uint256 maximumLtvBps, uint256 debt) internal pure returns (bool) {
        return debt * BPS > value * maximumLtvBps;
    }
}
