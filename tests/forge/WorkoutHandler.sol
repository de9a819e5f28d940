// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../../contracts/interfaces/IPledges.sol";
import {PledgeHandler} from "./PledgeHandler.sol";

/// @title What happens to loans that are not repaid as agreed, and what the parties change meanwhile
contract WorkoutHandler is PledgeHandler {
    function expire(uint256 which) external watched {
        bytes32 pledge = _pledge(which);
        (uint256 disburseBy,,,) = workouts.deadlinesOf(pledge);
        try pledges.expire(pledge) {
            if (block.timestamp <= disburseBy) violations.push("L: expired while it could be disbursed");
            _count("expire");
        } catch {}
    }

    function markDelinquent(uint256 which, uint256 who) external watched {
        bytes32 pledge = _pledge(which);
        (, uint256 graceUntil,,) = workouts.deadlinesOf(pledge);
        bool isArrears = pledges.debtOf(pledge).arrears != 0;
        vm.prank(anyone(who));
        try workouts.markDelinquent(pledge) {
            if (!isArrears) violations.push("I12: delinquent without arrears");
            if (block.timestamp <= graceUntil) violations.push("I12: delinquent within the grace");
            _count("markDelinquent");
        } catch {}
    }

    function remediate(uint256 which, uint256 who) external watched {
        bytes32 pledge = _pledge(which);
        vm.prank(_party(pledge, who));
        try workouts.remediate(pledge, "notice") {
            _count("remediate");
        } catch {}
    }

    function enforce(uint256 which, uint256 who) external watched {
        bytes32 pledge = _pledge(which);
        (,, uint256 until,) = workouts.deadlinesOf(pledge);
        bool isPaused = pledges.pausedSince() != 0;
        vm.prank(_party(pledge, who));
        try workouts.enforce(pledge) {
            if (block.timestamp <= until) violations.push("I12: enforced at the deadline or before");
            if (isPaused) violations.push("I16: enforced during a pause");
            _count("enforce");
        } catch {}
    }

    /// @dev The way into trouble at once, so that random sequences reach what comes after it.
    function goBad(uint256 which, uint256 steps) external watched {
        bytes32 pledge = _pledge(which);
        if (!_owes(pledges.stateOf(pledge))) return;
        if (pledges.pausedSince() != 0) pledges.resume("over");
        vm.warp(block.timestamp + 45 days);
        try workouts.markDelinquent(pledge) {
            _count("markDelinquent");
        } catch {}
        _watch(pledge);
        if (steps % 4 == 0) return;
        vm.startPrank(vm.addr(lenderKeyOf[pledge]));
        try workouts.remediate(pledge, "notice") {
            _count("remediate");
        } catch {}
        _watch(pledge);
        if (steps % 4 != 1) {
            (,, uint256 until,) = workouts.deadlinesOf(pledge);
            if (until >= block.timestamp) vm.warp(until);
            bool isOver = block.timestamp > until;
            try workouts.enforce(pledge) {
                if (!isOver) violations.push("I12: enforced at the deadline");
            } catch {}
            vm.warp(block.timestamp + 1);
            // Not even when its time has come.
            bool isPaused = steps % 8 == 7;
            if (isPaused) {
                vm.stopPrank();
                pledges.pause("storm");
                vm.startPrank(vm.addr(lenderKeyOf[pledge]));
            }
            try workouts.enforce(pledge) {
                if (isPaused) violations.push("I16: enforced during a pause");
                _count("enforce");
            } catch {}
        }
        vm.stopPrank();
    }

    function chargeCosts(uint256 which, uint256 who, uint256 amount) external watched {
        bytes32 pledge = _pledge(which);
        amount = bound(amount, 0, 500);
        vm.prank(_party(pledge, who));
        try workouts.chargeCosts(pledge, amount, "invoice") {
            if (workouts.costsCharged(pledge) > pledges.termsOf(pledge).conditions.costsCap) {
                violations.push("L: costs above what was signed");
            }
            _count("chargeCosts");
        } catch {}
    }

    function writeOff(uint256 which, uint256 who) external watched {
        if (who % 3 != 0) return;
        bytes32 pledge = _pledge(which);
        // Anybody may, and few walks would otherwise come to the end of a bad loan.
        try workouts.markDelinquent(pledge) {
            _watch(pledge);
        } catch {}
        uint256 debt = _debt(pledge);
        vm.prank(_party(pledge, who / 3));
        try workouts.writeOff(pledge, "reason") {
            if (_debt(pledge) != debt) violations.push("I13: writing off changed the claim");
            _count("writeOff");
        } catch {}
    }

    function close(uint256 which, uint256 who) external watched {
        if (who % 2 != 0) return;
        bytes32 pledge = _pledge(which);
        vm.prank(_party(pledge, who / 2));
        try workouts.close(pledge, "reason") {
            _count("close");
        } catch {}
    }

    function _debt(bytes32 pledge) internal view returns (uint256) {
        IPledges.Debt memory owed = pledges.debtOf(pledge);
        return owed.principal + owed.interest + owed.costs;
    }

    /// @dev Every lender on the leg consents, one after the other, or only some of them.
    function releasePart(uint256 which, uint256 bps, uint256 shorter, uint256 howMany) external watched {
        if (pledgesMade.length == 0) return;
        bytes32 pledge = _pledge(which);
        IPledges.Standing memory standing = pledges.standingOf(pledge);
        // Half of them give so little back that what remains is still worth the loan.
        uint16 share = uint16(bps % 2 == 0 || standing.bps == 0 ? bound(bps / 2, 0, standing.bps) : standing.bps - 1);
        uint32 to = standing.toPeriod;
        if (shorter % 2 == 0) to -= uint32(bound(shorter / 2, 0, standing.toPeriod - standing.fromPeriod));
        for (uint256 i = 0; i < BANKS; i++) {
            if (howMany % 4 == i + 2) continue;
            vm.prank(bank(i));
            try workouts.releasePart(pledge, share, standing.fromPeriod, to) {} catch {}
        }
        IPledges.Standing memory afterwards = pledges.standingOf(pledge);
        if (afterwards.bps == standing.bps && afterwards.toPeriod == standing.toPeriod) return;
        if (pledges.debtOf(pledge).arrears != 0) violations.push("I8: a part was released in arrears");
        IPledges.Terms memory terms = pledges.termsOf(pledge);
        // What the remaining months of the remaining share are worth, by the value that was signed; more than that is no bound.
        uint256 part = uint256(afterwards.bps) * (afterwards.toPeriod - afterwards.fromPeriod + 1);
        uint256 whole = uint256(terms.bps) * (terms.toPeriod - terms.fromPeriod + 1);
        uint256 value = uint256(terms.conditions.value) * part / whole;
        if (_debt(pledge) * 10_000 > value * terms.conditions.maximumLtvBps) {
            violations.push("I8: the loan is more than its share of the value after a release");
        }
        _count("releasePart");
    }

    function transferLien(uint256 which, uint256 to, uint256 howMany) external watched {
        if (pledgesMade.length == 0) return;
        bytes32 pledge = _pledge(which);
        address lender = pledges.standingOf(pledge).lender;
        uint256 debt = _debt(pledge);
        address newLender = bank(to);
        if (howMany % 4 != 0) {
            vm.prank(lender);
            try workouts.transferLien(pledge, newLender) {} catch {}
        }
        vm.prank(newLender);
        try workouts.transferLien(pledge, newLender) {} catch {}
        if (pledges.standingOf(pledge).lender == lender) return;
        if (howMany % 4 == 0) violations.push("a lien was taken without its lender's consent");
        if (_debt(pledge) != debt) violations.push("I13: a transfer changed the claim");
        lenderKeyOf[pledge] = BANK_KEY + to % BANKS;
        _count("transferLien");
    }

    function subordinate(uint256 which, uint256 howMany) external watched {
        if (pledgesMade.length == 0) return;
        bytes32 pledge = _pledge(which);
        IPledges.Terms memory terms = pledges.termsOf(pledge);
        bytes32[] memory liens = pledges.liensOf(terms.holder, terms.agreement, terms.leg);
        for (uint256 rank = 0; rank + 1 < liens.length; rank++) {
            if (liens[rank] != pledge) continue;
            for (uint256 i = 0; i < BANKS; i++) {
                if (howMany % 4 == i + 2) continue;
                vm.prank(bank(i));
                try workouts.subordinate(pledge, liens[rank + 1]) {} catch {}
            }
            if (pledges.liensOf(terms.holder, terms.agreement, terms.leg)[rank] != pledge) _count("subordinate");
            return;
        }
    }

    function dispute(uint256 which, uint256 who) external watched {
        if (who % 4 != 0) return;
        bytes32 pledge = _pledge(which);
        vm.prank(_party(pledge, who / 4));
        try workouts.dispute(pledge, "reason") {
            _count("dispute");
        } catch {}
    }

    function settleDispute(uint256 which, uint256 who) external watched {
        bytes32 pledge = _pledge(which);
        if (pledgesMade.length == 0) return;
        if (who % 3 != 0) {
            vm.prank(vm.addr(holderKeyOf[pledge]));
            try workouts.settleDispute(pledge) {} catch {}
        }
        vm.prank(vm.addr(lenderKeyOf[pledge]));
        try workouts.settleDispute(pledge) {
            if (who % 3 != 0) _count("settleDispute");
        } catch {}
    }

    function withdrawFromPledges(uint256 who) external watched {
        try pledges.withdraw(anyone(who)) {
            _count("withdrawFromPledges");
        } catch {}
    }
}
