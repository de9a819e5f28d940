// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../interfaces/IPledges.sol";

/// @title What a loan owes (SPEC L2, L3, L11)
/// @notice Simple interest on the outstanding principal, kept without division so that no one gains by paying in small steps.
/// A loan is read from storage, brought up to date in memory, and written back by whoever changes it.
library Loans {
    /// @dev fen × basis points × seconds in one fen of interest: 10,000 basis points, 365 days.
    uint256 internal constant SCALE = 10_000 * 365 days;

    /// @param principal Outstanding fen. Invariant: grows only by disbursement.
    /// @param coming Fen of the principal lent that no instalment has asked for yet. What is outstanding above it is overdue.
    /// @param accrued Interest since disbursement up to `accruedAt`, in fen × basis points × seconds; never falls.
    /// @param accruedAt When `accrued` was brought up to date, UTC seconds.
    /// @param billed Fen of interest accrued up to the last instalment that has come; after the last of all, up to now.
    /// @param arrearsSince Since when, without a break, something billed or scheduled is unpaid, UTC seconds; zero while
    /// nothing is.
    /// @param annualRateBps Simple interest per 365 days, in basis points.
    /// @param overdueRateBps What overdue principal bears on top of it, in basis points.
    /// @param passed Instalments that have come.
    /// @param interestPaid Fen of interest paid. Invariant: interestPaid * SCALE <= accrued.
    /// @param costs Fen of enforcement costs charged and not paid.
    struct Loan {
        uint128 principal;
        uint128 coming;
        uint192 accrued;
        uint64 accruedAt;
        uint128 billed;
        uint64 arrearsSince;
        uint16 annualRateBps;
        uint16 overdueRateBps;
        uint8 passed;
        uint128 interestPaid;
        uint128 costs;
    }

    /// @notice A debt in fen, cut in the order in which it is paid.
    /// @param costs Enforcement costs charged and not paid.
    /// @param overdueInterest Interest billed with an instalment that has come.
    /// @param overduePrincipal Principal that such an instalment asked for.
    /// @param currentInterest Interest accrued since.
    /// @param laterPrincipal Principal that no instalment has asked for yet.
    struct Parts {
        uint256 costs;
        uint256 overdueInterest;
        uint256 overduePrincipal;
        uint256 currentInterest;
        uint256 laterPrincipal;
    }

    /// @return loan A loan of `principal` fen that begins now.
    function begun(uint128 principal, uint16 annualRateBps, uint16 overdueRateBps)
        internal
        view
        returns (Loan memory loan)
    {
        loan.principal = principal;
        loan.coming = principal;
        loan.accruedAt = uint64(block.timestamp);
        loan.annualRateBps = annualRateBps;
        loan.overdueRateBps = overdueRateBps;
    }

    /// @notice The loan as it is now: interest grown, and instalments taken in whose date has come.
    /// @return loan A copy in memory. Of its interest only `billed` is in fen, rounded down; `accrued` is exact.
    function upToDate(Loan storage stored, IPledges.Instalment[] storage schedule)
        internal
        view
        returns (Loan memory loan)
    {
        loan = stored;
        uint256 instalments = schedule.length;
        for (; loan.passed < instalments; loan.passed++) {
            IPledges.Instalment memory instalment = schedule[loan.passed];
            if (instalment.dueAt > block.timestamp) break;
            // An instalment from before the disbursement is due with it.
            if (instalment.dueAt > loan.accruedAt) _grow(loan, instalment.dueAt);
            loan.coming = instalment.principal < loan.coming ? loan.coming - instalment.principal : 0;
            loan.billed = uint128(loan.accrued / SCALE);
            if (loan.arrearsSince == 0 && (loan.billed > loan.interestPaid || loan.principal > loan.coming)) {
                loan.arrearsSince = loan.accruedAt;
            }
        }
        _grow(loan, block.timestamp);
        if (loan.passed == instalments) loan.billed = uint128(loan.accrued / SCALE);
    }

    /// @dev Adds the interest from `accruedAt` up to `to`, in UTC seconds, exactly.
    function _grow(Loan memory loan, uint256 to) private pure {
        uint256 growth = uint256(loan.principal) * loan.annualRateBps;
        if (loan.principal > loan.coming) growth += uint256(loan.principal - loan.coming) * loan.overdueRateBps;
        loan.accrued += uint192(growth * (to - loan.accruedAt));
        loan.accruedAt = uint64(to);
    }

    /// @notice What is owed under `loan`, which is up to date.
    /// @return owed Each part in fen; interest is rounded down, what is overdue and all of it.
    function parts(Loan memory loan) internal pure returns (Parts memory owed) {
        owed.costs = loan.costs;
        if (loan.billed > loan.interestPaid) owed.overdueInterest = loan.billed - loan.interestPaid;
        if (loan.principal > loan.coming) owed.overduePrincipal = loan.principal - loan.coming;
        owed.currentInterest = loan.accrued / SCALE - loan.interestPaid - owed.overdueInterest;
        owed.laterPrincipal = loan.principal - owed.overduePrincipal;
    }

    /// @return What should have been paid already, in fen: costs, and what instalments that have come asked for.
    function arrears(Parts memory owed) internal pure returns (uint256) {
        return owed.costs + owed.overdueInterest + owed.overduePrincipal;
    }

    /// @return What is due now, in fen: arrears, and the interest since the last instalment that has come.
    function due(Parts memory owed) internal pure returns (uint256) {
        return arrears(owed) + owed.currentInterest;
    }

    /// @return The whole debt, in fen: what is due, and the principal that is not due yet.
    function total(Parts memory owed) internal pure returns (uint256) {
        return due(owed) + owed.laterPrincipal;
    }

    /// @notice Pays `amount` fen, at most the debt `owed`, off `loan` and off `owed`: costs, overdue interest, overdue
    /// principal, current interest, principal that is not due yet.
    /// @return toCosts What of it went to costs, in fen; with the next two it is exactly `amount`.
    /// @return toInterest What of it went to interest, overdue or current, in fen.
    /// @return toPrincipal What of it went to principal, overdue or not, in fen.
    function pay(Loan memory loan, Parts memory owed, uint256 amount)
        internal
        pure
        returns (uint256 toCosts, uint256 toInterest, uint256 toPrincipal)
    {
        uint256 left = amount;
        uint256 part;
        (owed.costs, toCosts, left) = _settle(owed.costs, left);
        (owed.overdueInterest, toInterest, left) = _settle(owed.overdueInterest, left);
        (owed.overduePrincipal, toPrincipal, left) = _settle(owed.overduePrincipal, left);
        (owed.currentInterest, part, left) = _settle(owed.currentInterest, left);
        toInterest += part;
        // Underflows, and so refuses, if the caller asks to pay more than the debt.
        owed.laterPrincipal -= left;
        toPrincipal += left;

        loan.costs -= uint128(toCosts);
        loan.interestPaid += uint128(toInterest);
        loan.principal -= uint128(toPrincipal);
        if (arrears(owed) == 0) loan.arrearsSince = 0;
    }

    /// @return open What is left of `owed`, in fen.
    /// @return paid What of `money` went to it, in fen.
    /// @return left What is left of `money`, in fen.
    function _settle(uint256 owed, uint256 money) private pure returns (uint256 open, uint256 paid, uint256 left) {
        paid = owed < money ? owed : money;
        return (owed - paid, paid, money - paid);
    }
}
