// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev Counts months since January 1970 (UTC): 0 is 1970-01, 587 is 2018-12. Never mix it with a block number or a timestamp.
type Period is uint32;

using {periodEquals as ==, periodAfter as >} for Period global;

/// @return Whether `a` and `b` are the same month.
function periodEquals(Period a, Period b) pure returns (bool) {
    return Period.unwrap(a) == Period.unwrap(b);
}

/// @return Whether `a` is a later month than `b`.
function periodAfter(Period a, Period b) pure returns (bool) {
    return Period.unwrap(a) > Period.unwrap(b);
}
