// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CarbonCredits} from "../../contracts/CarbonCredits.sol";
import {IPledges} from "../../contracts/interfaces/IPledges.sol";
import {IRevenue} from "../../contracts/interfaces/IRevenue.sol";
import {AssetHandler} from "./AssetHandler.sol";
import {Handler} from "./Handler.sol";
import {PledgeHandler} from "./PledgeHandler.sol";
import {WorkoutHandler} from "./WorkoutHandler.sol";
import {Tree} from "./Tree.sol";
import {ForgeTest} from "./Vm.sol";

/// @title What the invariants look at
contract Observed is AssetHandler {
    function violationCount() external view returns (uint256) {
        return violations.length;
    }

    function lienCount(uint256 who, uint256 which) external view returns (uint256) {
        (bytes32 agreement, uint8 leg) = _leg(which);
        return pledges.liensOf(holder(who), agreement, leg).length;
    }

    /// @dev Every lien that any holder could have on any leg in any month, in one list of questions.
    function checkLiens() external view {
        for (uint256 h = 0; h < HOLDERS; h++) {
            bool isBlocked = participants.isBlocked(holder(h));
            assertTrue(revenue.standingOf(holder(h)).isBlocked == isBlocked, "blocked in one place, not in the other");
            for (uint256 l = 0; l < 4; l++) {
                (bytes32 agreement, uint8 leg) = _leg(l);
                bool isPledged = pledges.liensOf(holder(h), agreement, leg).length != 0;
                assertTrue(!isPledged || revenue.standingOf(holder(h)).hasPledged, "L22: claims would pass by a lien");
                for (uint256 p = 0; p < PERIODS; p++) {
                    (IPledges.Lien[] memory liens, uint256 freeBps) =
                        pledges.encumbrance(holder(h), agreement, leg, period(p));
                    uint256 bps = 0;
                    for (uint256 i = 0; i < liens.length; i++) {
                        bps += liens[i].bps;
                        assertTrue(!_isTerminal(liens[i].state), "I2: a terminal pledge encumbers");
                    }
                    assertLe(bps, 10_000, "I1: pledged twice");
                    assertEq(freeBps, 10_000 - bps, "the free share");
                }
            }
        }
    }

    function _isTerminal(IPledges.State state) private pure returns (bool) {
        return state == IPledges.State.None || state == IPledges.State.Released || state == IPledges.State.Cancelled
            || state == IPledges.State.Expired || state == IPledges.State.Closed;
    }

    /// @dev I1 once more, from the pledges themselves: the contract's own list could forget one.
    function checkPledgedShares() external view {
        for (uint256 i = 0; i < pledgesMade.length; i++) {
            if (_isTerminal(pledges.stateOf(pledgesMade[i]))) continue;
            // What is pledged is the most where one of the pledges begins.
            uint32 begins = pledges.standingOf(pledgesMade[i]).fromPeriod;
            uint256 bps = 0;
            for (uint256 j = 0; j < pledgesMade.length; j++) {
                if (!_isTerminal(pledges.stateOf(pledgesMade[j]))) {
                    bps += _bpsIn(pledgesMade[j], pledgesMade[i], begins);
                }
            }
            assertLe(bps, 10_000, "I1: pledged twice");
        }
    }

    function _bpsIn(bytes32 pledge, bytes32 beside, uint32 p) private view returns (uint256) {
        IPledges.Terms memory one = pledges.termsOf(pledge);
        IPledges.Terms memory other = pledges.termsOf(beside);
        IPledges.Standing memory standing = pledges.standingOf(pledge);
        bool isSame = one.holder == other.holder && one.agreement == other.agreement && one.leg == other.leg;
        return isSame && standing.fromPeriod <= p && p <= standing.toPeriod ? standing.bps : 0;
    }

    /// @dev I4, I7, I14: the legs of each agreement and month, their holders, and what was paid, from what was received alone.
    function checkSharing() external view {
        for (uint256 a = 0; a < agreements.length; a++) {
            for (uint16 v = 1; v <= revenue.versionCount(agreements[a]); v++) {
                (, IRevenue.Leg[] memory legs) = revenue.versionOf(agreements[a], v);
                for (uint256 p = 0; p < PERIODS; p++) {
                    _checkPeriod(agreements[a], v, p, legs);
                }
            }
        }
    }

    function _checkPeriod(bytes32 agreement, uint16 version, uint256 p, IRevenue.Leg[] memory legs) private view {
        uint256 received = revenue.receivedOf(agreement, version, period(p));
        bool isClosed = revenue.isClosed(agreement, period(p));
        uint256 total = 0;
        uint256 before = 0;
        for (uint8 l = 0; l < legs.length; l++) {
            uint256 owed = isClosed
                ? received * (before + legs[l].bps) / 10_000 - received * before / 10_000
                : received * legs[l].bps / 10_000;
            before += legs[l].bps;
            IRevenue.Line memory line = IRevenue.Line(agreement, version, period(p), l);
            assertEq(revenue.lineIncome(line), owed, "I7: a leg's figure depends on something else than income");
            total += owed;
            if (legs[l].kind == IRevenue.LegKind.Register) _checkHolders(line, owed, isClosed, p);
            else assertLe(revenue.paidOf(line, 0), owed, "I14: a leg was paid more than its income");
        }
        if (isClosed) assertEq(total, received, "I4: the legs are not the whole");
        else assertLe(received - total, legs.length - 1, "I4: dust");
    }

    function _checkHolders(IRevenue.Line memory line, uint256 income, bool isClosed, uint256 p) private view {
        Tree.Register memory register = registerOf(_feedOf(line.agreement, line.leg), p);
        if (register.accounts.length == 0) return;
        (, uint128 total) = Tree.root(register);
        uint256 before = 0;
        uint256 paid = 0;
        uint256 entitledOfAll = 0;
        bool isAllPaid = true;
        for (uint256 i = 0; i < register.accounts.length; i++) {
            uint256 weight = register.weights[i];
            uint256 entitled =
                isClosed ? income * (before + weight) / total - income * before / total : income * weight / total;
            before += weight;
            entitledOfAll += entitled;
            uint256 already = revenue.paidOf(line, i);
            assertLe(already, entitled, "I14: a holder was paid more than its share");
            if (already != entitled) isAllPaid = false;
            paid += already;
        }
        assertLe(paid, income, "I14: more was paid than came in");
        if (isClosed) assertEq(entitledOfAll, income, "S2: the holders are not the whole");
        if (isClosed && isAllPaid) assertEq(paid, income, "I14: something stayed");
    }

    function checkSupply() external view {
        assertEq(voucher.totalSupply(), receipts - payments, "I6: the supply is not what the account holds");
    }

    /// @dev What Revenue holds is what it owes: income less what was paid, plus what is set aside. What a nested leg forwards
    /// is paid by one agreement and received by another.
    function checkCustody() external view {
        uint256 owed = 0;
        for (uint256 a = 0; a < agreements.length; a++) {
            for (uint16 v = 1; v <= revenue.versionCount(agreements[a]); v++) {
                (, IRevenue.Leg[] memory legs) = revenue.versionOf(agreements[a], v);
                for (uint256 p = 0; p < PERIODS; p++) {
                    owed += revenue.receivedOf(agreements[a], v, period(p));
                    for (uint8 l = 0; l < legs.length; l++) {
                        IRevenue.Line memory line = IRevenue.Line(agreements[a], v, period(p), l);
                        for (uint256 i = 0; i < HOLDERS; i++) {
                            owed -= revenue.paidOf(line, i);
                        }
                    }
                }
            }
        }
        uint256 setAside = 0;
        for (uint256 i = 0; i < 14; i++) {
            owed += revenue.setAsideOf(anyone(i));
            setAside += pledges.setAsideOf(anyone(i));
        }
        assertEq(voucher.balanceOf(address(revenue)), owed, "Revenue does not hold what it owes");
        assertEq(voucher.balanceOf(address(pledges)), setAside, "Pledges does not hold what it set aside");
        assertEq(voucher.balanceOf(address(funds)), funds.balanceOf(CARBON_POOL, 0), "Funds does not hold its funds");
    }

    /// @dev I5: nobody owes more than was disbursed, or more in one sense than in the wider one. I18: `good` has its reasons.
    function checkDebts() external view {
        for (uint256 i = 0; i < pledgesMade.length; i++) {
            IPledges.Debt memory owed = pledges.debtOf(pledgesMade[i]);
            assertLe(owed.principal, paidOn[pledgesMade[i]].principalAtDisbursement, "I5: principal");
            assertLe(owed.due, owed.principal + owed.interest + owed.costs, "more is due than owed");
            assertLe(owed.arrears, owed.due, "more is in arrears than due");
            bytes32 pledge = pledgesMade[i];
            (bool isGood, uint256 reasons) = workouts.good(pledge);
            assertTrue(
                isGood == (reasons == 0), "I18: good without every reason bit zero, or not good without a reason"
            );
        }
    }

    /// @dev I15: each batch's serials are partitioned, its sheet adds up, and what was lost is somewhere.
    function checkCredits() external view {
        uint128 next = 1;
        uint256 covered = credits.deficitOf(PROJECT);
        for (uint256 batch = 1; batch <= credits.batchCount(); batch++) {
            CarbonCredits.Batch memory issued = credits.batchOf(batch);
            CarbonCredits.BalanceSheet memory sheet = credits.balanceSheet(batch);
            CarbonCredits.Serials memory serials = credits.serialsOf(batch);
            assertEq(serials.start, next, "I15: serials leave a gap or overlap");
            next += issued.issued;
            assertEq(serials.end, next, "I15: the length of the interval is not the quantity");
            uint256 all = uint256(sheet.tradable) + sheet.buffer + sheet.retired + sheet.cancelled + sheet.reversed;
            assertEq(all, issued.issued, "I15: credits are not conserved");
            assertEq(sheet.issued, issued.issued, "I15: the sheet");
            uint256 held = 0;
            for (uint256 i = 0; i < 14; i++) {
                held += credits.balanceOf(anyone(i), batch);
            }
            assertEq(held, uint256(sheet.tradable) + sheet.buffer, "I15: who holds is not what there is");
            assertLe(serials.start, serials.tradableStart, "I15: serials in order");
            assertEq(serials.bufferStart - serials.tradableStart, sheet.tradable, "I15: tradable serials");
            assertEq(serials.reversedStart - serials.bufferStart, sheet.buffer, "I15: serials of the buffer");
            assertEq(serials.end - serials.reversedStart, sheet.reversed, "I15: reversed serials");
            assertLe(sheet.madeGood, sheet.shortfall, "C: more was made good than was short");
            covered += uint256(sheet.reversed) + sheet.shortfall;
        }
        assertEq(covered, losses, "C: a loss is neither reversed, nor short, nor a deficit");
    }
}

