// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoringOracle} from "./IMonitoringOracle.sol";

/// @title Monitoring panel
/// @notice Three people decide what is disputed of the oracle's rounds: two equal votes are a verdict, one vote per head. Candidates
/// are challenged by others; a final round is reopened by a member of the panel, and can only be upheld or restated.
/// A candidate that the panel leaves undecided is void. Deadlines are in the oracle's running time, so a pause moves them.
///
/// Assumption: of each panel at most one member is bought. Nobody's stake is looked at.
interface IMonitoringPanel {
    /// @notice A dispute over one round.
    /// @param deadline First second, in running time, at which the panel is too late.
    /// @param panel Number of the panel that decides, whichever is elected meanwhile.
    /// @param challenger Who challenged; zero when a member of the panel reopened a final round.
    struct Dispute {
        uint64 deadline;
        uint32 panel;
        address challenger;
    }

    /* EVENTS */

    /// @notice Emitted when the committee elects panel number `panel`; disputes that are open stay with theirs.
    event PanelElected(uint32 indexed panel, address[3] members, address indexed by);
    /// @notice Emitted when a candidate is challenged. `reason` is a short text or a digest, `evidence` the digest of documents.
    event Challenged(
        bytes32 indexed round,
        uint256 indexed dispute,
        address indexed challenger,
        bytes32 result,
        bytes32 reason,
        bytes32 evidence,
        uint32 panel,
        uint64 deadline
    );
    /// @notice Emitted when a member of the panel reopens a final round; its vote follows.
    event Reopened(bytes32 indexed round, uint256 indexed dispute, address indexed by, uint32 panel, uint64 deadline);
    /// @notice Emitted for each vote of the panel; `figures` are empty unless it restates.
    event PanelVoted(
        bytes32 indexed round,
        uint256 indexed dispute,
        address indexed member,
        IMonitoringOracle.Verdict verdict,
        IMonitoringOracle.Figures figures
    );
    /// @notice Emitted when two members of the panel agree; the round is in `state` from now on.
    event Judged(
        bytes32 indexed round,
        uint256 indexed dispute,
        IMonitoringOracle.Verdict verdict,
        IMonitoringOracle.State state,
        address indexed by
    );
    /// @notice Emitted when the panel did not decide in time: a candidate is void, a final round stands.
    event DisputeLapsed(
        bytes32 indexed round, uint256 indexed dispute, IMonitoringOracle.State state, address indexed by
    );
    /// @notice Emitted when the candidate in dispute lost its quorum, so that nothing is left to decide.
    event DisputeMoot(bytes32 indexed round, uint256 indexed dispute);

    /* ERRORS */

    /// @notice Thrown when a panel is not three different accounts.
    error PanelMalformed(address[3] members);
    /// @notice Thrown when there is no panel that could decide.
    error NoPanel();
    /// @notice Thrown when a challenge comes without reason or evidence.
    error ChallengeUnfounded(bytes32 reason, bytes32 evidence);
    /// @notice Thrown when the challenger is no participant, and no signer of the feed or of its cross-check.
    error NotEntitled(address challenger);
    /// @notice Thrown while a challenge of the same challenger is open (`from` is 2^64 − 1), or soon after one was
    /// dismissed; it may challenge from `from` on, in running time.
    error ChallengerMustWait(address challenger, uint64 from);
    /// @notice Thrown when no dispute over the round is open.
    error NoDispute(bytes32 round);
    /// @notice Thrown when the caller is no member of panel number `panel`, which decides the dispute.
    error NotOnPanel(address caller, uint32 panel);
    /// @notice Thrown when a member of the panel would judge its own cause, as challenger or as signer.
    error PartyToDispute(address member);
    /// @notice Thrown when `member` votes in `dispute` for the second time.
    error VotedAlready(uint256 dispute, address member);
    /// @notice Thrown when a verdict cannot be voted for: none, `Restated` without figures, or `Void` of a final round.
    error VerdictImpossible(IMonitoringOracle.Verdict verdict, IMonitoringOracle.State state);
    /// @notice Thrown when the panel's time is over: running time has reached `deadline`.
    error PanelTooLate(bytes32 round, uint64 deadline);
    /// @notice Thrown while the panel may still decide: until running time reaches `deadline`.
    error PanelInTime(bytes32 round, uint64 deadline);
    /// @notice Thrown when a member reopens a final round for the second time.
    error ReopenedAlready(bytes32 round, address member);
    /// @notice Thrown when a final round would be reopened that the panel has restated: once is all.
    error RestatedAlready(bytes32 round);
    /// @notice Thrown when two reports are for different rounds or rules, or say the same.
    error NoEquivocation(bytes32 first, bytes32 second);
    /// @notice Thrown when the two reports were signed by different accounts, `first` and `second`.
    error SignersDiffer(address first, address second);
    /// @notice Thrown when anybody but the oracle's contract calls what is for it alone.
    error NotTheOracle(address caller);

