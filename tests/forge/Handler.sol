// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFunds} from "../../contracts/interfaces/IFunds.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
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
        uint256 principalAtDisbursement;
        uint256 lastPrincipal;
        IPledges.State lastState;
    }

    uint256 public receipts;
    uint256 public payments;
    /// @notice Something that must never be accepted was accepted; the text says what.
    string[] public violations;
    mapping(string action => uint256) public accepted;

    /// @notice Kilograms that rounds said were lost.
    uint256 public losses;
    bytes32[] internal references;
    bytes32[] internal registerNumbers;
    bytes32[] internal pledgesMade;
    mapping(bytes32 pledge => Paid) internal paidOn;
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
        if (principal > paid.lastPrincipal && paid.lastState != IPledges.State.Perfected) {
            violations.push("I5: principal grew without a disbursement");
        }
        paid.lastState = state;
        paid.lastPrincipal = principal;
    }

    /// @dev SPEC L6. One action may make several steps: what counts is that the end can be reached.
    function _isListed(IPledges.State from, IPledges.State to) internal pure returns (bool) {
        if (from == IPledges.State.None) return to == IPledges.State.Committed;
        if (from == IPledges.State.Committed || from == IPledges.State.Perfected) {
            return to == IPledges.State.Cancelled || to == IPledges.State.Expired
                || to == (from == IPledges.State.Committed ? IPledges.State.Perfected : IPledges.State.Active);
        }
        if (from == IPledges.State.Repaid) return to == IPledges.State.Released;
        if (to == IPledges.State.Repaid) return _owes(from);
        if (from == IPledges.State.Active) return to == IPledges.State.Delinquent;
        if (from == IPledges.State.Delinquent) {
            return to == IPledges.State.Active || to == IPledges.State.Remediation || to == IPledges.State.WrittenOff;
        }
        if (from == IPledges.State.Remediation) return to == IPledges.State.Active || to == IPledges.State.Enforcing;
        if (from == IPledges.State.Enforcing) return to == IPledges.State.WrittenOff || to == IPledges.State.Closed;
        return from == IPledges.State.WrittenOff && to == IPledges.State.Closed;
    }

    function _owes(IPledges.State state) internal pure returns (bool) {
        return state == IPledges.State.Active || state == IPledges.State.Delinquent
            || state == IPledges.State.Remediation || state == IPledges.State.Enforcing
            || state == IPledges.State.WrittenOff;
    }

    function _count(string memory action) internal {
        accepted[action] += 1;
    }

    /* TIME AND OFFICERS */

    function timePasses(uint256 seed) external watched {
        vm.warp(block.timestamp + bound(seed, 1, seed % 5 == 0 ? 40 days : 2 days));
    }

    function block_(uint256 who, uint256 seed) external watched {
        address account = anyone(who);
        bool blocked = seed % 3 == 0;
        if (participants.isBlocked(account) == blocked) return;
        participants.setBlocked(account, blocked, "court order");
        _count("setBlocked");
    }

    function pause(uint256 which, uint256 seed) external watched {
        bool isPause = seed % 6 == 0;
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
        IMonitoringOracle.State before = oracle.roundOf(roundOf(feed, month)).state;
        if (before != IMonitoringOracle.State.None) return;
        if (feed == CARBON && oracle.roundOf(roundOf(CROSS, month)).state != IMonitoringOracle.State.None) return;
        Tree.Register memory register = _randomRegister(bound(size, 1, HOLDERS), weights);
        IMonitoringOracle.Report memory report = reportOn(feed, month, register, 0);
        if (feed == CARBON) {
            Tree.Register memory none;
            IMonitoringOracle.Report memory check = reportOn(CROSS, month, none, report.value);
            submit(check, CROSS_KEY);
            submit(report, REPORTER_KEY);
            submit(report, REPORTER_KEY + 1);
            submit(report, REPORTER_KEY + 2);
        } else {
            submit(report, SCALES_KEY);
        }
        if (oracle.roundOf(roundOf(feed, month)).shareRoot != report.shareRoot) return;
        if (feed == CARBON && weights % 3 == 0 && _isVoided(roundOf(feed, month), report, weights / 3)) return;
        setRegister(feed, month, register);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        oracle.finalise(roundOf(feed, month));
        finalRounds.push(roundOf(feed, month));
        _count("finalise");
        if (weights % 4 == 0) return;
        if (feed == CARBON) {
            try credits.issue(PROJECT, roundOf(feed, month)) {} catch {}
        } else {
            try revenue.openRegister(ONE_PRODUCT, feed == DELIVERED ? 1 : 2, roundOf(feed, month)) {} catch {}
        }
    }

    /// @dev Somebody challenges the candidate, and two of the panel uphold it or find it void.
    function _isVoided(bytes32 round, IMonitoringOracle.Report memory report, uint256 seed) private returns (bool) {
        vm.prank(buyer(seed));
        try panel.challenge(round, "plot 7 burned", "photographs") {}
        catch {
            return false;
        }
        try oracle.finalise(round) {
            violations.push("O: a disputed round became final");
        } catch {}
        IMonitoringOracle.Verdict verdict =
            seed % 2 == 0 ? IMonitoringOracle.Verdict.Upheld : IMonitoringOracle.Verdict.Void;
        for (uint256 i = 0; i < 2; i++) {
            vm.prank(member(i + seed % 2));
            panel.vote(round, verdict);
        }
        if (seed % 2 == 0) {
            _count("upheld");
            return false;
        }
        if (oracle.roundOf(round).state != IMonitoringOracle.State.Void) violations.push("O: two votes did not void");
        report.configDigest = oracle.configDigest(report.feed);
        report.seq = oracle.lastSeq(report.feed, vm.addr(REPORTER_KEY)) + 1;
        bytes memory signature = signed(REPORTER_KEY, oracle.reportDigest(report));
        try oracle.submit(report, signature) {
            violations.push("O: voided figures came back");
        } catch {}
        _count("void");
        return true;
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

    /// @dev A round in which the forest lost something, and what follows.
    function lose(uint256 month, uint256 kilograms) external watched {
        if (kilograms % 4 != 0) return;
        month = month % PERIODS;
        bytes32 round = roundOf(CARBON, month);
        if (oracle.roundOf(round).state != IMonitoringOracle.State.None) return;
        if (oracle.roundOf(roundOf(CROSS, month)).state != IMonitoringOracle.State.None) return;
        Tree.Register memory none;
        int128 value = -int128(int256(bound(kilograms / 4, 1, kilograms % 8 == 0 ? 900 : 60)));
        submit(reportOn(CROSS, month, none, value), CROSS_KEY);
        IMonitoringOracle.Report memory report = reportOn(CARBON, month, none, value);
        submit(report, REPORTER_KEY);
        submit(report, REPORTER_KEY + 1);
        submit(report, REPORTER_KEY + 2);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        oracle.finalise(round);
        finalRounds.push(round);
        losses += uint128(-value);
        try credits.issue(PROJECT, round) {
            violations.push("a loss was issued");
        } catch {}
        credits.reverse(PROJECT, round);
        try credits.reverse(PROJECT, round) {
            violations.push("I10: a round was reversed twice");
        } catch {}
        _count("reverse");
    }

    function retire(uint256 batch, uint256 who, uint256 by, uint256 quantity) external watched {
        if (credits.batchCount() == 0) return;
        batch = 1 + batch % credits.batchCount();
        address account = who % 2 == 0 ? buyer(who / 2) : anyone(who / 2);
        address caller = by % 4 == 0 ? anyone(by / 4) : account;
        quantity = bound(quantity, 0, credits.balanceOf(account, batch));
        IRetirementCertificates.Use memory use = IRetirementCertificates.Use({
            purpose: "offset", periodStart: 1, periodEnd: 2, beneficiary: keccak256(abi.encode(who))
        });
        vm.prank(caller);
        try credits.retire(account, batch, uint128(quantity), use) returns (uint256 certificate) {
            if (caller != account) violations.push("somebody else retired credits");
            if (quantity == 0) violations.push("nothing was retired, and certified");
            IRetirementCertificates.Certificate memory made = certificates.certificateOf(certificate);
            if (made.quantity != quantity || certificates.ownerOf(certificate) != account) {
                violations.push("C: a certificate says something else than was retired");
            }
            _count("retire");
        } catch {}
    }

    function cancelCredits(uint256 batch, uint256 who, uint256 quantity) external watched {
        if (credits.batchCount() == 0) return;
        batch = 1 + batch % credits.batchCount();
        address account = who % 2 == 0 ? buyer(who / 2) : pool;
        quantity = bound(quantity, 0, credits.balanceOf(account, batch));
        vm.prank(account);
        try credits.cancel(account, batch, uint128(quantity), "mistake") {
            _count("cancelCredits");
        } catch {}
    }

    function makeGood(uint256 batch, uint256 source, uint256 who, uint256 quantity) external watched {
        if (credits.batchCount() == 0) return;
        batch = 1 + batch % credits.batchCount();
        source = 1 + source % credits.batchCount();
        address account = who % 2 == 0 ? buyer(who / 2) : pool;
        quantity = bound(quantity, 0, credits.balanceOf(account, source));
        vm.prank(account);
        try credits.makeGood(account, batch, source, uint128(quantity)) {
            _count("makeGood");
        } catch {}
    }

    function moveCredits(uint256 batch, uint256 from, uint256 to, uint256 amount) external watched {
        if (credits.batchCount() == 0) return;
        batch = 1 + batch % credits.batchCount();
        address sender = from % 4 == 0 ? anyone(from / 4) : from % 4 == 1 ? buyer(from / 4) : pool;
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

    function claim(uint256 which, uint256 month, uint256 index, uint256 who) external watched {
        month = month % PERIODS;
        (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
        Tree.Register memory register = registerOf(feed, month);
        if (register.accounts.length != 0) _claim(line, register, index % register.accounts.length, anyone(who));
    }

    /// @dev `caller` claims for one of the holders.
    function _claim(IRevenue.Line memory line, Tree.Register memory register, uint256 index, address caller) internal {
        IRevenue.Leaf memory leaf = IRevenue.Leaf(uint64(index), register.accounts[index], register.weights[index]);
        bytes memory proof = Tree.proof(register, index);
        bytes32[] memory liens = pledges.liensOf(leaf.account, line.agreement, line.leg);
        uint256[] memory debts = _debtsOf(liens);
        vm.prank(caller);
        try revenue.claim(line, leaf, proof) returns (uint256 amount) {
            if (amount == 0) violations.push("a claim of nothing was accepted");
            _checkJuniors(liens, debts, line.period);
            _count("claim");
        } catch {}
    }

    function _debtsOf(bytes32[] memory liens) private view returns (uint256[] memory debts) {
        debts = new uint256[](liens.length);
        for (uint256 i = 0; i < liens.length; i++) {
            IPledges.Debt memory owed = pledges.debtOf(liens[i]);
            debts[i] = owed.principal + owed.interest + owed.costs;
        }
    }

    /// @dev I9: once a lien on this period is in arrears still, nothing was paid to those behind it.
    function _checkJuniors(bytes32[] memory liens, uint256[] memory debts, Period of_) private {
        uint256[] memory left = _debtsOf(liens);
        bool isSeniorInArrears = false;
        for (uint256 i = 0; i < liens.length; i++) {
            if (isSeniorInArrears && left[i] < debts[i]) {
                violations.push("I9: a junior was paid before a senior in arrears");
            }
            IPledges.Standing memory standing = pledges.standingOf(liens[i]);
            bool isOnIt = standing.fromPeriod <= Period.unwrap(of_) && Period.unwrap(of_) <= standing.toPeriod;
            if (isOnIt && _owes(standing.state) && pledges.debtOf(liens[i]).arrears != 0) isSeniorInArrears = true;
        }
    }

    function _run(Tree.Register memory register, uint256 first, uint256 end)
        private
        pure
        returns (IRevenue.Run memory run)
    {
        run.first = uint64(first);
        run.holders = new IRevenue.Holder[](end - first);
        for (uint256 i = first; i < end; i++) {
            run.holders[i - first] = IRevenue.Holder(register.accounts[i], register.weights[i]);
        }
        run.proof = Tree.proof(register, first, end);
    }

    function claimAll(uint256 which, uint256 month) external watched {
        month = month % PERIODS;
        (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
        Tree.Register memory register = registerOf(feed, month);
        if (register.accounts.length == 0) return;
        // Neighbours in two runs, or in one where the second has nobody.
        uint256 cut = 1 + month % register.accounts.length;
        IRevenue.Run[] memory runs = new IRevenue.Run[](cut == register.accounts.length ? 1 : 2);
        runs[0] = _run(register, 0, cut);
        if (runs.length == 2) runs[1] = _run(register, cut, register.accounts.length);
        try revenue.claimMany(line, runs) {
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
        (, bytes32 otherFeed) = _registerLine(which % 3 + 1 + how % 2, other % PERIODS);
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

    /// @dev I17: place, weight and proof are right, and the account is somebody else's.
    function claimForSomebodyElse(uint256 which, uint256 month, uint256 index, uint256 who) external watched {
        month = month % PERIODS;
        (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
        Tree.Register memory register = registerOf(feed, month);
        if (register.accounts.length == 0) return;
        index = index % register.accounts.length;
        if (register.accounts[index] == anyone(who)) return;
        IRevenue.Leaf memory leaf = IRevenue.Leaf(uint64(index), anyone(who), register.weights[index]);
        try revenue.claim(line, leaf, Tree.proof(register, index)) {
            violations.push("I17: a share was paid to somebody else");
        } catch {}
        // The same in a run with everybody else.
        register.accounts[index] = leaf.account;
        IRevenue.Run[] memory runs = new IRevenue.Run[](1);
        runs[0] = _run(register, 0, register.accounts.length);
        try revenue.claimMany(line, runs) {
            violations.push("I17: a share was paid to somebody else in a run");
        } catch {}
    }

    /// @dev Two legs and two months at once; what is owed nothing is passed over.
    function collectMany(uint256 agreement, uint256 month) external watched {
        IRevenue.Line[] memory lines = new IRevenue.Line[](4);
        for (uint256 i = 0; i < 4; i++) {
            lines[i] = IRevenue.Line(
                agreements[agreement % agreements.length], 1, period(month % PERIODS + i / 2), uint8(i % 2)
            );
        }
        try revenue.collectMany(lines) {
            _count("collectMany");
        } catch {}
    }

    /// @dev All that one holder has in one leg, month by month.
    function claimFor(uint256 which, uint256 who) external watched {
        address account = holder(who);
        IRevenue.Claim[] memory all = new IRevenue.Claim[](PERIODS);
        uint256 count = 0;
        for (uint256 month = 0; month < PERIODS; month++) {
            (IRevenue.Line memory line, bytes32 feed) = _registerLine(which, month);
            Tree.Register memory register = registerOf(feed, month);
            for (uint256 i = 0; i < register.accounts.length; i++) {
                if (register.accounts[i] != account) continue;
                all[count++] = IRevenue.Claim(
                    line, IRevenue.Leaf(uint64(i), account, register.weights[i]), Tree.proof(register, i)
                );
                break;
            }
        }
        IRevenue.Claim[] memory claims = new IRevenue.Claim[](count);
        for (uint256 i = 0; i < count; i++) {
            claims[i] = all[i];
        }
        try revenue.claimFor(account, claims) {
            if (count != 0) _count("claimFor");
        } catch {}
    }

    /* FUNDS */

    function spend(uint256 amount, uint256 how) external watched {
        for (uint256 month = 0; month < PERIODS; month++) {
            try revenue.collect(IRevenue.Line(CARBON_POOL, 1, period(month), 0)) {} catch {}
        }
        uint256 balance = funds.balanceOf(CARBON_POOL, 0);
        if (balance == 0) return;
        IFunds.Proposal memory proposal = IFunds.Proposal({
            agreement: CARBON_POOL,
            leg: 0,
            purpose: how % 7 == 0 ? bytes32("a villa") : bytes32("ecology"),
            payee: how % 5 == 0 ? address(0xbad) : buyer(how),
            amount: uint128(bound(amount, 1, balance + 3)),
            bill: 0,
            evidence: how % 8 == 0 ? bytes32("evidence") : fresh("evidence")
        });
        try funds.propose(proposal) returns (uint256 spending) {
            if (proposal.purpose != "ecology") violations.push("a fund was to be spent for another purpose");
            try funds.spend(spending) {
                violations.push("one person alone spent a fund");
            } catch {}
            vm.prank(SECOND_OFFICER);
            try funds.spend(spending) {
                _count("spend");
            } catch {}
            vm.prank(SECOND_OFFICER);
            try funds.spend(spending) {
                violations.push("I10: a spending was made twice");
            } catch {}
        } catch {}
    }

    function collect(uint256 agreement, uint256 leg, uint256 month, uint256 who) external watched {
        IRevenue.Line memory line = IRevenue.Line(
            agreements[agreement % agreements.length], 1 + uint16(who % 2), period(month), uint8(leg % 3)
        );
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
