// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../interfaces/IPledges.sol";

/// @title What a loan owes (SPEC L2, L3)
/// @notice Simple interest on the outstanding principal, kept without division so that no one gains by paying in small steps.
library Loans {
    /// @dev fen × basis points × seconds in one fen of interest: 10,000 basis points, 365 days.
    uint256 internal constant SCALE = 10_000 * 365 days;

    /// @param principal Outstanding fen. Invariant: grows only by disbursement.
    /// @param accrued Interest since disbursement up to `accruedAt`, in fen × basis points × seconds; never falls.
    /// @param interestPaid Fen of interest paid. Invariant: interestPaid * SCALE <= accrued.
    /// @param accruedAt When `accrued` was brought up to date.
    struct Loan {
        uint128 principal;
        uint128 interestPaid;
        uint192 accrued;
        uint64 accruedAt;
    }

    function accruedNow(Loan storage loan, uint16 annualRateBps) internal view returns (uint256) {
        return loan.accrued + uint256(loan.principal) * annualRateBps * (block.timestamp - loan.accruedAt);
    }

    /// @return Accrued and unpaid interest in fen, rounded down.
    function interestDown(Loan storage loan, uint16 annualRateBps) internal view returns (uint256) {
        return accruedNow(loan, annualRateBps) / SCALE - loan.interestPaid;
    }

    /// @notice Interest that has accrued, and scheduled principal that has fallen due and was not repaid.
    function debt(Loan storage loan, IPledges.Terms storage terms) internal view returns (IPledges.Debt memory owed) {
        owed.principal = loan.principal;
        owed.interest = interestDown(loan, terms.annualRateBps);
        uint256 scheduled = 0;
        uint256 instalments = terms.schedule.length;
        for (uint256 i = 0; i < instalments && terms.schedule[i].dueAt <= block.timestamp; i++) {
            scheduled += terms.schedule[i].principal;
        }
        uint256 repaid = terms.principal - loan.principal;
        owed.due = owed.interest + (scheduled > repaid ? scheduled - repaid : 0);
    }

    /// @notice Pays `amount`, at most the debt: interest first, then principal.
    function pay(Loan storage loan, uint16 annualRateBps, uint256 amount)
        internal
        returns (uint256 toInterest, uint256 toPrincipal)
    {
        uint256 accrued = accruedNow(loan, annualRateBps);
        uint256 interest = accrued / SCALE - loan.interestPaid;
        toInterest = amount < interest ? amount : interest;
        toPrincipal = amount - toInterest;

        loan.accrued = uint192(accrued);
        loan.accruedAt = uint64(block.timestamp);
        loan.interestPaid += uint128(toInterest);
        // Underflows, and so refuses, if the caller asks to pay more than the debt.
        loan.principal -= uint128(toPrincipal);
    }
}
