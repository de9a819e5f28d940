// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../interfaces/IPledges.sol";
import {Loans} from "../libraries/Loans.sol";

/// @title One loan without its pledge
/// @notice The library's functions on one loan, so that a schedule may also be one that no pledge would be committed with.
contract LoanHarness {
    using Loans for Loans.Loan;
    using Loans for Loans.Parts;

    Loans.Loan private _loan;
    IPledges.Instalment[] private _schedule;

    constructor(uint128 principal, uint16 annualRateBps, uint16 overdueRateBps, IPledges.Instalment[] memory schedule) {
        for (uint256 i = 0; i < schedule.length; i++) {
            _schedule.push(schedule[i]);
        }
        _loan = Loans.begun(principal, annualRateBps, overdueRateBps);
    }

    function loan() external view returns (Loans.Loan memory) {
        return _loan.upToDate(_schedule);
    }

    function owed() external view returns (Loans.Parts memory parts, uint256 arrears, uint256 due, uint256 total) {
        parts = _loan.upToDate(_schedule).parts();
        return (parts, parts.arrears(), parts.due(), parts.total());
    }

    function charge(uint128 amount) external {
        _loan.costs += amount;
    }

    function pay(uint256 amount) external returns (uint256 toCosts, uint256 toInterest, uint256 toPrincipal) {
        Loans.Loan memory now_ = _loan.upToDate(_schedule);
        (toCosts, toInterest, toPrincipal) = now_.pay(now_.parts(), amount);
        _loan = now_;
    }
}
