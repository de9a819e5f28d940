// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../interfaces/IPledges.sol";
import {Loans} from "../libraries/Loans.sol";

/// @title One loan without its pledge
/// @notice The library's functions on one loan, so that a schedule may also be one that no pledge would be committed with.
contract LoanHarness {
    using Loans for Loans.Loan;

    Loans.Loan public loan;
    IPledges.Terms private _terms;

    constructor(uint128 principal, uint16 annualRateBps, IPledges.Instalment[] memory schedule) {
        _terms.principal = principal;
        _terms.annualRateBps = annualRateBps;
        for (uint256 i = 0; i < schedule.length; i++) {
            _terms.schedule.push(schedule[i]);
        }
        loan = Loans.Loan({principal: principal, interestPaid: 0, accrued: 0, accruedAt: uint64(block.timestamp)});
    }

    function debt() external view returns (IPledges.Debt memory) {
        return loan.debt(_terms);
    }

    function pay(uint256 amount) external returns (uint256 toInterest, uint256 toPrincipal) {
        return loan.pay(_terms.annualRateBps, amount);
    }
}
