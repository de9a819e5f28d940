// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPauseClock} from "./IPauseClock.sol";

/// @title Funds
/// @notice Earmarked money. A fund is a leg of an agreement; `Revenue` fills it, and it is spent on its one purpose only: the
/// operator proposes a spending with its evidence, the treasurer spends it, and they are never the same account.
/// Assumption: the evidence shows what it says. The contract makes sure that two officers saw it and that it is good once.
interface IFunds is IPauseClock {
    /// @notice Where a spending stands. `None`: it was never proposed. `Proposed`: it waits to be spent, or has expired.
    /// `Spent`: it was paid out of its fund. `Retracted`: its proposer took it back.
    enum State {
        None,
        Proposed,
        Spent,
        Retracted
    }

    /// @notice What the operator proposes.
    /// @param agreement The fund: a leg of this agreement.
    /// @param leg Its number.
    /// @param purpose What it is spent on; must be the fund's purpose.
    /// @param payee Who is paid; must be an admitted participant when it is.
    /// @param amount Fen to be paid.
    /// @param bill Fen of the bill of which the fund pays its share; zero for a fund that pays by amount.
    /// @param evidence Hash of what shows the purpose, such as a contract, an invoice or a bill; salted where it is personal.
    struct Proposal {
        bytes32 agreement;
        uint8 leg;
        bytes32 purpose;
        address payee;
        uint128 amount;
        uint128 bill;
        bytes32 evidence;
    }

    /// @param proposal What was proposed.
    /// @param by Who proposed it.
    /// @param expiresAt Last second, in running time, at which it may be spent.
    /// @param state Where it stands. A proposal that expired stays `Proposed`.
    struct Spending {
        Proposal proposal;
        address by;
        uint64 expiresAt;
        State state;
    }

    /* EVENTS */

    /// @notice Emitted when `amount` fen came into the fund of (agreement, leg), which brings it to `balance`.
    event FundFilled(bytes32 indexed agreement, uint8 indexed leg, uint256 amount, uint256 balance);
    /// @notice Emitted when `spending` was proposed.
    event SpendingProposed(
        uint256 indexed spending,
        bytes32 indexed agreement,
        uint8 indexed leg,
        Proposal proposal,
        uint64 expiresAt,
        address by
    );
    /// @notice Emitted when whoever proposed `spending` took it back.
    event SpendingRetracted(uint256 indexed spending, bytes32 indexed agreement, uint8 indexed leg, address by);
    /// @notice Emitted when `amount` fen left the fund of (agreement, leg), of which `balance` is left.
    event FundSpent(
        uint256 indexed spending,
        bytes32 indexed agreement,
        uint8 indexed leg,
        bytes32 purpose,
        address payee,
        uint256 amount,
        bytes32 evidence,
        uint256 balance,
        address proposedBy,
        address by
    );

    /* ERRORS */

    /// @notice Thrown when somebody else than `Revenue` fills a fund.
    error NotRevenue(address caller);
    /// @notice Thrown when a proposal's purpose is `given`, and the fund's is `purpose`.
    error PurposeOfOther(bytes32 given, bytes32 purpose);
    /// @notice Thrown when a proposal comes without evidence.
    error EvidenceMissing();
    /// @notice Thrown when the evidence was spent on before: one bill is paid once out of one fund.
    error EvidenceUsed(bytes32 agreement, uint8 leg, bytes32 evidence);
    /// @notice Thrown when a proposal would spend nothing at all.
    error AmountZero();
    /// @notice Thrown when the amount is not the fund's share of the bill (`payoutBps`, in basis points), rounded down, or
    /// a bill is given where none counts; amount and bill in fen.
    error NotShareOfBill(uint256 amount, uint256 bill, uint16 payoutBps);
    /// @notice Thrown when `payee` is nobody, this contract or `Revenue`, where the money would be lost.
    error PayeeOutOfRange(address payee);
    /// @notice Thrown when `spending` does not wait to be spent: it stands at `state`.
    error NotProposed(uint256 spending, State state);
    /// @notice Thrown when somebody else than its proposer would take `spending` back.
    error NotProposer(uint256 spending, address caller);
    /// @notice Thrown when one account would both propose and spend.
    error SecondPersonNeeded(uint256 spending, address caller);
    /// @notice Thrown when `spending` was good until `expiresAt`, and now is `runningTime`, both in running time.
    error SpendingExpired(uint256 spending, uint64 expiresAt, uint64 runningTime);
    /// @notice Thrown when the fund of (agreement, leg) holds `balance` fen, less than `amount`, what would be spent.
    error FundTooSmall(bytes32 agreement, uint8 leg, uint256 balance, uint256 amount);

    /* IN */

    /// @notice Records `amount` fen that `Revenue` has just transferred. For `Revenue` alone.
    function fill(bytes32 agreement, uint8 leg, uint256 amount) external;

    /* OUT */

    /// @notice Proposes a spending, good for 30 days of running time. For the operator.
    /// @return spending Its number, counted from 1.
    function propose(Proposal calldata proposal) external returns (uint256 spending);

    /// @notice Takes a proposal back. For whoever proposed it.
    function retract(uint256 spending) external;

    /// @notice Pays a proposal out of its fund, once. For the treasurer, who is not who proposed it, and not during a pause.
    function spend(uint256 spending) external;

    /* VIEWS */

    /// @return What the fund of (agreement, leg) holds, in fen.
    function balanceOf(bytes32 agreement, uint8 leg) external view returns (uint256);

    /// @return The spending with this number.
    function spendingOf(uint256 spending) external view returns (Spending memory);

    /// @return Whether the fund of (agreement, leg) was spent on this evidence.
    function isEvidenceUsed(bytes32 agreement, uint8 leg, bytes32 evidence) external view returns (bool);
}
