// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Period} from "./Types.sol";

/// @title Pledges
/// @notice A lien on coming income, without custody. A holder pledges basis points of what it will earn in one leg of one
/// agreement; `Revenue` hands the pledged part to the lender inside the claim. The live shares of one holder, leg and period
/// never exceed 10,000 basis points, and priority is the order of registration here.
interface IPledges {
    /// @notice Where a pledge stands. `None` is a pledge that does not exist.
    /// `Committed`: both have signed, the income is reserved. `Perfected`: entered in the statutory register. `Active`:
    /// disbursed, income is diverted. `Repaid`: nothing is owed any more. `Released` and `Cancelled` are terminal.
    enum State {
        None,
        Committed,
        Perfected,
        Active,
        Repaid,
        Released,
        Cancelled
    }

    /// @param dueAt When it is due, UTC seconds.
    /// @param principal Fen of principal due then.
    struct Instalment {
        uint64 dueAt;
        uint128 principal;
    }

    /// @notice What holder and lender both sign (EIP-712). Its hash is the pledge's id, so the same terms are good once.
    /// @param holder Whose income is pledged, and who borrows.
    /// @param lender Who lends.
    /// @param agreement Agreement that the income comes from.
    /// @param leg Leg of it.
    /// @param fromPeriod First pledged period (months since January 1970), inclusive.
    /// @param toPeriod Last pledged period, inclusive.
    /// @param bps Pledged share of the holder's income there.
    /// @param principal Fen lent.
    /// @param annualRateBps Simple interest per 365 days.
    /// @param schedule 1 to 40 instalments in ascending order; their principal adds up to `principal`.
    /// @param nonce The parties' own number, so that equal terms can be agreed twice.
    /// @param deadline Last second at which the terms can be committed.
    struct Terms {
        address holder;
        address lender;
        bytes32 agreement;
        uint8 leg;
        uint32 fromPeriod;
        uint32 toPeriod;
        uint16 bps;
        uint128 principal;
        uint16 annualRateBps;
        Instalment[] schedule;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice What makes the lien good against third parties.
    /// @param registerNumber Number in the statutory register, as short text.
    /// @param expiry When that registration lapses.
    /// @param collectionAccount Salted commitment to the lender's collection account.
    /// @param debtorNotice Hash of the notice served on the debtor.
    struct Perfection {
        bytes32 registerNumber;
        uint64 expiry;
        bytes32 collectionAccount;
        bytes32 debtorNotice;
    }

    /// @notice What is owed.
    /// @param principal Outstanding principal in fen.
    /// @param interest Accrued and unpaid interest in fen, rounded down.
    /// @param due What of both is due now.
    struct Debt {
        uint256 principal;
        uint256 interest;
        uint256 due;
    }

    /// @notice One payment that `Revenue` makes out of a claim.
    struct Payment {
        address lender;
        uint256 amount;
    }

    /// @notice One lien, as a bank wants to see it.
    struct Lien {
        bytes32 pledge;
        address lender;
        uint16 bps;
        State state;
    }

    /* EVENTS */

    /// @notice Emitted when both parties' terms are registered; `rank` 0 is the first lien.
    event Committed(
        bytes32 indexed pledge, address indexed holder, address indexed lender, uint256 rank, Terms terms, address by
    );
    /// @notice Emitted when the lien was entered in the statutory register.
    event Perfected(bytes32 indexed pledge, Perfection perfection, address indexed by);
    /// @notice Emitted when the principal reached the holder.
    event Disbursed(bytes32 indexed pledge, address indexed holder, uint256 principal, address indexed by);
    /// @notice Emitted when a debt is paid down, out of a claim or by `by`. Principal and interest are what remains.
    event Repayment(
        bytes32 indexed pledge,
        address indexed lender,
        address indexed by,
        uint256 toInterest,
        uint256 toPrincipal,
        uint256 principal,
        uint256 interest
    );
    /// @notice Emitted with every change of state.
    event StateChanged(bytes32 indexed pledge, State from, State to, address indexed by);
    /// @notice Emitted when a party takes back its signature under terms that are not committed yet.
    event Revoked(bytes32 indexed pledge, address indexed by);

