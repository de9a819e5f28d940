// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPledges} from "../../contracts/interfaces/IPledges.sol";
import {IRevenue} from "../../contracts/interfaces/IRevenue.sol";
import {Period} from "../../contracts/interfaces/Types.sol";
import {Handler} from "./Handler.sol";
import {Tree} from "./Tree.sol";

/// @title What the parties of a pledge do, and what others try
contract PledgeHandler is Handler {
    uint256 private _nonce;
    mapping(address lender => mapping(bytes32 number => bool)) private _isNumberUsed;
    mapping(bytes32 pledge => uint256) internal holderKeyOf;
    mapping(bytes32 pledge => uint256) internal lenderKeyOf;

    /// @dev Legs that pay holders: the three registers, and the accounts of two agreements.
    function _leg(uint256 seed) internal pure returns (bytes32 agreement, uint8 leg) {
        uint256 i = seed % 4;
        if (i == 0) return (CARBON_POOL, 1);
        if (i == 1) return (ONE_PRODUCT, 1);
        if (i == 2) return (ONE_PRODUCT, 2);
        return (TECH_ENCLAVE, 0);
    }

    function commit(
        uint256 who,
        uint256 what,
        uint256 from,
        uint256 length,
        uint256 bps,
        uint256 principal,
        uint256 how
    ) external watched {
        // The account of the enclave's first leg is the first holder's.
        uint256 holderKey = HOLDER_KEY + (what % 4 == 3 ? 0 : who % HOLDERS);
        uint256 lenderKey = BANK_KEY + (who >> 8) % BANKS;
        IPledges.Terms memory terms;
        terms.holder = vm.addr(holderKey);
        terms.lender = vm.addr(lenderKey);
        (terms.agreement, terms.leg) = _leg(what);
        terms.fromPeriod = Period.unwrap(period(from));
        // Some run on for years, so that there is always coming income to pledge.
        terms.toPeriod = terms.fromPeriod + uint32(length % 2 == 0 ? length / 2 % 6 : length / 2 % 60);
        terms.bps = uint16(bps % 4 == 0 ? bps % 10_002 : 1 + bps % 4000);
        terms.principal = uint128(1 + principal % 1e6);
        terms.annualRateBps = uint16(how % 3000);
        terms.schedule = _schedule(terms.principal, how);
        terms.conditions = IPledges.Conditions({
            disburseBy: uint64(block.timestamp + 20 days),
            grace: uint32(how % 10 days),
            remediation: uint32(how % 20 days),
            overdueRateBps: uint16(how % 700),
            costsCap: uint128(how % 5000),
            value: uint128(terms.principal * (1 + how % 3)),
            maximumLtvBps: uint16(5000 + how % 8000)
        });
        if (what % 8 == 7) terms.certificate = CERTIFICATE;
        terms.nonce = how % 16 == 0 ? 0 : ++_nonce;
        terms.deadline = uint64(block.timestamp + 30 days);
        _finish(terms, holderKey, lenderKey, how);
    }

    function _schedule(uint128 principal, uint256 seed) private view returns (IPledges.Instalment[] memory schedule) {
        uint256 count = 1 + (seed >> 16) % 4;
        if (principal < count) count = 1;
        schedule = new IPledges.Instalment[](count);
        for (uint256 i = 0; i < count; i++) {
            schedule[i].dueAt = uint64(block.timestamp + (i + 1) * 30 days);
            schedule[i].principal = uint128(principal / count + (i == 0 ? principal % count : 0));
        }
    }

    function _finish(IPledges.Terms memory terms, uint256 holderKey, uint256 lenderKey, uint256 how) private {
        bytes32 digest = pledges.termsDigest(terms);
        bool isForged = how % 11 == 0;
        bytes memory byHolder = signed(isForged ? SCALES_KEY : holderKey, digest);
        bytes32 pledge = pledges.pledgeId(terms);
        bool existed = pledges.stateOf(pledge) != IPledges.State.None;
        try pledges.commit(terms, byHolder, signed(lenderKey, digest)) {
            if (existed) violations.push("I10: terms were committed twice");
            if (isForged) violations.push("terms were committed that the holder did not sign");
            pledgesMade.push(pledge);
            holderKeyOf[pledge] = holderKey;
            lenderKeyOf[pledge] = lenderKey;
            _count("commit");
        } catch {}
    }

    /// @dev Mostly one of the newest: the oldest have mostly come to their end.
    function _pledge(uint256 seed) internal view returns (bytes32) {
        uint256 count = pledgesMade.length;
        if (count == 0) return bytes32(seed);
        return pledgesMade[seed % 4 == 0 || count < 4 ? seed / 4 % count : count - 1 - seed / 4 % 4];
    }

    /// @dev Mostly the lender, sometimes the holder, sometimes somebody else.
    function _party(bytes32 pledge, uint256 seed) internal view returns (address) {
        if (pledgesMade.length == 0 || seed % 8 == 0) return anyone(seed / 8);
        return seed % 8 < 6 ? vm.addr(lenderKeyOf[pledge]) : vm.addr(holderKeyOf[pledge]);
    }

    function revoke(uint256 who, uint256 which) external watched {
        vm.prank(anyone(who));
        try pledges.revoke(which % 2 == 0 ? bytes32(which) : _pledge(which)) {
            _count("revoke");
        } catch {}
    }

    function cancel(uint256 which, uint256 who) external watched {
        if (which % 4 != 0) return;
        bytes32 pledge = _pledge(which / 4);
        vm.prank(_party(pledge, who));
        try pledges.cancel(pledge) {
            _count("cancel");
        } catch {}
    }

    function perfect(uint256 which, uint256 who, uint256 old) external watched {
        bytes32 pledge = _pledge(which);
        bool isOld = old % 8 == 0 && registerNumbers.length != 0;
        bytes32 number = isOld ? registerNumbers[old % registerNumbers.length] : fresh("register number");
        IPledges.Perfection memory perfection =
            IPledges.Perfection(number, uint64(block.timestamp + 2000 days), "collection account", "notice");
        address caller = _party(pledge, who);
        vm.prank(caller);
        try pledges.perfect(pledge, perfection) {
            // A register gives its numbers to one lender each.
            if (_isNumberUsed[caller][number]) violations.push("I10: a register number was good twice");
            _isNumberUsed[caller][number] = true;
            registerNumbers.push(number);
            _count("perfect");
        } catch {}
    }

    function disburse(uint256 which, uint256 who) external watched {
        bytes32 pledge = _pledge(which);
        uint256 principal = pledges.termsOf(pledge).principal;
        if (pledgesMade.length != 0 && who % 4 != 0) {
            // The bank paid in what it is about to lend.
            try voucher.mint(vm.addr(lenderKeyOf[pledge]), principal, fresh("deposit")) {
                receipts += principal;
            } catch {}
        }
        vm.prank(_party(pledge, who));
        try pledges.disburse(pledge) {
            paidOn[pledge].principalAtDisbursement = principal;
            _count("disburse");
        } catch {}
    }

    /// @dev The whole way to a loan at once, so that random sequences reach what comes after it.
    function lend(uint256 which) external watched {
        bytes32 pledge = _pledge(which);
        if (pledgesMade.length == 0) return;
        address lender = vm.addr(lenderKeyOf[pledge]);
        IPledges.Perfection memory perfection =
            IPledges.Perfection(fresh("number"), uint64(block.timestamp + 2000 days), "collection account", "notice");
        vm.prank(lender);
        try pledges.perfect(pledge, perfection) {
            _watch(pledge);
        } catch {}
        uint256 principal = pledges.termsOf(pledge).principal;
        try voucher.mint(lender, principal, fresh("deposit")) {
            receipts += principal;
        } catch {}
        vm.prank(lender);
        try pledges.disburse(pledge) {
            paidOn[pledge].principalAtDisbursement = principal;
            _count("disburse");
        } catch {}
    }

    function repay(uint256 which, uint256 who, uint256 amount) external watched {
        bytes32 pledge = _pledge(which);
        IPledges.Debt memory owed = pledges.debtOf(pledge);
        IPledges.State state = pledges.stateOf(pledge);
        address payer = _party(pledge, who);
        amount = amount % 3 == 0 ? owed.principal + owed.interest + owed.costs + amount % 5 : 1 + amount % 1e6;
        uint256 debt = owed.principal + owed.interest + owed.costs;
        uint256 taken = amount < debt ? amount : debt;
        bool canPay = voucher.balanceOf(payer) >= taken && voucher.allowance(payer, address(pledges)) >= taken
            && !participants.isBlocked(payer);
        vm.prank(payer);
        try pledges.repay(pledge, amount) returns (uint256 paid) {
            if (paid > debt) violations.push("L8: more than the debt was taken");
            _count("repay");
        } catch {
            if (canPay && debt != 0 && _owes(state)) violations.push("I11: a repayment was refused");
        }
    }

    function release(uint256 which, uint256 who) external watched {
        bytes32 pledge = _pledge(which);
        vm.prank(_party(pledge, who));
        try pledges.release(pledge) {
            _count("release");
        } catch {}
    }

    /// @dev A claim that lenders have a part in: few holders of many have pledged anything.
    function claimOfBorrower(uint256 which, uint256 month) external watched {
        if (pledgesMade.length == 0) return;
        month = month % PERIODS;
        IPledges.Terms memory terms = pledges.termsOf(_pledge(which));
        Tree.Register memory register = registerOf(_feedOf(terms.agreement, terms.leg), month);
        for (uint256 i = 0; i < register.accounts.length; i++) {
            if (register.accounts[i] != terms.holder) continue;
            _claim(IRevenue.Line(terms.agreement, 1, period(month), terms.leg), register, i, anyone(which));
            return;
        }
    }

    function divert(uint256 which, uint256 who) external watched {
        IPledges.Terms memory terms = pledges.termsOf(_pledge(which));
        vm.prank(anyone(who));
        try pledges.divert(terms.holder, terms.agreement, terms.leg, Period.wrap(terms.fromPeriod), 0, 1e6) {
            violations.push("divert was called by somebody else than Revenue");
        } catch {}
    }
}
