// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {ICnyVoucher} from "./interfaces/ICnyVoucher.sol";
import {IPledges} from "./interfaces/IPledges.sol";
import {Period} from "./interfaces/Types.sol";
import {Loans} from "./libraries/Loans.sol";
import {Months} from "./libraries/Months.sol";

/// @title Pledges
/// @notice See {IPledges}. No role stands above the parties here: the guardian can only pause what begins something new.
contract Pledges is IPledges, PauseClock, EIP712 {
    using Loans for Loans.Loan;

    uint256 private constant BPS = 10_000;
    /// @notice Live liens on one holder's income in one leg.
    uint256 public constant MAXIMUM_LIENS = 8;
    /// @notice Instalments of one loan.
    uint256 public constant MAXIMUM_INSTALMENTS = 40;
    /// @notice How long the lender may take to release a repaid pledge before the holder can.
    uint256 public constant RELEASE_PERIOD = 10 days;

    bytes32 private constant INSTALMENT_TYPEHASH = keccak256("Instalment(uint64 dueAt,uint128 principal)");
    bytes32 private constant TERMS_TYPEHASH = keccak256(
        "Terms(address holder,address lender,bytes32 agreement,uint8 leg,uint32 fromPeriod,uint32 toPeriod,uint16 bps,uint128 principal,uint16 annualRateBps,Instalment[] schedule,uint256 nonce,uint64 deadline)Instalment(uint64 dueAt,uint128 principal)"
    );

    address public immutable revenue;
    ICnyVoucher public immutable voucher;

    /* STORAGE */

    /// @inheritdoc IPledges
    mapping(bytes32 pledge => State) public stateOf;
    mapping(bytes32 pledge => Terms) private _terms;
    mapping(bytes32 pledge => Perfection) private _perfections;
    mapping(bytes32 pledge => Loans.Loan) private _loans;
    mapping(bytes32 pledge => uint64) private _repaidAt;
    mapping(bytes32 pledge => mapping(address party => bool)) private _isRevoked;
    mapping(bytes32 registerNumber => bytes32 pledge) private _pledgeOfRegisterNumber;
    /// @dev All live pledges of (holder, agreement, leg) in order of registration. Invariant: in every period their basis
    /// points add up to at most 10,000.
    mapping(address holder => mapping(bytes32 agreement => mapping(uint8 leg => bytes32[]))) private _liens;

    constructor(address authority, address revenue_, ICnyVoucher voucher_)
        Governed(authority)
        EIP712("Gongsheng Pledges", "1")
    {
        revenue = revenue_;
        voucher = voucher_;
    }

    /* BEFORE DISBURSEMENT */

    /// @inheritdoc IPledges
    function commit(Terms calldata terms, bytes calldata holderSignature, bytes calldata lenderSignature)
        external
        whileRunning
        returns (bytes32 pledge)
    {
        pledge = pledgeId(terms);
        require(stateOf[pledge] == State.None, PledgeExists(pledge, stateOf[pledge]));
        _requireWellFormed(terms);
        bytes32 digest = termsDigest(terms);
        _requireSigned(pledge, terms.holder, digest, holderSignature);
        _requireSigned(pledge, terms.lender, digest, lenderSignature);

        bytes32[] storage liens = _liens[terms.holder][terms.agreement][terms.leg];
        require(liens.length < MAXIMUM_LIENS, TooManyLiens(terms.holder, terms.agreement, terms.leg, liens.length));
        _requireFree(terms, liens);

        _terms[pledge] = terms;
        liens.push(pledge);
        emit Committed(pledge, terms.holder, terms.lender, liens.length - 1, terms, msg.sender);
        _enter(pledge, State.None, State.Committed);
    }

    function _requireWellFormed(Terms calldata terms) private view {
        require(block.timestamp <= terms.deadline, TermsExpired(terms.deadline, block.timestamp));
        require(
            terms.holder != address(0) && terms.lender != address(0) && terms.holder != terms.lender,
            PartiesOutOfRange(terms.holder, terms.lender)
        );
        require(terms.bps != 0 && terms.bps <= BPS, BpsOutOfRange(terms.bps));
        require(terms.fromPeriod <= terms.toPeriod, PeriodsOutOfRange(terms.fromPeriod, terms.toPeriod, Period.wrap(0)));
        uint256 instalments = terms.schedule.length;
        require(instalments != 0 && instalments <= MAXIMUM_INSTALMENTS, ScheduleLength(instalments));
        uint256 scheduled = 0;
        for (uint256 i = 0; i < instalments; i++) {
            require(
                i == 0 || terms.schedule[i].dueAt > terms.schedule[i - 1].dueAt,
                ScheduleNotAscending(i, terms.schedule[i].dueAt)
            );
            scheduled += terms.schedule[i].principal;
        }
        require(terms.principal != 0 && scheduled == terms.principal, ScheduleDoesNotAddUp(scheduled, terms.principal));
    }

    function _requireSigned(bytes32 pledge, address party, bytes32 digest, bytes calldata signature) private view {
        require(!_isRevoked[pledge][party], TermsRevoked(pledge, party));
        require(SignatureChecker.isValidSignatureNow(party, digest, signature), SignatureInvalid(pledge, party));
    }

    /// @dev The pledged share is highest in the first new period or where one of the live liens begins, so only those periods
    /// need to be looked at.
    function _requireFree(Terms calldata terms, bytes32[] storage liens) private view {
        _requireFreeIn(terms, liens, terms.fromPeriod);
        for (uint256 i = 0; i < liens.length; i++) {
            uint32 begins = _terms[liens[i]].fromPeriod;
            if (terms.fromPeriod < begins && begins <= terms.toPeriod) _requireFreeIn(terms, liens, begins);
        }
    }

    function _requireFreeIn(Terms calldata terms, bytes32[] storage liens, uint32 period) private view {
        uint256 pledged = 0;
        for (uint256 i = 0; i < liens.length; i++) {
            if (_covers(_terms[liens[i]], period)) pledged += _terms[liens[i]].bps;
        }
        require(
            pledged + terms.bps <= BPS,
            IncomeAlreadyPledged(terms.holder, terms.agreement, terms.leg, Period.wrap(period), pledged, terms.bps)
        );
    }

    function _covers(Terms storage terms, uint32 period) private view returns (bool) {
        return terms.fromPeriod <= period && period <= terms.toPeriod;
    }

    /// @inheritdoc IPledges
    function revoke(bytes32 pledge) external {
        require(stateOf[pledge] == State.None, PledgeExists(pledge, stateOf[pledge]));
        _isRevoked[pledge][msg.sender] = true;
        emit Revoked(pledge, msg.sender);
    }

    /// @inheritdoc IPledges
    function cancel(bytes32 pledge) external {
        State state = stateOf[pledge];
        require(state == State.Committed || state == State.Perfected, WrongState(pledge, state));
        Terms storage terms = _terms[pledge];
        require(msg.sender == terms.holder || msg.sender == terms.lender, NotParty(pledge, msg.sender));
        _removeLien(pledge);
        _enter(pledge, state, State.Cancelled);
    }

    /// @inheritdoc IPledges
    function perfect(bytes32 pledge, Perfection calldata perfection) external whileRunning {
        _requireLender(pledge);
        _requireState(pledge, State.Committed);
        require(perfection.registerNumber != 0, RegisterNumberMissing(pledge));
        bytes32 other = _pledgeOfRegisterNumber[perfection.registerNumber];
        require(other == 0, RegisterNumberUsed(perfection.registerNumber, other));
        Instalment[] storage schedule = _terms[pledge].schedule;
        uint64 lastDue = schedule[schedule.length - 1].dueAt;
        require(perfection.expiry >= lastDue, RegistrationTooShort(perfection.expiry, lastDue));

        _pledgeOfRegisterNumber[perfection.registerNumber] = pledge;
        _perfections[pledge] = perfection;
        emit Perfected(pledge, perfection, msg.sender);
        _enter(pledge, State.Committed, State.Perfected);
    }

    /// @inheritdoc IPledges
    function disburse(bytes32 pledge) external whileRunning {
        _requireLender(pledge);
        _requireState(pledge, State.Perfected);
        Terms storage terms = _terms[pledge];
        _loans[pledge] =
            Loans.Loan({principal: terms.principal, interestPaid: 0, accrued: 0, accruedAt: uint64(block.timestamp)});
        emit Disbursed(pledge, terms.holder, terms.principal, msg.sender);
        _enter(pledge, State.Perfected, State.Active);

        voucher.transferFrom(msg.sender, terms.holder, terms.principal);
    }

    /* REPAYMENT */

    /// @inheritdoc IPledges
    function divert(address holder, bytes32 agreement, uint8 leg, Period period, uint256 before, uint256 entitled)
        external
        returns (Payment[] memory payments)
    {
        require(msg.sender == revenue, NotRevenue(msg.sender));
        bytes32[] storage liens = _liens[holder][agreement][leg];
        payments = new Payment[](liens.length);
        uint256 remaining = entitled - before;
        for (uint256 i = 0; i < payments.length; i++) {
            bytes32 pledge = liens[i];
            Terms storage terms = _terms[pledge];
            payments[i].lender = terms.lender;
            if (stateOf[pledge] != State.Active || !_covers(terms, Period.unwrap(period))) continue;

            // The difference of two running figures: claiming in small steps gains nothing (SPEC L1).
            uint256 offered = entitled * terms.bps / BPS - before * terms.bps / BPS;
            uint256 due = _loans[pledge].debt(terms).due;
            uint256 taken = _smallest(offered, due, remaining);
            if (taken == 0) continue;
            payments[i].amount = taken;
            remaining -= taken;
            _pay(pledge, terms, taken);
        }
    }

    function _smallest(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        uint256 smaller = a < b ? a : b;
        return smaller < c ? smaller : c;
    }

    /// @inheritdoc IPledges
    function repay(bytes32 pledge, uint256 amount) external returns (uint256 paid) {
        _requireState(pledge, State.Active);
        require(amount != 0, AmountZero());
        Terms storage terms = _terms[pledge];
        Debt memory owed = _loans[pledge].debt(terms);
        paid = amount < owed.principal + owed.interest ? amount : owed.principal + owed.interest;
        _pay(pledge, terms, paid);

        voucher.transferFrom(msg.sender, terms.lender, paid);
    }

    function _pay(bytes32 pledge, Terms storage terms, uint256 amount) private {
        Loans.Loan storage loan = _loans[pledge];
        (uint256 toInterest, uint256 toPrincipal) = loan.pay(terms.annualRateBps, amount);
        uint256 interest = loan.interestDown(terms.annualRateBps);
        emit Repayment(pledge, terms.lender, msg.sender, toInterest, toPrincipal, loan.principal, interest);
        if (loan.principal == 0 && interest == 0) {
            _repaidAt[pledge] = uint64(block.timestamp);
            _enter(pledge, State.Active, State.Repaid);
        }
    }

    /// @inheritdoc IPledges
    function release(bytes32 pledge) external {
        _requireState(pledge, State.Repaid);
        Terms storage terms = _terms[pledge];
        require(msg.sender == terms.lender || msg.sender == terms.holder, NotParty(pledge, msg.sender));
        uint256 holderMayFrom = _repaidAt[pledge] + RELEASE_PERIOD;
        require(msg.sender == terms.lender || block.timestamp >= holderMayFrom, ReleaseTooEarly(pledge, holderMayFrom));
        _removeLien(pledge);
        _enter(pledge, State.Repaid, State.Released);
    }

    /* STATE */

    function _requireState(bytes32 pledge, State expected) private view {
        require(stateOf[pledge] == expected, WrongState(pledge, stateOf[pledge]));
    }

    function _requireLender(bytes32 pledge) private view {
        require(msg.sender == _terms[pledge].lender, NotParty(pledge, msg.sender));
    }

    function _enter(bytes32 pledge, State from, State to) private {
        stateOf[pledge] = to;
        emit StateChanged(pledge, from, to, msg.sender);
    }

    /// @dev Keeps the order of the others: it is their priority.
    function _removeLien(bytes32 pledge) private {
        Terms storage terms = _terms[pledge];
        bytes32[] storage liens = _liens[terms.holder][terms.agreement][terms.leg];
        uint256 i = 0;
        while (liens[i] != pledge) i++;
        for (; i + 1 < liens.length; i++) {
            liens[i] = liens[i + 1];
        }
        liens.pop();
    }

    /* VIEWS */

    /// @inheritdoc IPledges
    function pledgeId(Terms calldata terms) public pure returns (bytes32) {
        bytes32[] memory schedule = new bytes32[](terms.schedule.length);
        for (uint256 i = 0; i < schedule.length; i++) {
            schedule[i] = keccak256(abi.encode(INSTALMENT_TYPEHASH, terms.schedule[i]));
        }
        return keccak256(
            abi.encode(
                TERMS_TYPEHASH,
                terms.holder,
                terms.lender,
                terms.agreement,
                terms.leg,
                terms.fromPeriod,
                terms.toPeriod,
                terms.bps,
                terms.principal,
                terms.annualRateBps,
                keccak256(abi.encodePacked(schedule)),
                terms.nonce,
                terms.deadline
            )
        );
    }

    /// @inheritdoc IPledges
    function termsDigest(Terms calldata terms) public view returns (bytes32) {
        return _hashTypedDataV4(pledgeId(terms));
    }

    /// @inheritdoc IPledges
    function termsOf(bytes32 pledge) external view returns (Terms memory) {
        return _terms[pledge];
    }

    /// @inheritdoc IPledges
    function perfectionOf(bytes32 pledge) external view returns (Perfection memory) {
        return _perfections[pledge];
    }

    /// @inheritdoc IPledges
    function debtOf(bytes32 pledge) external view returns (Debt memory) {
        return _loans[pledge].debt(_terms[pledge]);
    }

    /// @inheritdoc IPledges
    function encumbrance(address holder, bytes32 agreement, uint8 leg, Period period)
        external
        view
        returns (Lien[] memory liens, uint256 freeBps)
    {
        bytes32[] storage all = _liens[holder][agreement][leg];
        uint256 count = 0;
        for (uint256 i = 0; i < all.length; i++) {
            if (_covers(_terms[all[i]], Period.unwrap(period))) count++;
        }
        liens = new Lien[](count);
        freeBps = BPS;
        uint256 next = 0;
        for (uint256 i = 0; i < all.length; i++) {
            Terms storage terms = _terms[all[i]];
            if (!_covers(terms, Period.unwrap(period))) continue;
            liens[next++] = Lien({pledge: all[i], lender: terms.lender, bps: terms.bps, state: stateOf[all[i]]});
            freeBps -= terms.bps;
        }
    }
}