/// @title A county in the middle of its life
/// @notice Few of the short walks that begin with nothing come as far as a claim on a loan that is overdue.
abstract contract CountyTest is ForgeTest {
    Observed internal county;

    function setUp() external {
        county = new Observed();
        for (uint256 month = 0; month < 4; month++) {
            for (uint256 feed = 0; feed < 3; feed++) {
                // Neither challenged nor left unopened: see `measure`.
                county.measure(feed, month, 4, 12 * (3 * month + feed) + 1);
            }
            for (uint256 agreement = 0; agreement < 5; agreement++) {
                county.receiveIncome(agreement, month, 3_999_998 - 4 * agreement, 1);
            }
        }
        // Two banks lend to three holders, one behind the other. When the second does, the first is owed an instalment.
        for (uint256 i = 0; i < 6; i++) {
            if (i == 3) county.timePasses(35 days);
            county.commit((5 * (i / 3) << 8) + i % 3, i % 3, 0, 119, 2001, 200_000, (i << 16) + 9);
            county.lend(4 * i);
        }
        // And one that nobody has registered yet.
        county.commit(0, 3, 5, 119, 2001, 200_000, 5);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(county);
    }
}

contract InvariantsTest is CountyTest {
    function test_walks_begin_in_the_middle_of_a_countys_life() external view {
        assertEq(county.accepted("finalise"), 12, "rounds");
        assertEq(county.accepted("receiveIncome"), 20, "receipts");
        assertEq(county.accepted("commit"), 7, "pledges");
        assertEq(county.accepted("disburse"), 6, "loans");
        for (uint256 i = 0; i < 3; i++) {
            assertEq(county.lienCount(i, i), 2, "liens, one behind the other");
        }
    }

    /// @dev An invariant under calls that are all refused would say nothing: a long random walk gets each of them accepted.
    function test_a_random_walk_has_every_action_accepted() external {
        bytes4[62] memory actions = [
            Handler.timePasses.selector,
            Handler.block_.selector,
            Handler.pause.selector,
            Handler.measure.selector,
            Handler.finaliseAgain.selector,
            Handler.openRegister.selector,
            Handler.issue.selector,
            Handler.lose.selector,
            Handler.retire.selector,
            Handler.cancelCredits.selector,
            Handler.makeGood.selector,
            Handler.moveCredits.selector,
            Handler.receiveIncome.selector,
            Handler.closePeriod.selector,
            Handler.claim.selector,
            Handler.claimAll.selector,
            Handler.claimWithAnotherProof.selector,
            Handler.claimForSomebodyElse.selector,
            Handler.collectMany.selector,
            Handler.claimFor.selector,
            Handler.spend.selector,
            Handler.collect.selector,
            Handler.withdraw.selector,
            Handler.deposit.selector,
            Handler.transferVouchers.selector,
            Handler.redeem.selector,
            Handler.confirm.selector,
            Handler.giveBack.selector,
            PledgeHandler.commit.selector,
            PledgeHandler.revoke.selector,
            PledgeHandler.cancel.selector,
            PledgeHandler.perfect.selector,
            PledgeHandler.disburse.selector,
            PledgeHandler.lend.selector,
            PledgeHandler.repay.selector,
            PledgeHandler.release.selector,
            PledgeHandler.claimOfBorrower.selector,
            PledgeHandler.divert.selector,
            WorkoutHandler.expire.selector,
            WorkoutHandler.markDelinquent.selector,
            WorkoutHandler.remediate.selector,
            WorkoutHandler.enforce.selector,
            WorkoutHandler.goBad.selector,
            WorkoutHandler.chargeCosts.selector,
            WorkoutHandler.writeOff.selector,
            WorkoutHandler.close.selector,
            WorkoutHandler.releasePart.selector,
            WorkoutHandler.transferLien.selector,
            WorkoutHandler.subordinate.selector,
            WorkoutHandler.dispute.selector,
            WorkoutHandler.settleDispute.selector,
            WorkoutHandler.withdrawFromPledges.selector,
            AssetHandler.appendVersion.selector,
            AssetHandler.license.selector,
            AssetHandler.endLicence.selector,
            AssetHandler.handOver.selector,
            AssetHandler.repoint.selector,
            AssetHandler.lendOnAsset.selector,
            AssetHandler.agreeCovenant.selector,
            AssetHandler.appraise.selector,
            AssetHandler.disputeValue.selector,
            AssetHandler.markStale.selector
        ];
        // Several short walks: in a long one everything has come to its end.
        Observed[16] memory counties;
        for (uint256 walk = 0; walk < counties.length; walk++) {
            counties[walk] = new Observed();
            for (uint256 i = 0; i < 1200; i++) {
                bytes32 seed = keccak256(abi.encode(walk, i));
                bytes4 action = actions[uint256(seed) % actions.length];
                bytes memory arguments;
                for (uint256 j = 0; j < 7; j++) {
                    arguments = abi.encodePacked(arguments, keccak256(abi.encode(seed, j)));
                }
                (bool done,) = address(counties[walk]).call(abi.encodePacked(action, arguments));
                assertTrue(done, "an action itself failed");
            }
            if (counties[walk].violationCount() != 0) revert Broken(counties[walk].violations(0));
        }
        string[56] memory accepted = [
            "cancel",
            "cancelCredits",
            "chargeCosts",
            "claim",
            "claimFor",
            "claimMany",
            "close",
            "closePeriod",
            "collect",
            "collectMany",
            "commit",
            "confirmPayments",
            "disburse",
            "dispute",
            "enforce",
            "expire",
            "finalise",
            "upheld",
            "void",
            "issue",
            "makeGood",
            "markDelinquent",
            "mint",
            "moveCredits",
            "openRegister",
            "pause",
            "perfect",
            "receiveIncome",
            "release",
            "releasePart",
            "remediate",
            "repay",
            "requestRedemption",
            "retire",
            "returnRedemption",
            "reverse",
            "revoke",
            "setBlocked",
            "settleDispute",
            "spend",
            "subordinate",
            "transfer",
            "transferLien",
            "withdraw",
            "withdrawFromPledges",
            "writeOff",
            "append",
            "grantLicence",
            "endLicence",
            "acceptStewardship",
            "repoint",
            "agreeCovenant",
            "appraise",
            "disputeValue",
            "endDispute",
            "markStale"
        ];
        string memory never;
        for (uint256 i = 0; i < accepted.length; i++) {
            uint256 count = 0;
            for (uint256 walk = 0; walk < counties.length; walk++) {
                count += counties[walk].accepted(accepted[i]);
            }
            if (count == 0) never = string.concat(never, " ", accepted[i]);
        }
        assertTrue(bytes(never).length == 0, string.concat("never accepted:", never));
    }

    function invariant_I1_I2_no_income_is_pledged_twice_and_nothing_that_ended_encumbers() external view {
        county.checkLiens();
        county.checkPledgedShares();
    }

    function invariant_I3_I5_I8_I9_I10_I11_I12_I13_I16_I17_nothing_was_accepted_that_never_may_be() external view {
        if (county.violationCount() != 0) revert Broken(county.violations(0));
    }

    function invariant_I4_I7_I14_income_is_shared_by_the_rule_alone() external view {
        county.checkSharing();
        county.checkCustody();
    }

    function invariant_I6_supply_is_receipts_less_payments() external view {
        county.checkSupply();
    }

    function invariant_I5_I18_debts_only_fall_and_good_has_no_reason_against_it() external view {
        county.checkDebts();
    }

    function invariant_I15_credits_are_conserved() external view {
        county.checkCredits();
    }
}

/// @notice All of them in one campaign, which `make nightly` makes a long one: 10,000 walks of 128 steps.
contract EverythingTest is CountyTest {
    function invariant_everything_holds() external view {
        county.checkLiens();
        county.checkPledgedShares();
        county.checkSharing();
        county.checkCustody();
        county.checkSupply();
        county.checkDebts();
        county.checkCredits();
        if (county.violationCount() != 0) revert Broken(county.violations(0));
    }
}
