// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "./Governed.sol";
import {PauseClock} from "./PauseClock.sol";
import {ICnyVoucher} from "./interfaces/ICnyVoucher.sol";
import {IPledgeTerms} from "./interfaces/IPledgeTerms.sol";
import {IPledges} from "./interfaces/IPledges.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IWorkouts} from "./interfaces/IWorkouts.sol";
import {Period} from "./interfaces/Types.sol";
import {Loans} from "./libraries/Loans.sol";

/// @title Pledges
/// @notice See {IPledges}. No role stands above the parties here: the guardian can only pause what begins something new.
contract Pledges is IPledges, PauseClock, EIP712 {
    using Loans for Loans.Loan;
    using Loans for Loans.Parts;

    uint256 private constant BPS = 10_000;
    /// @notice Live liens on one holder's income in one leg.
    uint256 public constant MAXIMUM_LIENS = 8;
    /// @inheritdoc IPledges
    uint256 public constant RELEASE_PERIOD = 10 days;

    /// @dev States in which something is owed.
    uint256 private constant OWING = (1 << uint8(State.Active)) | (1 << uint8(State.Delinquent))
        | (1 << uint8(State.Remediation)) | (1 << uint8(State.Enforcing)) | (1 << uint8(State.WrittenOff));

    IRevenue public immutable revenue;
    ICnyVoucher public immutable voucher;
    IPledgeTerms public immutable pledgeTerms;
    IWorkouts public immutable workouts;

    /// @param pausedBefore Seconds that were spent paused before the pledge was committed.
    /// @param repaidAt Running time at which the debt was repaid.
    struct Dates {
        uint64 pausedBefore;
        uint64 repaidAt;
    }

    /* STORAGE */

    mapping(bytes32 pledge => Standing) private _standings;
    mapping(bytes32 pledge => Terms) private _terms;
    mapping(bytes32 pledge => Perfection) private _perfections;
    mapping(bytes32 pledge => Loans.Loan) private _loans;
    /// @inheritdoc IPledges
    mapping(bytes32 pledge => Dates) public datesOf;
    mapping(bytes32 pledge => mapping(address party => bool)) private _isRevoked;
    /// @dev By lender, so that nobody can use up a number that the statutory register gave to somebody else.
    mapping(address lender => mapping(bytes32 registerNumber => bytes32 pledge)) private _pledgeOfRegisterNumber;
    /// @dev All live pledges of (holder, agreement, leg) in order of rank. Invariant: in every period their basis points add
    /// up to at most 10,000.
    mapping(address holder => mapping(bytes32 agreement => mapping(uint8 leg => bytes32[]))) private _liens;
    /// @inheritdoc IPledges
    /// @dev Invariant: nothing is kept for certificate 0, which stands for none.
    mapping(bytes32 certificate => bytes32 pledge) public livePledgeOf;
    /// @inheritdoc IPledges
    mapping(address account => uint256) public setAsideOf;

    constructor(
        address authority,
        IRevenue revenue_,
        ICnyVoucher voucher_,
        IPledgeTerms pledgeTerms_,
        IWorkouts workouts_
    ) Governed(authority) EIP712("Gongsheng Pledges", "1") {
        revenue = revenue_;
        voucher = voucher_;
        pledgeTerms = pledgeTerms_;
        workouts = workouts_;
    }

    /* BEFORE DISBURSEMENT */

    /// @inheritdoc IPledges
    function commit(Terms calldata terms, bytes calldata holderSignature, bytes calldata lenderSignature)
        external
        whileRunning
        returns (bytes32 pledge)
    {
        pledge = pledgeTerms.requireAcceptable(terms);
        _requireNew(pledge);
        require(!_isRevoked[pledge][terms.holder], TermsRevoked(pledge, terms.holder));
        require(!_isRevoked[pledge][terms.lender], TermsRevoked(pledge, terms.lender));
        pledgeTerms.requireSigned(
            pledge, _hashTypedDataV4(pledge), terms.holder, holderSignature, terms.lender, lenderSignature
        );
        bytes32 other = livePledgeOf[terms.certificate];
        require(other == 0, CertificatePledged(terms.certificate, other));

        bytes32[] storage liens = _liens[terms.holder][terms.agreement][terms.leg];
        require(liens.length < MAXIMUM_LIENS, TooManyLiens(terms.holder, terms.agreement, terms.leg, liens.length));
        _requireFree(terms, liens);

        _terms[pledge] = terms;
        _standings[pledge] = Standing({
            state: State.None,
            isCalledIn: false,
            bps: terms.bps,
            fromPeriod: terms.fromPeriod,
            toPeriod: terms.toPeriod,
            lender: terms.lender
        });
        datesOf[pledge].pausedBefore = uint64(_pausedSeconds());
        if (terms.certificate != 0) livePledgeOf[terms.certificate] = pledge;
        liens.push(pledge);
        emit Committed(pledge, terms.holder, terms.lender, liens.length - 1, terms, msg.sender);
        _enter(pledge, State.Committed, msg.sender);
        if (liens.length == 1) revenue.notePledge(terms.holder);
    }

    function _requireNew(bytes32 pledge) private view {
        State state = _standings[pledge].state;
        require(state == State.None, PledgeExists(pledge, state));
    }

    /// @dev The pledged share is highest in the first new period or where one of the live liens begins, so only those periods
    /// need to be looked at.
    function _requireFree(Terms calldata terms, bytes32[] storage liens) private view {
        _requireFreeIn(terms, liens, terms.fromPeriod);
        for (uint256 i = 0; i < liens.length; i++) {
            uint32 begins = _standings[liens[i]].fromPeriod;
            if (terms.fromPeriod < begins && begins <= terms.toPeriod) _requireFreeIn(terms, liens, begins);
        }
    }

    function _requireFreeIn(Terms calldata terms, bytes32[] storage liens, uint32 period) private view {
        uint256 pledged = 0;
        for (uint256 i = 0; i < liens.length; i++) {
            Standing memory standing = _standings[liens[i]];
            if (_covers(standing, period)) pledged += standing.bps;
        }
        require(
            pledged + terms.bps <= BPS,
            IncomeAlreadyPledged(terms.holder, terms.agreement, terms.leg, Period.wrap(period), pledged, terms.bps)
        );
    }

    function _covers(Standing memory standing, uint32 period) private pure returns (bool) {
        return standing.fromPeriod <= period && period <= standing.toPeriod;
    }

    /// @inheritdoc IPledges
    function revoke(bytes32 pledge) external {
        _requireNew(pledge);
        _isRevoked[pledge][msg.sender] = true;
        emit Revoked(pledge, msg.sender);
    }

    /// @inheritdoc IPledges
    function cancel(bytes32 pledge) external {
        _requireUndisbursed(pledge);
        _requireParty(pledge);
        _leave(pledge, State.Cancelled, msg.sender);
    }

    /// @inheritdoc IPledges
    function expire(bytes32 pledge) external {
        _requireUndisbursed(pledge);
        uint256 disburseBy = _disburseBy(pledge);
        require(block.timestamp > disburseBy, DisbursementStillPossible(pledge, disburseBy));
        _leave(pledge, State.Expired, msg.sender);
    }

    function _requireUndisbursed(bytes32 pledge) private view {
        State state = _standings[pledge].state;
        require(state == State.Committed || state == State.Perfected, WrongState(pledge, state));
    }

    /// @inheritdoc IPledges
    function perfect(bytes32 pledge, Perfection calldata perfection) external whileRunning {
        _requireLender(pledge);
        _requireState(pledge, State.Committed);
        require(perfection.registerNumber != 0, RegisterNumberMissing(pledge));
        bytes32 other = _pledgeOfRegisterNumber[msg.sender][perfection.registerNumber];
        require(other == 0, RegisterNumberUsed(perfection.registerNumber, other));
        Instalment[] storage schedule = _terms[pledge].schedule;
        uint64 lastDue = schedule[schedule.length - 1].dueAt;
        require(perfection.expiry >= lastDue, RegistrationTooShort(perfection.expiry, lastDue));

        _pledgeOfRegisterNumber[msg.sender][perfection.registerNumber] = pledge;
        _perfections[pledge] = perfection;
        emit Perfected(pledge, perfection, msg.sender);
        _enter(pledge, State.Perfected, msg.sender);
    }

    /// @inheritdoc IPledges
    function disburse(bytes32 pledge) external whileRunning {
        _requireLender(pledge);
        _requireState(pledge, State.Perfected);
        uint256 disburseBy = _disburseBy(pledge);
        require(block.timestamp <= disburseBy, DisbursementTooLate(pledge, disburseBy));
        uint64 expiry = _perfections[pledge].expiry;
        require(block.timestamp <= expiry, RegistrationExpired(pledge, expiry));
        Terms storage terms = _terms[pledge];
        _loans[pledge] = Loans.begun(terms.principal, terms.annualRateBps, terms.conditions.overdueRateBps);
        emit Disbursed(pledge, terms.holder, terms.principal, msg.sender);
        _enter(pledge, State.Active, msg.sender);

        voucher.transferFrom(msg.sender, terms.holder, terms.principal);
    }

    /* REPAYMENT */

    /// @inheritdoc IPledges
    function divert(address holder, bytes32 agreement, uint8 leg, Period period, uint256 before, uint256 entitled)
        external
        returns (Payment[] memory payments)
    {
        require(msg.sender == address(revenue), NotRevenue(msg.sender));
        bytes32[] storage liens = _liens[holder][agreement][leg];
        uint256 claimed = entitled - before;
        if (liens.length == 0) return payments;
        payments = new Payment[](liens.length);
        // What this and the later liens are offered. The difference of two running figures: claiming in small steps gains
        // nothing (SPEC L1). An amount stays zero where the lien takes nothing of this claim at all.
        uint256 below = 0;
        bool[] memory isTaking = new bool[](payments.length);
        for (uint256 i = 0; i < payments.length; i++) {
            Standing memory standing = _standings[liens[i]];
            payments[i].lender = standing.lender;
            isTaking[i] = _isOwing(standing.state) && _covers(standing, Period.unwrap(period));
            if (!isTaking[i]) continue;
            payments[i].amount = entitled * standing.bps / BPS - before * standing.bps / BPS;
            below += payments[i].amount;
        }
        // Rounding may offer some fen more than there are.
        uint256 pool = _smaller(below, claimed);
        for (uint256 i = 0; i < payments.length; i++) {
            uint256 offered = payments[i].amount;
            below -= offered;
            payments[i].amount = isTaking[i] && pool != 0 ? _take(liens[i], offered, pool) : 0;
            // What a lien leaves of its own offer is the holder's, not its juniors'.
            pool = _smaller(pool - payments[i].amount, below);
        }
    }

    /// @dev A lien takes what is due out of its own offer. In arrears it takes those out of its juniors' offers too, so that a
    /// junior gets nothing while a senior is in arrears (SPEC L12).
    function _take(bytes32 pledge, uint256 offered, uint256 pool) private returns (uint256 taken) {
        Loans.Loan memory loan = _loanNow(pledge);
        Loans.Parts memory owed = loan.parts();
        bool isCalledIn = _standings[pledge].isCalledIn;
        uint256 first = isCalledIn ? owed.total() : owed.arrears();
        uint256 own = _smaller(offered, isCalledIn ? first : owed.due());
        taken = _smaller(first > own ? first : own, pool);
        if (taken != 0) _pay(pledge, loan, owed, taken);
    }

    function _smaller(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// @inheritdoc IPledges
    function repay(bytes32 pledge, uint256 amount) external returns (uint256 paid) {
        _requireOwing(pledge);
        require(amount != 0, AmountZero());
        Loans.Loan memory loan = _loanNow(pledge);
        Loans.Parts memory owed = loan.parts();
        paid = _smaller(amount, owed.total());
        _pay(pledge, loan, owed, paid);

        // A lender who cannot be paid must not keep anybody from repaying. A caller cannot force this with too little gas:
        // the 1/64 of the gas that is left after a failing transfer does not pay for the next one.
        address lender = _standings[pledge].lender;
        try voucher.transferFrom(msg.sender, lender, paid) returns (bool) {}
        catch {
            setAsideOf[lender] += paid;
            emit RepaymentKept(lender, paid, setAsideOf[lender]);
            voucher.transferFrom(msg.sender, address(this), paid);
        }
    }

    function _pay(bytes32 pledge, Loans.Loan memory loan, Loans.Parts memory owed, uint256 amount) private {
        (uint256 toCosts, uint256 toInterest, uint256 toPrincipal) = loan.pay(owed, amount);
        _loans[pledge] = loan;
        Standing storage standing = _standings[pledge];
        emit Repayment(
            pledge,
            standing.lender,
            msg.sender,
            toCosts,
            toInterest,
            toPrincipal,
            loan.principal,
            owed.overdueInterest + owed.currentInterest,
            loan.costs
        );
        State state = standing.state;
        if (owed.total() == 0) {
            datesOf[pledge].repaidAt = runningTime();
            _enter(pledge, State.Repaid, msg.sender);
        } else if (owed.arrears() == 0 && (state == State.Delinquent || state == State.Remediation)) {
            _enter(pledge, State.Active, msg.sender);
        }
    }

    /// @inheritdoc IPledges
    function withdraw(address account) external returns (uint256 amount) {
        amount = setAsideOf[account];
        require(amount != 0, NothingSetAside(account));
        setAsideOf[account] = 0;
        emit RepaymentHandedOver(account, amount);
        // Reverts, and so keeps the balance, while the account is still blocked.
        voucher.transfer(account, amount);
    }

    /// @inheritdoc IPledges
    function release(bytes32 pledge) external {
        _requireState(pledge, State.Repaid);
        _requireParty(pledge);
        uint64 until = workouts.disputedUntil(pledge);
        require(runningTime() >= until, Disputed(pledge, until));
        uint256 holderMayFrom = datesOf[pledge].repaidAt + RELEASE_PERIOD;
        require(
            msg.sender == _standings[pledge].lender || runningTime() >= holderMayFrom,
            ReleaseTooEarly(pledge, holderMayFrom)
        );
        _leave(pledge, State.Released, msg.sender);
    }

    /* WORKOUTS */

    modifier onlyWorkouts() {
        require(msg.sender == address(workouts), NotWorkouts(msg.sender));
        _;
    }

    /// @inheritdoc IPledges
    function enter(bytes32 pledge, State to, address by) external onlyWorkouts {
        if (to == State.Closed) {
            delete _loans[pledge];
            _leave(pledge, to, by);
            return;
        }
        if (to == State.Enforcing) _standings[pledge].isCalledIn = true;
        _enter(pledge, to, by);
    }

    /// @inheritdoc IPledges
    function charge(bytes32 pledge, uint128 amount) external onlyWorkouts returns (uint256 costs) {
        costs = _loans[pledge].costs += amount;
    }

    /// @inheritdoc IPledges
    function amend(bytes32 pledge, uint16 bps, uint32 fromPeriod, uint32 toPeriod, address lender)
        external
        onlyWorkouts
    {
        Standing storage standing = _standings[pledge];
        // The invariant of `_liens` must not hang on another contract.
        assert(bps <= standing.bps && fromPeriod >= standing.fromPeriod && toPeriod <= standing.toPeriod);
        (standing.bps, standing.fromPeriod, standing.toPeriod, standing.lender) = (bps, fromPeriod, toPeriod, lender);
    }

    /// @inheritdoc IPledges
    function exchange(bytes32 pledge, uint256 rank) external onlyWorkouts {
        bytes32[] storage liens = _liensBeside(pledge);
        (liens[rank], liens[rank + 1]) = (liens[rank + 1], liens[rank]);
    }

    /* STATE */

    function _isOwing(State state) private pure returns (bool) {
        return OWING & (1 << uint8(state)) != 0;
    }

    function _requireOwing(bytes32 pledge) private view {
        State state = _standings[pledge].state;
        require(_isOwing(state), WrongState(pledge, state));
    }

    function _requireState(bytes32 pledge, State expected) private view {
        State state = _standings[pledge].state;
        require(state == expected, WrongState(pledge, state));
    }

    function _requireLender(bytes32 pledge) private view {
        require(msg.sender == _standings[pledge].lender, NotParty(pledge, msg.sender));
    }

    function _requireParty(bytes32 pledge) private view {
        require(
            msg.sender == _standings[pledge].lender || msg.sender == _terms[pledge].holder, NotParty(pledge, msg.sender)
        );
    }

    function _enter(bytes32 pledge, State to, address by) private {
        Standing storage standing = _standings[pledge];
        State from = standing.state;
        standing.state = to;
        emit StateChanged(pledge, from, to, by);
    }

    /// @dev Into a terminal state: the income and the data asset are free. Keeps the order of the other liens: it is their
    /// priority.
    function _leave(bytes32 pledge, State to, address by) private {
        bytes32[] storage liens = _liensBeside(pledge);
        uint256 rank = 0;
        while (liens[rank] != pledge) rank++;
        for (; rank + 1 < liens.length; rank++) {
            liens[rank] = liens[rank + 1];
        }
        liens.pop();
        bytes32 certificate = _terms[pledge].certificate;
        if (certificate != 0) livePledgeOf[certificate] = 0;
        _enter(pledge, to, by);
    }

    /// @dev Among which `pledge` stands.
    function _liensBeside(bytes32 pledge) private view returns (bytes32[] storage) {
        Terms storage terms = _terms[pledge];
        return _liens[terms.holder][terms.agreement][terms.leg];
    }

    function _loanNow(bytes32 pledge) private view returns (Loans.Loan memory) {
        return _loans[pledge].upToDate(_terms[pledge].schedule);
    }

    /* TIME */

    function _pausedSeconds() private view returns (uint256) {
        return block.timestamp - runningTime();
    }

    function _disburseBy(bytes32 pledge) private view returns (uint256) {
        return _terms[pledge].conditions.disburseBy + _pausedSeconds() - datesOf[pledge].pausedBefore;
    }

    /* VIEWS */

    /// @inheritdoc IPledges
    function pledgeId(Terms calldata terms) public view returns (bytes32) {
        return pledgeTerms.hashOf(terms);
    }

    /// @inheritdoc IPledges
    function termsDigest(Terms calldata terms) external view returns (bytes32) {
        return _hashTypedDataV4(pledgeId(terms));
    }

    /// @inheritdoc IPledges
    function stateOf(bytes32 pledge) external view returns (State) {
        return _standings[pledge].state;
    }

    /// @inheritdoc IPledges
    function standingOf(bytes32 pledge) external view returns (Standing memory) {
        return _standings[pledge];
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
    function debtOf(bytes32 pledge) public view returns (Debt memory) {
        Loans.Loan memory loan = _loanNow(pledge);
        Loans.Parts memory owed = loan.parts();
        return Debt({
            principal: loan.principal,
            interest: owed.overdueInterest + owed.currentInterest,
            costs: owed.costs,
            due: _standings[pledge].isCalledIn ? owed.total() : owed.due(),
            arrears: _standings[pledge].isCalledIn ? owed.total() : owed.arrears(),
            arrearsSince: loan.arrearsSince
        });
    }

    /// @inheritdoc IPledges
    function liensOf(address holder, bytes32 agreement, uint8 leg) external view returns (bytes32[] memory) {
        return _liens[holder][agreement][leg];
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
            if (_covers(_standings[all[i]], Period.unwrap(period))) count++;
        }
        liens = new Lien[](count);
        freeBps = BPS;
        uint256 next = 0;
        for (uint256 i = 0; i < all.length; i++) {
            Standing memory standing = _standings[all[i]];
            if (!_covers(standing, Period.unwrap(period))) continue;
            liens[next++] = Lien({pledge: all[i], lender: standing.lender, bps: standing.bps, state: standing.state});
            freeBps -= standing.bps;
        }
    }
}
