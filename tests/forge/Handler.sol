// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICnyVoucher} from "../../contracts/interfaces/ICnyVoucher.sol";
import {IMonitoringOracle} from "../../contracts/interfaces/IMonitoringOracle.sol";
import {IPledges} from "../../contracts/interfaces/IPledges.sol";
import {IRevenue} from "../../contracts/interfaces/IRevenue.sol";
import {Period} from "../../contracts/interfaces/Types.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @title Everything that anybody can do, in any order
/// @notice forge calls these functions with random arguments. Each picks its actors and figures from its seeds so that most
/// calls are possible ones, and some are not; a refusal is an ordinary outcome. What an invariant needs to know about the past
/// is kept here: money that went in and out, the pledges that were made, and whatever was accepted that never may be.
contract Handler is World {
    struct Paid {
        uint256 toPrincipal;
        uint256 principalAtDisbursement;
        uint256 lastPrincipal;
        IPledges.State lastState;
    }

    uint256 public receipts;
    uint256 public payments;
    /// @notice Something that must never be accepted was accepted; the text says what.
    string[] public violations;
    mapping(string action => uint256) public accepted;

    bytes32[] internal references;
    bytes32[] internal registerNumbers;
    bytes32[] internal pledgesMade;
    mapping(bytes32 pledge => Paid) internal paidOn;
    mapping(bytes32 line => mapping(address account => uint256)) internal reached;
    bytes32[] internal finalRounds;

    constructor() {
        build();
        for (uint256 i = 0; i < BANKS; i++) {
            vm.prank(bank(i));
            voucher.approve(address(pledges), type(uint256).max);
        }
        for (uint256 i = 0; i < HOLDERS; i++) {
            vm.prank(holder(i));
            voucher.approve(address(pledges), type(uint256).max);
        }
        voucher.approve(address(pledges), type(uint256).max);
    }

    /// @dev After each action: what a pledge went through, and whether its debt grew by anything but disbursement.
    modifier watched() {
        _;
        for (uint256 i = 0; i < pledgesMade.length; i++) {
            _watch(pledgesMade[i]);
        }
    }

    function _watch(bytes32 pledge) internal {
        Paid storage paid = paidOn[pledge];
        IPledges.State state = pledges.stateOf(pledge);
        if (state != paid.lastState && !_isListed(paid.lastState, state)) {
            violations.push("I3: a step that is not listed");
        }
        uint256 principal = pledges.debtOf(pledge).principal;
        if (principal > paid.lastPrincipal && state != IPledges.State.Active) {
            violations.push("I5: principal grew without a disbursement");
        }
        paid.lastState = state;
        paid.lastPrincipal = principal;
    }

    /// @dev SPEC L6. One action may make several steps: what counts is that the end can be reached.
    function _isListed(IPledges.State from, IPledges.State to) internal pure virtual returns (bool) {
        if (from == IPledges.State.None) return to == IPledges.State.Committed;
        if (from == IPledges.State.Committed) return to == IPledges.State.Perfected || to == IPledges.State.Cancelled;
        if (from == IPledges.State.Perfected) return to == IPledges.State.Active || to == IPledges.State.Cancelled;
        if (from == IPledges.State.Active) return to == IPledges.State.Repaid;
        if (from == IPledges.State.Repaid) return to == IPledges.State.Released;
        return false;
    }

    function _count(string memory action) internal {
        accepted[action] += 1;
    }

    /* TIME AND OFFICERS */

    function timePasses(uint256 seed) external watched {
        vm.warp(block.timestamp + bound(seed, 1, 40 days));
    }

    function block_(uint256 who, uint256 seed) external watched {
        address account = anyone(who);
        bool blocked = seed % 3 == 0;
        if (participants.isBlocked(account) == blocked) return;
        participants.setBlocked(account, blocked, "court order");
        _count("setBlocked");
    }

    function pause(uint256 which, uint256 seed) external watched {
        bool isPause = seed % 3 == 0;
        if (which % 2 == 0) {
            if (isPause) {
                try pledges.pause("storm") {
                    _count("pause");
                } catch {}
            } else {
                try pledges.resume("over") {} catch {}
            }
        } else {
            if (isPause) try credits.pause("storm") {} catch {} else try credits.resume("over") {} catch {}
        }
    }

    /* MONITORING */

    /// @dev A whole round, from the signatures to its end: registers hold one to five of the holders, some with nothing.
    function measure(uint256 feedSeed, uint256 month, uint256 size, uint256 weights) external watched {
        bytes32 feed = feedSeed % 3 == 0 ? CARBON : feedSeed % 3 == 1 ? DELIVERED : PROCESSED;
        month = month % PERIODS;
        if (oracle.roundOf(roundOf(feed, month)).state == IMonitoringOracle.State.Final) return;
        Tree.Register memory register = _randomRegister(bound(size, 1, HOLDERS), weights);
        IMonitoringOracle.Report memory report = reportOn(feed, month, register, 0);
        if (feed == CARBON) {
            Tree.Register memory none;
            IMonitoringOracle.Report memory check = reportOn(CROSS, month, none, report.value);
            if (oracle.roundOf(roundOf(CROSS, month)).state == IMonitoringOracle.State.None) submit(check, CROSS_KEY);
            submit(report, REPORTER_KEY);
            submit(report, REPORTER_KEY + 1);
            submit(report, REPORTER_KEY + 2);
        } else {
            submit(report, SCALES_KEY);
        }
        if (oracle.roundOf(roundOf(feed, month)).shareRoot != report.shareRoot) return;
        setRegister(feed, month, register);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        oracle.finalise(roundOf(feed, month));
        finalRounds.push(roundOf(feed, month));
        _count("finalise");
    }

    function _randomRegister(uint256 size, uint256 seed) private pure returns (Tree.Register memory register) {
        register.accounts = new address[](size);
        register.weights = new uint128[](size);
        for (uint256 i = 0; i < size; i++) {
            register.accounts[i] = holder(uint256(keccak256(abi.encode(seed, i))));
            uint256 weight = uint256(keccak256(abi.encode(seed, size, i)));
            // Small weights, so that odd fen are frequent; and nothing at all, now and then.
            register.weights[i] = i != 0 && weight % 5 == 0 ? 0 : uint128(1 + (weight >> 8) % 1000);
        }
    }

    function finaliseAgain(uint256 seed) external watched {
        if (finalRounds.length == 0) return;
        try oracle.finalise(finalRounds[seed % finalRounds.length]) {
            violations.push("I10: a final round was made final again");
        } catch {}
    }

    function openRegister(uint256 agreement, uint256 leg, uint256 round) external watched {
        if (finalRounds.length == 0) return;
        try revenue.openRegister(
            agreements[agreement % agreements.length], uint8(leg % 3), finalRounds[round % finalRounds.length]
        ) {
            _count("openRegister");
        } catch {}
    }

    /* CREDITS */

    function issue(uint256 month) external watched {
        bytes32 round = roundOf(CARBON, month % PERIODS);
        bool issuedBefore = credits.batchOfRound(round) != 0;
        try credits.issue(PROJECT, round) {
            if (issuedBefore) violations.push("I10: a round was issued twice");
            _count("issue");
        } catch {}
    }

    function moveCredits(uint256 batch, uint256 from, uint256 to, uint256 amount) external watched {
        if (credits.batchCount() == 0) return;
        batch = 1 + batch % credits.batchCount();
        address sender = from % 3 == 0 ? anyone(from / 3) : from % 3 == 1 ? pool : buyer(from / 3);
        address receiver = to % 3 == 0 ? anyone(to / 3) : buyer(to / 3);
        amount = bound(amount, 0, credits.balanceOf(sender, batch));
        vm.prank(sender);
        try credits.safeTransferFrom(sender, receiver, batch, amount, "") {
            if (sender == buffer) violations.push("C5: credits left the buffer");
            _count("moveCredits");
        } catch {}
    }

    /* INCOME */

    function receiveIncome(uint256 agreement, uint256 month, uint256 amount, uint256 old) external watched {
        bool isOld = old % 8 == 0 && references.length != 0;
        bytes32 bankReference = isOld ? references[old % references.length] : fresh("receipt");
        // Now and then a fen, now and then a fortune.
        amount = amount % 4 == 0 ? 1 + amount / 4 % 7 : amount % 4 == 1 ? 1 + amount / 4 % 1e14 : 1 + amount / 4 % 1e6;
        try revenue.receiveIncome(agreements[agreement % agreements.length], period(month), amount, bankReference) {
            if (isOld) violations.push("I10: a bank reference was good twice");
            references.push(bankReference);
            receipts += amount;
            _count("receiveIncome");
        } catch {}
    }

    function closePeriod(uint256 agreement, uint256 month) external watched {
        try revenue.closePeriod(agreements[agreement % agreements.length], period(month)) {
            _count("closePeriod");
        } catch {}
    }

    function _feedOf(bytes32 agreement, uint8 leg) internal pure returns (bytes32) {
        if (agreement == CARBON_POOL && leg == 1) return CARBON;
        if (agreement == ONE_PRODUCT && leg == 1) return DELIVERED;
        if (agreement == ONE_PRODUCT && leg == 2) return PROCESSED;
        return 0;
    }

    function _registerLine(uint256 which, uint256 month)
        internal
        pure
        returns (IRevenue.Line memory line, bytes32 feed)
    {
        (bytes32 agreement, uint8 leg) = which % 3 == 0
            ? (CARBON_POOL, 1)
            : which % 3 == 1 ? (ONE_PRODUCT, uint8(1)) : (ONE_PRODUCT, uint8(2));
        line = IRevenue.Line(agreement, 1, period(month), leg);
        feed = _feedOf(agreement, leg);
    }

    function claim(uint256 which, uint256 month, uint256 index, uint256 who) public watched {
        month = month % PERIODS;
        (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
        Tree.Register memory register = registerOf(feed, month);
        if (register.accounts.length == 0) return;
        index = index % register.accounts.length;
        IRevenue.Leaf memory leaf = IRevenue.Leaf(uint64(index), register.accounts[index], register.weights[index]);
        bytes memory proof = Tree.proof(register, index);
        vm.prank(anyone(who));
        try revenue.claim(line, leaf, proof) returns (uint256 amount) {
            if (amount == 0) violations.push("a claim of nothing was accepted");
            _count("claim");
        } catch {}
    }

    function claimAll(uint256 which, uint256 month) external watched {
        month = month % PERIODS;
        (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
        Tree.Register memory register = registerOf(feed, month);
        IRevenue.Leaf[] memory leaves = new IRevenue.Leaf[](register.accounts.length);
        bytes[] memory proofs = new bytes[](leaves.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            leaves[i] = IRevenue.Leaf(uint64(i), register.accounts[i], register.weights[i]);
            proofs[i] = Tree.proof(register, i);
        }
        try revenue.claimMany(line, leaves, proofs) {
            _count("claimMany");
        } catch {}
    }

    /// @dev I17: the proof is a good one, of another register; or the leaf says more than the register.
    function claimWithAnotherProof(uint256 which, uint256 month, uint256 other, uint256 index, uint256 how)
        external
        watched
    {
        month = month % PERIODS;
        (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
        (, bytes32 otherFeed) = _registerLine(which + 1 + how % 2, other % PERIODS);
        Tree.Register memory register = registerOf(how % 3 == 0 ? feed : otherFeed, other % PERIODS);
        if (register.accounts.length == 0) return;
        index = index % register.accounts.length;
        bytes memory proof = Tree.proof(register, index);
        (bytes32 root,) = Tree.root(register);
        uint128 more = how % 3 == 0 ? 1 : 0;
        if (more == 0 && root == revenue.registerOf(line.agreement, line.leg, line.period).root) return;
        IRevenue.Leaf memory leaf =
            IRevenue.Leaf(uint64(index), register.accounts[index], register.weights[index] + more);
        try revenue.claim(line, leaf, proof) {
            violations.push("I17: a claim with another register's proof was paid");
        } catch {}
    }

    function collect(uint256 agreement, uint256 leg, uint256 month, uint256 who) external watched {
        IRevenue.Line memory line =
            IRevenue.Line(agreements[agreement % agreements.length], 1, period(month), uint8(leg % 3));
        vm.prank(anyone(who));
        try revenue.collect(line) {
            _count("collect");
        } catch {}
    }

    function withdraw(uint256 who) external watched {
        try revenue.withdraw(anyone(who)) {
            _count("withdraw");
        } catch {}
    }

    /* VOUCHERS */

    function deposit(uint256 who, uint256 amount, uint256 old) external watched {
        bool isOld = old % 8 == 0 && references.length != 0;
        bytes32 bankReference = isOld ? references[old % references.length] : fresh("deposit");
        amount = 1 + amount % 1e9;
        try voucher.mint(who % 2 == 0 ? bank(who / 2) : anyone(who / 2), amount, bankReference) {
            if (isOld) violations.push("I10: a bank reference was good twice");
            references.push(bankReference);
            receipts += amount;
            _count("mint");
        } catch {}
    }

    function transferVouchers(uint256 from, uint256 to, uint256 amount) external watched {
        address sender = anyone(from);
        amount = bound(amount, 0, voucher.balanceOf(sender));
        vm.prank(sender);
        try voucher.transfer(anyone(to), amount) {
            _count("transfer");
        } catch {}
    }

    function redeem(uint256 who, uint256 amount) external watched {
        address account = anyone(who);
        amount = bound(amount, 0, voucher.balanceOf(account));
        vm.prank(account);
        try voucher.requestRedemption(amount, "account at the bank") {
            _count("requestRedemption");
        } catch {}
    }

    function confirm(uint256 redemption, uint256 old) external watched {
        if (voucher.redemptionCount() == 0) return;
        bool isOld = old % 8 == 0 && references.length != 0;
        uint256[] memory which = new uint256[](1);
        which[0] = 1 + redemption % voucher.redemptionCount();
        bytes32[] memory paymentReferences = new bytes32[](1);
        paymentReferences[0] = isOld ? references[old % references.length] : fresh("payment");
        ICnyVoucher.Redemption memory before = voucher.redemptionOf(which[0]);
        try voucher.confirmPayments(which, paymentReferences) {
            if (isOld) violations.push("I10: a payment reference was good twice");
            if (before.state != ICnyVoucher.State.Requested) violations.push("I10: a redemption was paid twice");
            references.push(paymentReferences[0]);
            payments += before.amount;
            _count("confirmPayments");
        } catch {}
    }

    function giveBack(uint256 redemption) external watched {
        if (voucher.redemptionCount() == 0) return;
        try voucher.returnRedemption(1 + redemption % voucher.redemptionCount(), "account closed") {
            _count("returnRedemption");
        } catch {}
    }
}