    /* ERRORS */

    /// @notice Thrown when the income is not free: `pledged` basis points of `period` are taken, `requested` were asked for.
    error IncomeAlreadyPledged(
        address holder, bytes32 agreement, uint8 leg, Period period, uint256 pledged, uint256 requested
    );
    error TooManyLiens(address holder, bytes32 agreement, uint8 leg, uint256 liens);
    error PledgeExists(bytes32 pledge, State state);
    error WrongState(bytes32 pledge, State state);
    error NotParty(bytes32 pledge, address caller);
    error TermsExpired(uint64 deadline, uint256 timestamp);
    error TermsRevoked(bytes32 pledge, address by);
    error BpsOutOfRange(uint16 bps);
    error PeriodsOutOfRange(uint32 fromPeriod, uint32 toPeriod, Period current);
    error PartiesOutOfRange(address holder, address lender);
    error ScheduleLength(uint256 instalments);
    error ScheduleNotAscending(uint256 instalment, uint64 dueAt);
    error ScheduleDoesNotAddUp(uint256 scheduled, uint256 principal);
    error SignatureInvalid(bytes32 pledge, address signer);
    error RegisterNumberMissing(bytes32 pledge);
    error RegisterNumberUsed(bytes32 registerNumber, bytes32 pledge);
    error RegistrationTooShort(uint64 expiry, uint64 lastDue);
    error NotRevenue(address caller);
    error AmountZero();
    error ReleaseTooEarly(bytes32 pledge, uint256 holderMayFrom);

    /* LIFE OF A PLEDGE */

    /// @notice Registers terms that both parties have signed, and reserves the income. Anyone may carry them.
    /// @return pledge Its id: the hash of the terms.
    function commit(Terms calldata terms, bytes calldata holderSignature, bytes calldata lenderSignature)
        external
        returns (bytes32 pledge);

    /// @notice Takes back the caller's signature under terms with the id `pledge` that are not committed yet.
    function revoke(bytes32 pledge) external;

    /// @notice Gives up a pledge before it is disbursed. For either party.
    function cancel(bytes32 pledge) external;

    /// @notice Records the statutory registration. For the lender.
    function perfect(bytes32 pledge, Perfection calldata perfection) external;

    /// @notice Moves the principal from the lender's vouchers to the holder's and starts the debt. For the lender.
    function disburse(bytes32 pledge) external;

    /// @notice Pays down the debt with the caller's vouchers, at most what is owed. Anyone may call.
    /// @return paid What was taken.
    function repay(bytes32 pledge, uint256 amount) external returns (uint256 paid);

    /// @notice Frees the income once the debt is repaid. For the lender, and after 10 days for the holder.
    function release(bytes32 pledge) external;

    /// @notice Works out what a claim owes to lenders and records it as paid. For `Revenue`, which makes the payments.
    /// @param before What the holder had received in this line before the claim.
    /// @param entitled What it will have received after it.
    function divert(address holder, bytes32 agreement, uint8 leg, Period period, uint256 before, uint256 entitled)
        external
        returns (Payment[] memory payments);

    /* VIEWS */

    /// @return The hash of `terms`: the pledge's id, and what both parties sign under this contract's domain.
    function pledgeId(Terms calldata terms) external view returns (bytes32);

    /// @return The digest that both parties sign.
    function termsDigest(Terms calldata terms) external view returns (bytes32);

    /// @return The state of `pledge`.
    function stateOf(bytes32 pledge) external view returns (State);

    /// @return The terms of `pledge`.
    function termsOf(bytes32 pledge) external view returns (Terms memory);

    /// @return The statutory registration of `pledge`; all zero before it is perfected.
    function perfectionOf(bytes32 pledge) external view returns (Perfection memory);

    /// @return What is owed under `pledge` now.
    function debtOf(bytes32 pledge) external view returns (Debt memory);

    /// @return liens All live liens on the income of (holder, agreement, leg) in `period`, first rank first.
    /// @return freeBps What of it is still free.
    function encumbrance(address holder, bytes32 agreement, uint8 leg, Period period)
        external
        view
        returns (Lien[] memory liens, uint256 freeBps);
}
