// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Period} from "../interfaces/Types.sol";

/// @title The month a moment falls in
/// @notice Days to civil date after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil and its
/// inverse), for dates from 1970 on.
library Months {
    /// @return The period (months since January 1970, UTC) that contains `timestamp`, in seconds since 1970.
    function containing(uint256 timestamp) internal pure returns (Period) {
        // Days since 0000-03-01, the first day of a year that ends with February.
        uint256 daysSince = timestamp / 1 days + 719_468;
        uint256 era = daysSince / 146_097;
        uint256 dayOfEra = daysSince % 146_097;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        // Months since March of that year: 0 is March, 11 is February.
        uint256 monthFromMarch = (5 * dayOfYear + 2) / 153;
        // Year 1970 began 23,640 - 2 months after March of year 0.
        return Period.wrap(uint32(era * 4800 + yearOfEra * 12 + monthFromMarch + 2 - 23_640));
    }
}