    /* PANEL */

    /// @notice Elects the three who decide disputes that are opened from now on. For the committee, after its delay.
    function electPanel(address first, address second, address third) external;

    /* DISPUTES */

    /// @notice Challenges a candidate during its challenge window. For participants and for signers of the feed or of its
    /// cross-check; each has one challenge open at a time and waits 30 days after one that was dismissed.
    /// @return dispute Its number.
    function challenge(bytes32 round, bytes32 reason, bytes32 evidence) external returns (uint256 dispute);

    /// @notice Votes to uphold or to void a disputed round. For members of its panel, once each.
    function vote(bytes32 round, IMonitoringOracle.Verdict verdict) external;

    /// @notice Votes to restate a disputed round with `figures`. For members of its panel, once each. A member of the present panel
    /// reopens a final round with it, once.
    function voteRestated(bytes32 round, IMonitoringOracle.Figures calldata figures) external;

    /// @notice Ends a dispute that the panel did not decide in time: a candidate is void, a final round stands (and is lent on at
    /// the lowest figure that a member proposed). Anyone may call.
    function lapse(bytes32 round) external;

    /// @notice Ends the dispute over a candidate that lost its quorum. For the oracle.
    function moot(bytes32 round) external;

    /* EQUIVOCATION */

    /// @notice Proves with two signed reports that their signer signed two results for one round under one set of rules. Anyone may
    /// call, at any time: the signer counts in the round no more, and a candidate that needs its vote is lost; what is final
    /// stays.
    /// @return signer Who it is.
    function proveEquivocation(
        IMonitoringOracle.Report calldata first,
        bytes calldata firstSignature,
        IMonitoringOracle.Report calldata second,
        bytes calldata secondSignature
    ) external returns (address signer);

    /* VIEWS */

    /// @return dispute Number of the dispute that is open over `round`; 0 when none is.
    /// @return details Its details.
    function disputeOf(bytes32 round) external view returns (uint256 dispute, Dispute memory details);

    /// @return What `member` voted for in `dispute`: a hash of verdict and figures, zero before it has voted.
    function choiceOf(uint256 dispute, address member) external view returns (bytes32);

    /// @return figures What the panel put beside a final round.
    /// @return result Their identifier; zero when the round was not restated.
    function restatementOf(bytes32 round)
        external
        view
        returns (IMonitoringOracle.Figures memory figures, bytes32 result);

    /// @return What may at most be lent on a final round: the lowest that a member proposed for it, or what the panel restated it
    /// with; 2^128 − 1 when there is no limit.
    function lendableAtMost(bytes32 round) external view returns (uint128);

    /// @return Number of the present panel; 0 before the first.
    function panel() external view returns (uint32);

    /// @return The members of a panel.
    function panelOf(uint32 number) external view returns (address[3] memory);

    /// @return From when on, in running time, `challenger` may challenge.
    function mayChallengeFrom(address challenger) external view returns (uint64);
}
