// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {ICnyVoucher} from "./interfaces/ICnyVoucher.sol";
import {IFunds} from "./interfaces/IFunds.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IPledges} from "./interfaces/IPledges.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {Period} from "./interfaces/Types.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Months} from "./libraries/Months.sol";
import {Shares} from "./libraries/Shares.sol";

/// @title Revenue
/// @notice See {IRevenue}.
contract Revenue is IRevenue, Governed {
    uint256 private constant BPS = 10_000;
    uint256 private constant MONTHS_PER_SLOT = 4;
    /// @dev Legs of one version.
    uint256 private constant MAXIMUM_LEGS = 16;
    /// @dev Tiers that are published together.
    uint256 private constant MAXIMUM_TIERS = 8;
    /// @dev Agreements below an agreement, one in the other.
    uint256 private constant MAXIMUM_HEIGHT = 3;
    /// @dev Legs of other agreements that are income of one.
    uint256 private constant MAXIMUM_PARENTS = 16;
    /// @dev How long before it takes effect a version is published at most.
    uint256 private constant MAXIMUM_NOTICE = 366 days;
    /// @dev How many months a month's own register is waited for.
    uint32 private constant MONTHS_AWAITED = 12;

    /// @dev A leg's slice of its version, all that a claim needs of it in one slot.
    struct LegShare {
        LegKind kind;
        uint16 before;
        uint16 bps;
        address account;
    }

    /// @dev Where the holders, the purpose or the child of a leg come from; the same in all versions.
    struct LegSource {
        bytes32 purpose;
        bytes32 feed;
        bytes32 subject;
        bytes32 child;
        uint16 payoutBps;
    }

    /// @dev A leg of another agreement that is income of this one.
    struct Parent {
        bytes32 agreement;
        uint8 leg;
    }

    /// @dev A published version. Its legs are numbered from 0. The tiers that were published together are consecutive versions.
    struct Version {
        uint64 effectiveFrom;
        uint8 legs;
        uint8 tier;
        uint128 incomeFrom;
    }

    /// @dev The newest version, all that a receipt usually needs in one slot.
    struct Head {
        uint16 versions;
        uint64 effectiveFrom;
        /// @dev How many of the versions are the tiers of the newest.
        uint8 tiers;
        bool isTiered;
        /// @dev Agreements below this one, one in the other. Fixed by the first version.
        uint8 height;
        /// @dev Takes no income before. Fixed by the first version. Invariant: no child had closed it or a later one by then.
        Period firstPeriod;
        /// @dev The one after the last that was closed.
        Period nextPeriod;
    }

    /// @dev Income of one version in one period. Invariant: closed only if `_isClosed` says so too.
    struct Income {
        uint240 received;
        bool isClosed;
    }

    /// @dev What a leaf was paid in months that follow each other: 64 bits for each, the first in the lowest.
    struct PaidMonths {
        uint256 packed;
    }

    /// @dev What a line is owed so far, by which of the two rules its holders share it, and where the slice of one of them
    /// begins.
    struct Owed {
        uint256 income;
        bool isClosed;
        uint256 before;
        uint256 total;
    }

    IParticipants public immutable participants;
    ICnyVoucher public immutable voucher;
    IMonitoringOracle public immutable oracle;
    IPledges public immutable pledges;
    IFunds public immutable funds;

    /* STORAGE */

    mapping(bytes32 agreement => Head) private _heads;
    /// @dev Numbered from 1. Invariant: later versions take effect later and have no fewer legs.
    mapping(bytes32 agreement => mapping(uint16 version => Version)) private _versions;
    mapping(bytes32 agreement => mapping(uint16 version => mapping(uint256 leg => LegShare))) private _legs;
    mapping(bytes32 agreement => mapping(uint256 leg => LegSource)) private _sources;
    mapping(bytes32 child => Parent[]) private _parents;
    /// @inheritdoc IRevenue
    mapping(bytes32 agreement => uint256) public cumulativeOf;
    mapping(bytes32 agreement => mapping(uint8 leg => mapping(Period => Register))) private _registers;
    mapping(bytes32 agreement => mapping(uint16 version => mapping(Period => Income))) private _income;
    mapping(bytes32 agreement => mapping(Period => bool)) private _isClosed;
    /// @dev Invariant: never falls; the sum over all leaves <= the line's income, and equal to it once closed and all claimed.
    /// Four months of a leaf share a slot, so that a year of one holder writes three; no income is wider than 64 bits.
    mapping(bytes32 agreement => mapping(uint256 place => mapping(uint256 index => PaidMonths))) private _paid;
    mapping(address account => uint256) private _setAside;
    /// @dev Invariant: whoever has a live lien has pledged; blocked is who is blocked in `participants`, so that a payment
    /// finds both in one slot and asks nobody.
    mapping(address account => Standing) private _standings;

    constructor(
        address authority,
        IParticipants participants_,
        ICnyVoucher voucher_,
        IMonitoringOracle oracle_,
        IPledges pledges_,
        IFunds funds_
    ) Governed(authority) {
        participants = participants_;
        voucher = voucher_;
        oracle = oracle_;
        pledges = pledges_;
        funds = funds_;
        // Vouchers that arrive in one of these unannounced would belong to nobody.
        _standings[address(this)].isReserved = true;
        _standings[address(voucher_)].isReserved = true;
        _standings[address(pledges_)].isReserved = true;
        _standings[address(funds_)].isReserved = true;
    }

    /* AGREEMENTS */

    /// @inheritdoc IRevenue
    function publish(bytes32 agreement, Leg[] calldata legs, uint64 effectiveFrom)
        external
        restricted
        returns (uint16 version)
    {
        Head memory head = _announce(agreement, effectiveFrom);
        version = _addVersion(agreement, head, legs, 0);
        _heads[agreement] = head;
    }

    /// @inheritdoc IRevenue
    function publishTiers(bytes32 agreement, Tier[] calldata tiers, uint64 effectiveFrom)
        external
        restricted
        returns (uint16 first)
    {
        require(tiers.length != 0 && tiers.length <= MAXIMUM_TIERS, TierCount(agreement, tiers.length));
        Head memory head = _announce(agreement, effectiveFrom);
        require(head.versions == 0 || head.isTiered, NotTiered(agreement));
        head.isTiered = true;
        first = head.versions + 1;
        for (uint256 i = 0; i < tiers.length; i++) {
            uint128 from = tiers[i].from;
            require(i == 0 ? from == 0 : from > tiers[i - 1].from, TierNotAscending(agreement, i, from));
            require(i == 0 || tiers[i].legs.length == tiers[0].legs.length, LegCount(agreement, tiers[i].legs.length));
            _addVersion(agreement, head, tiers[i].legs, from);
        }
        _heads[agreement] = head;
    }

    /// @dev The head that versions are about to be added to, from `effectiveFrom` on.
    function _announce(bytes32 agreement, uint64 effectiveFrom) private view returns (Head memory head) {
        require(agreement != 0, AgreementUnknown(agreement));
        head = _heads[agreement];
        // The first version may look back, so that an agreement signed on paper covers income since; a later one may not
        // change how income that may have arrived already is split.
        uint256 earliest = 0;
        if (head.versions != 0) {
            earliest = head.effectiveFrom >= block.timestamp ? head.effectiveFrom + 1 : block.timestamp;
        }
        // Later versions take effect later still: one far away by mistake would be the last for ever.
        uint256 latest = block.timestamp + MAXIMUM_NOTICE;
        require(
            effectiveFrom >= earliest && effectiveFrom <= latest, EffectiveOutOfRange(effectiveFrom, earliest, latest)
        );
        head.effectiveFrom = effectiveFrom;
        head.tiers = 0;
    }

    function _addVersion(bytes32 agreement, Head memory head, Leg[] calldata legs, uint128 incomeFrom)
        private
        returns (uint16 version)
    {
        uint256 previousLegs = _versions[agreement][head.versions].legs;
        require(
            legs.length != 0 && legs.length >= previousLegs && legs.length <= MAXIMUM_LEGS,
            LegCount(agreement, legs.length)
        );
        version = ++head.versions;
        uint8 tier = head.tiers++;
        _versions[agreement][version] =
            Version({effectiveFrom: head.effectiveFrom, legs: uint8(legs.length), tier: tier, incomeFrom: incomeFrom});
        uint256 before = 0;
        for (uint256 i = 0; i < legs.length; i++) {
            Leg calldata leg = legs[i];
            _requireWellFormed(agreement, i, leg);
            if (i < previousLegs) {
                _requireUnchanged(agreement, version - 1, i, leg);
            } else {
                _addLeg(agreement, head, i, leg);
            }
            require(before + leg.bps <= BPS, SharesDoNotAddUp(agreement, before + leg.bps));
            _legs[agreement][version][i] =
                LegShare({kind: leg.kind, before: uint16(before), bps: leg.bps, account: leg.account});
            before += leg.bps;
        }
        require(before == BPS, SharesDoNotAddUp(agreement, before));
        emit AgreementPublished(agreement, version, head.effectiveFrom, tier, incomeFrom, legs, msg.sender);
    }

    function _addLeg(bytes32 agreement, Head memory head, uint256 i, Leg calldata leg) private {
        _sources[agreement][i] = LegSource({
            purpose: leg.purpose, feed: leg.feed, subject: leg.subject, child: leg.child, payoutBps: leg.payoutBps
        });
        if (leg.kind != LegKind.Agreement) return;

        // An agreement names children that exist before it does, so no path of children ever leads back.
        require(head.versions == 1, NestedTooLate(agreement, i));
        Head memory child = _known(leg.child);
        require(child.height < MAXIMUM_HEIGHT, NestedTooDeep(agreement, leg.child));
        uint256 parents = _parents[leg.child].length;
        require(parents < MAXIMUM_PARENTS, TooManyParents(leg.child, parents));
        if (child.height >= head.height) head.height = child.height + 1;
        // What a child has closed can take no income any more, and what its own children have closed neither.
        if (child.nextPeriod > head.firstPeriod) head.firstPeriod = child.nextPeriod;
        if (child.firstPeriod > head.firstPeriod) head.firstPeriod = child.firstPeriod;
        _parents[leg.child].push(Parent({agreement: agreement, leg: uint8(i)}));
    }

    function _requireUnchanged(bytes32 agreement, uint16 previous, uint256 i, Leg calldata leg) private view {
        LegShare storage share = _legs[agreement][previous][i];
        LegSource storage source = _sources[agreement][i];
        require(
            leg.kind == share.kind && leg.account == share.account && leg.purpose == source.purpose
                && leg.feed == source.feed && leg.subject == source.subject && leg.child == source.child
                && leg.payoutBps == source.payoutBps,
            LegChanged(agreement, i)
        );
    }

    function _requireWellFormed(bytes32 agreement, uint256 i, Leg calldata leg) private view {
        bool hasAccount = leg.account != address(0);
        bool hasFeed = leg.feed != 0 && leg.subject != 0;
        bool hasNoFeed = leg.feed == 0 && leg.subject == 0;
        bool isFund = leg.kind == LegKind.Fund;
        bool isNested = leg.kind == LegKind.Agreement;
        require(
            leg.kind != LegKind.None && hasAccount == (isFund || leg.kind == LegKind.Account)
                && (leg.purpose != 0) == isFund && (leg.kind == LegKind.Register ? hasFeed : hasNoFeed)
                && (leg.child != 0) == isNested && (leg.payoutBps == 0 || (isFund && leg.payoutBps <= BPS)),
            LegMalformed(agreement, i)
        );
        require(!_standings[leg.account].isReserved, AccountReserved(leg.account));
    }

    /// @inheritdoc IRevenue
    function openRegister(bytes32 agreement, uint8 leg, bytes32 round) external {
        _open(agreement, leg, Period.wrap(0), round);
    }

    /// @inheritdoc IRevenue
    function openMissingRegister(bytes32 agreement, uint8 leg, Period period, bytes32 round) external restricted {
        Period until = Period.wrap(Period.unwrap(period) + MONTHS_AWAITED);
        require(Months.containing(block.timestamp) > until, RegisterAwaited(period, until));
        _open(agreement, leg, period, round);
    }

    /// @param period Month of the register; zero is the one in which the round ended.
    function _open(bytes32 agreement, uint8 leg, Period period, bytes32 round) private {
        _requireKind(_legs[agreement][_known(agreement).versions][leg].kind, LegKind.Register);
        LegSource storage source = _sources[agreement][leg];
        IMonitoringOracle.Round memory measured = oracle.finalRound(round);
        require(
            measured.feed == source.feed && measured.subject == source.subject,
            RoundOfOtherSubject(measured.feed, measured.subject)
        );
        require(
            measured.value > 0 && measured.shareCount != 0, RegisterEmpty(round, measured.value, measured.shareCount)
        );

        if (Period.unwrap(period) == 0) period = Months.containing(measured.periodEnd - 1);
        Register storage register = _registers[agreement][leg][period];
        if (register.round == round) return;
        require(register.round == 0, RegisterOpenAlready(agreement, leg, period, register.round));

        register.root = measured.shareRoot;
        register.total = uint128(measured.value);
        register.count = measured.shareCount;
        register.round = round;
        emit RegisterOpened(agreement, leg, period, round, register.root, register.total, register.count, msg.sender);
    }

    /* INCOME */

    /// @inheritdoc IRevenue
    function receiveIncome(bytes32 agreement, Period period, uint256 amount, bytes32 bankReference)
        external
        restricted
    {
        _requireBegun(period);
        _receive(agreement, period, amount, bankReference);
        voucher.mintIncome(amount, bankReference);
    }

    function _requireBegun(Period period) private view {
        Period current = Months.containing(block.timestamp);
        require(!(period > current), PeriodInFuture(period, current));
    }

    /// @dev Shares `amount` that is, or is about to be, among this contract's vouchers.
    function _receive(bytes32 agreement, Period period, uint256 amount, bytes32 receipt) private {
        require(amount <= type(uint64).max, AmountTooLarge(amount, type(uint64).max));
        Head memory head = _known(agreement);
        uint16 version = _versionAt(agreement, head, block.timestamp);
        require(!(head.firstPeriod > period), PeriodTooEarly(agreement, period, head.firstPeriod));
        if (!head.isTiered) {
            _addIncome(agreement, version, period, amount, receipt);
            return;
        }

        // Each tier takes what of the cumulative income lies within it, whatever the receipts that it came in.
        uint256 from = cumulativeOf[agreement];
        uint256 to = from + amount;
        cumulativeOf[agreement] = to;
        for (; from < to; version++) {
            Version storage next = _versions[agreement][version + 1];
            uint256 end = next.tier != 0 && next.incomeFrom < to ? next.incomeFrom : to;
            if (end <= from) continue;
            _addIncome(agreement, version, period, end - from, receipt);
            from = end;
        }
    }

    function _addIncome(bytes32 agreement, uint16 version, Period period, uint256 amount, bytes32 receipt) private {
        Income storage income = _income[agreement][version][period];
        // A version that was published after the period closed has no mark of its own yet.
        require(
            !income.isClosed && (income.received != 0 || !_isClosed[agreement][period]),
            ClosedAlready(agreement, period)
        );
        uint256 received = income.received + amount;
        // Not even of vouchers that were redeemed and minted again may a line be owed more than `_paid` can hold.
        require(received <= type(uint64).max, AmountTooLarge(received, type(uint64).max));
        income.received = uint240(received);
        emit IncomeReceived(agreement, period, receipt, version, amount, received, msg.sender);
    }

    /// @inheritdoc IRevenue
    function closePeriod(bytes32 agreement, Period period) external restricted {
        uint16 versions = _known(agreement).versions;
        require(!_isClosed[agreement][period], ClosedAlready(agreement, period));
        // Also because no agreement could take this one as its child for any period before.
        _requireBegun(period);
        _requireParentsDone(agreement, period);
        // Without its register, what a leg received could never be claimed again. A leg without a share needs none.
        for (uint16 version = 1; version <= versions; version++) {
            Income storage income = _income[agreement][version][period];
            if (income.received == 0) continue;
            income.isClosed = true;
            for (uint8 leg = 0; leg < _versions[agreement][version].legs; leg++) {
                LegShare storage share = _legs[agreement][version][leg];
                if (share.kind == LegKind.Register && share.bps != 0) _requireRegister(agreement, leg, period);
            }
        }
        _isClosed[agreement][period] = true;
        Head storage head = _heads[agreement];
        if (!(head.nextPeriod > period)) head.nextPeriod = Period.wrap(Period.unwrap(period) + 1);
        emit PeriodClosed(agreement, period, msg.sender);
    }

    /// @dev Parents first: a closed parent takes no more income, and once all that its legs owe has been collected, nothing can
    /// come from it any more.
    function _requireParentsDone(bytes32 agreement, Period period) private view {
        Parent[] storage parents = _parents[agreement];
        for (uint256 i = 0; i < parents.length; i++) {
            bytes32 parent = parents[i].agreement;
            if (_heads[parent].firstPeriod > period) continue;
            require(_isClosed[parent][period], ParentOpen(agreement, period, parent));
            Line memory line = Line({agreement: parent, version: 1, period: period, leg: parents[i].leg});
            for (; line.version <= _heads[parent].versions; line.version++) {
                bytes32 id = keccak256(abi.encode(line));
                uint256 owed =
                    _owed(_legs[parent][line.version][line.leg], _income[parent][line.version][period]).income;
                uint256 paid = _paidOf(parent, line.version, line.leg, period, 0);
                require(paid == owed, NotForwarded(id, owed, paid));
            }
        }
    }

    /* CLAIMS */

    /// @inheritdoc IRevenue
    function claim(Line calldata line, Leaf calldata leaf, bytes calldata proof) external returns (uint256 amount) {
        bytes32 id = lineId(line);
        amount = _claim(line, id, leaf.index, leaf.account, _entitled(line, _owedTo(line), leaf, proof));
        require(amount != 0, NothingToClaim(id, leaf.index));
    }

    /// @inheritdoc IRevenue
    function claimMany(Line calldata line, Run[] calldata runs) external returns (uint256 amount) {
        bytes32 id = lineId(line);
        Owed memory owed = _owedTo(line);
        for (uint256 i = 0; i < runs.length; i++) {
            Run calldata run = runs[i];
            _verifyRun(line, owed, run);
            for (uint256 j = 0; j < run.holders.length; j++) {
                Holder calldata holder = run.holders[j];
                amount += _claim(line, id, run.first + j, holder.account, _slice(owed, holder.weight));
                owed.before += holder.weight;
            }
        }
    }

    /// @dev `owed` becomes that of the first holder.
    function _verifyRun(Line calldata line, Owed memory owed, Run calldata run) private view {
        if (run.holders.length == 1) {
            Holder calldata holder = run.holders[0];
            _verify(line, owed, run.first, holder.account, holder.weight, run.proof);
            return;
        }
        Register storage register = _requireRegister(line.agreement, line.leg, line.period);
        uint256[] memory row = new uint256[](2 * run.holders.length + 4);
        for (uint256 i = 0; i < run.holders.length; i++) {
            Holder calldata holder = run.holders[i];
            row[2 * i + 2] = uint256(MerkleSum.hashLeaf(holder.account, holder.weight));
            row[2 * i + 3] = holder.weight;
        }
        (owed.before, owed.total) = MerkleSum.verifyRun(register.root, register.count, run.first, row, run.proof);
        require(owed.total == register.total, RegisterTotal(owed.total, register.total));
    }

    /// @inheritdoc IRevenue
    function claimFor(address account, Claim[] calldata claims) external returns (uint256 amount) {
        IPledges.Payment[][] memory payments = new IPledges.Payment[][](claims.length);
        uint256 rest = 0;
        for (uint256 i = 0; i < claims.length; i++) {
            Claim calldata each = claims[i];
            require(each.leaf.account == account, LeafOfOther(each.leaf.account, account));
            uint256 step;
            uint256 diverted;
            uint256 entitled = _entitled(each.line, _owedTo(each.line), each.leaf, each.proof);
            (step, diverted, payments[i]) = _settle(each.line, lineId(each.line), each.leaf.index, account, entitled);
            amount += step;
            rest += step - diverted;
        }
        _payTogether(payments);
        if (rest != 0) _pay(account, rest);
    }

    /// @dev Pays each lender once, whatever number of claims its money comes from.
    function _payTogether(IPledges.Payment[][] memory payments) private {
        for (uint256 i = 0; i < payments.length; i++) {
            for (uint256 j = 0; j < payments[i].length; j++) {
                uint256 sum = payments[i][j].amount;
                if (sum == 0) continue;
                address lender = payments[i][j].lender;
                for (uint256 k = i + 1; k < payments.length; k++) {
                    for (uint256 l = 0; l < payments[k].length; l++) {
                        if (payments[k][l].lender != lender) continue;
                        sum += payments[k][l].amount;
                        payments[k][l].amount = 0;
                    }
                }
                _pay(lender, sum);
            }
        }
    }

    function _claim(Line calldata line, bytes32 id, uint256 index, address account, uint256 entitled)
        private
        returns (uint256 amount)
    {
        uint256 diverted;
        IPledges.Payment[] memory payments;
        (amount, diverted, payments) = _settle(line, id, index, account, entitled);
        _payOut(payments, account, amount - diverted);
    }

    /// @dev Records that leaf `index`, which is `account`'s, is paid all that it is owed now; the caller makes the payments.
    function _settle(Line calldata line, bytes32 id, uint256 index, address account, uint256 entitled)
        private
        returns (uint256 amount, uint256 diverted, IPledges.Payment[] memory payments)
    {
        uint256 already = _raisePaid(line, index, entitled);
        if (entitled <= already) return (0, 0, payments);

        amount = entitled - already;
        (payments, diverted) = _divert(line, account, already, entitled);
        emit Claimed(id, account, index, amount, diverted, entitled);
    }

    /// @inheritdoc IRevenue
    function collect(Line calldata line) external returns (uint256 amount) {
        bytes32 id = lineId(line);
        amount = _collect(line, id);
        require(amount != 0, NothingToCollect(id));
    }

    /// @inheritdoc IRevenue
    function collectMany(Line[] calldata lines) external returns (uint256 amount) {
        for (uint256 i = 0; i < lines.length; i++) {
            amount += _collect(lines[i], lineId(lines[i]));
        }
    }

    function _collect(Line calldata line, bytes32 id) private returns (uint256 amount) {
        LegShare memory share = _share(line);
        require(share.kind != LegKind.Register, WrongLegKind(share.kind, LegKind.Account));
        uint256 entitled = _owed(share, _income[line.agreement][line.version][line.period]).income;
        uint256 already = _raisePaid(line, 0, entitled);
        if (entitled <= already) return 0;

        amount = entitled - already;
        if (share.kind == LegKind.Account) {
            (IPledges.Payment[] memory payments, uint256 diverted) = _divert(line, share.account, already, entitled);
            emit Collected(id, share.account, amount, diverted, entitled);
            _payOut(payments, share.account, amount - diverted);
        } else if (share.kind == LegKind.Fund) {
            emit Collected(id, address(funds), amount, 0, entitled);
            voucher.transfer(address(funds), amount);
            funds.fill(line.agreement, line.leg, amount);
        } else {
            bytes32 child = _sources[line.agreement][line.leg].child;
            // No step of a line is ever the same as another, so neither is its reference.
            bytes32 receipt = keccak256(abi.encode(id, entitled));
            emit Forwarded(id, child, receipt, amount, entitled, msg.sender);
            _receive(child, line.period, amount, receipt);
        }
    }

    /// @inheritdoc IRevenue
    function withdraw(address account) external returns (uint256 amount) {
        // Only a register that names one of these contracts as a holder puts anything aside for it.
        require(!_standings[account].isReserved, AccountReserved(account));
        amount = _setAside[account];
        require(amount != 0, NothingSetAside(account));
        require(!_standings[account].isBlocked, AccountBlocked(account));
        _setAside[account] = 0;
        emit Withdrawn(account, amount);
        voucher.transfer(account, amount);
    }

    /* STANDING */

    /// @inheritdoc IRevenue
    function notePledge(address holder) external {
        require(msg.sender == address(pledges), NotPledges(msg.sender));
        _standings[holder].hasPledged = true;
    }

    /// @inheritdoc IRevenue
    function noteBlocked(address account, bool blocked) external {
        require(msg.sender == address(participants), NotParticipants(msg.sender));
        _standings[account].isBlocked = blocked;
    }

    /* PAYMENTS */

    /// @dev What the step of `account` from `before` to `entitled` in this line owes to lenders, in the order of their liens.
    function _divert(Line calldata line, address account, uint256 before, uint256 entitled)
        private
        returns (IPledges.Payment[] memory payments, uint256 diverted)
    {
        if (!_standings[account].hasPledged) return (payments, 0);
        payments = pledges.divert(account, line.agreement, line.leg, line.period, before, entitled);
        for (uint256 i = 0; i < payments.length; i++) {
            diverted += payments[i].amount;
        }
    }

    function _payOut(IPledges.Payment[] memory payments, address account, uint256 rest) private {
        for (uint256 i = 0; i < payments.length; i++) {
            _pay(payments[i].lender, payments[i].amount);
        }
        if (rest != 0) _pay(account, rest);
    }

    /// @dev A payee who cannot be paid must not stop the others: what fails is set aside for it. A caller cannot force this
    /// with too little gas: the 1/64 of the gas that is left after a failing transfer does not pay for the bookkeeping.
    function _pay(address to, uint256 amount) private {
        Standing memory standing = _standings[to];
        if (!standing.isBlocked && !standing.isReserved) {
            try voucher.transfer(to, amount) returns (bool) {
                return;
            } catch {}
        }
        _setAside[to] += amount;
        emit SetAside(to, amount, _setAside[to]);
    }

    /* PAID */

    /// @dev Raises what a leaf of a line was paid to `entitled`, if it was paid less.
    /// @return already What it was paid before.
    function _raisePaid(Line calldata line, uint256 index, uint256 entitled) private returns (uint256 already) {
        (PaidMonths storage months, uint256 shift) =
            _monthsOf(line.agreement, line.version, line.leg, line.period, index);
        uint256 packed = months.packed;
        already = uint64(packed >> shift);
        // No month reaches into the next: `entitled` is at most an income, which has 64 bits.
        if (entitled > already) months.packed = packed + (entitled - already << shift);
    }

    function _paidOf(bytes32 agreement, uint16 version, uint8 leg, Period period, uint256 index)
        private
        view
        returns (uint256)
    {
        (PaidMonths storage months, uint256 shift) = _monthsOf(agreement, version, leg, period, index);
        return uint64(months.packed >> shift);
    }

    /// @return The months that share a slot with `period`.
    /// @return How far up in it `period` stands.
    function _monthsOf(bytes32 agreement, uint16 version, uint8 leg, Period period, uint256 index)
        private
        view
        returns (PaidMonths storage, uint256)
    {
        uint256 month = Period.unwrap(period);
        uint256 place = uint256(version) << 40 | uint256(leg) << 32 | month / MONTHS_PER_SLOT;
        return (_paid[agreement][place][index], 64 * (month % MONTHS_PER_SLOT));
    }

    /* ENTITLEMENT */

    function _share(Line calldata line) private view returns (LegShare memory share) {
        share = _legs[line.agreement][line.version][line.leg];
        require(share.kind != LegKind.None, LineUnknown(line));
    }

    function _owedTo(Line calldata line) private view returns (Owed memory) {
        return _owed(_share(line), _income[line.agreement][line.version][line.period]);
    }

    function _owed(LegShare memory share, Income memory income) private pure returns (Owed memory owed) {
        owed.isClosed = income.isClosed;
        owed.income = income.isClosed
            ? Shares.entitledClosed(income.received, share.before, share.bps, BPS)
            : Shares.entitledOpenDown(income.received, share.bps, BPS);
    }

    function _entitled(Line calldata line, Owed memory owed, Leaf calldata leaf, bytes calldata proof)
        private
        view
        returns (uint256)
    {
        _verify(line, owed, leaf.index, leaf.account, leaf.weight, proof);
        return _slice(owed, leaf.weight);
    }

    /// @dev `owed` becomes that of this holder.
    function _verify(
        Line calldata line,
        Owed memory owed,
        uint256 index,
        address account,
        uint128 weight,
        bytes calldata proof
    ) private view {
        Register storage register = _requireRegister(line.agreement, line.leg, line.period);
        (owed.before, owed.total) = MerkleSum.verify(register.root, register.count, index, account, weight, proof);
        require(owed.total == register.total, RegisterTotal(owed.total, register.total));
    }

    function _requireRegister(bytes32 agreement, uint8 leg, Period period) private view returns (Register storage) {
        Register storage register = _registers[agreement][leg][period];
        require(register.root != 0, RegisterMissing(agreement, leg, period));
        return register;
    }

    function _slice(Owed memory owed, uint256 weight) private pure returns (uint256) {
        return owed.isClosed
            ? Shares.entitledClosed(owed.income, owed.before, weight, owed.total)
            : Shares.entitledOpenDown(owed.income, weight, owed.total);
    }

    /* VIEWS */

    /// @dev The head of an agreement that is published.
    function _known(bytes32 agreement) private view returns (Head memory head) {
        head = _heads[agreement];
        require(head.versions != 0, AgreementUnknown(agreement));
    }

    function _requireKind(LegKind given, LegKind expected) private pure {
        require(given == expected, WrongLegKind(given, expected));
    }

    /// @inheritdoc IRevenue
    function versionCount(bytes32 agreement) external view returns (uint16) {
        return _heads[agreement].versions;
    }

    /// @inheritdoc IRevenue
    function versionAt(bytes32 agreement, uint256 timestamp) external view returns (uint16) {
        return _versionAt(agreement, _known(agreement), timestamp);
    }

    function _versionAt(bytes32 agreement, Head memory head, uint256 timestamp) private view returns (uint16) {
        uint16 first = head.versions - head.tiers + 1;
        if (head.effectiveFrom <= timestamp) return first;
        for (uint16 version = first - 1; version > 0; version--) {
            Version storage published = _versions[agreement][version];
            if (published.effectiveFrom <= timestamp) return version - published.tier;
        }
        revert AgreementNotInForce(agreement, _versions[agreement][1].effectiveFrom, timestamp);
    }

    /// @inheritdoc IRevenue
    function versionOf(bytes32 agreement, uint16 version)
        external
        view
        returns (uint64 effectiveFrom, Leg[] memory legs)
    {
        Version memory published = _versions[agreement][version];
        require(published.legs != 0, AgreementUnknown(agreement));
        effectiveFrom = published.effectiveFrom;
        legs = new Leg[](published.legs);
        for (uint256 i = 0; i < legs.length; i++) {
            LegShare storage share = _legs[agreement][version][i];
            LegSource storage source = _sources[agreement][i];
            legs[i] = Leg({
                kind: share.kind,
                bps: share.bps,
                account: share.account,
                purpose: source.purpose,
                feed: source.feed,
                subject: source.subject,
                child: source.child,
                payoutBps: source.payoutBps
            });
        }
    }

    /// @inheritdoc IRevenue
    function tierOf(bytes32 agreement, uint16 version) external view returns (uint8 tier, uint128 incomeFrom) {
        Version storage published = _versions[agreement][version];
        return (published.tier, published.incomeFrom);
    }

    /// @inheritdoc IRevenue
    function fundOf(bytes32 agreement, uint8 leg) external view returns (bytes32 purpose, uint16 payoutBps) {
        _requireKind(_legs[agreement][_heads[agreement].versions][leg].kind, LegKind.Fund);
        LegSource storage source = _sources[agreement][leg];
        return (source.purpose, source.payoutBps);
    }

    /// @inheritdoc IRevenue
    function firstPeriodOf(bytes32 agreement) external view returns (Period) {
        return _heads[agreement].firstPeriod;
    }

    /// @inheritdoc IRevenue
    function registerOf(bytes32 agreement, uint8 leg, Period period) external view returns (Register memory) {
        return _registers[agreement][leg][period];
    }

    /// @inheritdoc IRevenue
    function receivedOf(bytes32 agreement, uint16 version, Period period) external view returns (uint256) {
        return _income[agreement][version][period].received;
    }

    /// @inheritdoc IRevenue
    function isClosed(bytes32 agreement, Period period) external view returns (bool) {
        return _isClosed[agreement][period];
    }

    /// @inheritdoc IRevenue
    function lineIncome(Line calldata line) external view returns (uint256) {
        return _owedTo(line).income;
    }

    /// @inheritdoc IRevenue
    function lineId(Line calldata line) public pure returns (bytes32) {
        return keccak256(abi.encode(line));
    }

    /// @inheritdoc IRevenue
    function entitledOf(Line calldata line, Leaf calldata leaf, bytes calldata proof) external view returns (uint256) {
        return _entitled(line, _owedTo(line), leaf, proof);
    }

    /// @inheritdoc IRevenue
    function paidOf(Line calldata line, uint256 index) external view returns (uint256) {
        return _paidOf(line.agreement, line.version, line.leg, line.period, index);
    }

    /// @inheritdoc IRevenue
    function standingOf(address account) external view returns (Standing memory) {
        return _standings[account];
    }

    /// @inheritdoc IRevenue
    function setAsideOf(address account) external view returns (uint256) {
        return _setAside[account];
    }
}
