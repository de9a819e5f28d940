// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";
import {ICnyVoucher} from "./interfaces/ICnyVoucher.sol";
import {IMonitoringOracle} from "./interfaces/IMonitoringOracle.sol";
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
    uint256 private constant MAXIMUM_LEGS = 16;

    /// @dev A leg's slice of its version, all that a claim needs of it in one slot.
    struct LegShare {
        LegKind kind;
        uint16 before;
        uint16 bps;
        address account;
    }

    /// @dev Where the holders or the purpose of a leg come from; the same in all versions.
    struct LegSource {
        bytes32 purpose;
        bytes32 feed;
        bytes32 subject;
    }

    /// @dev A published version. Its legs are numbered from 0.
    struct Version {
        uint64 effectiveFrom;
        uint8 legs;
    }

    /// @dev The newest version, all that a receipt usually needs in one slot.
    struct Head {
        uint16 versions;
        uint64 effectiveFrom;
    }

    /// @dev Income of one version in one period. Invariant: closed only if `_isClosed` says so too.
    struct Income {
        uint240 received;
        bool isClosed;
    }

    /// @dev What a line is owed so far, and by which of the two rules its holders share it.
    struct Owed {
        uint256 income;
        bool isClosed;
    }

    ICnyVoucher public immutable voucher;
    IMonitoringOracle public immutable oracle;
    IPledges public immutable pledges;

    /* STORAGE */

    mapping(bytes32 agreement => Head) private _heads;
    /// @dev Numbered from 1. Invariant: later versions take effect later and have no fewer legs.
    mapping(bytes32 agreement => mapping(uint16 version => Version)) private _versions;
    mapping(bytes32 agreement => mapping(uint16 version => mapping(uint256 leg => LegShare))) private _legs;
    mapping(bytes32 agreement => mapping(uint256 leg => LegSource)) private _sources;
    mapping(bytes32 agreement => mapping(uint8 leg => mapping(Period => Register))) private _registers;
    mapping(bytes32 agreement => mapping(uint16 version => mapping(Period => Income))) private _income;
    mapping(bytes32 agreement => mapping(Period => bool)) private _isClosed;
    /// @dev Invariant: never falls; the sum over all leaves <= the line's income, and equal to it once closed and all claimed.
    mapping(bytes32 line => mapping(uint256 index => uint256)) private _paid;
    mapping(address account => uint256) private _setAside;

    constructor(address authority, ICnyVoucher voucher_, IMonitoringOracle oracle_, IPledges pledges_)
        Governed(authority)
    {
        voucher = voucher_;
        oracle = oracle_;
        pledges = pledges_;
    }

    /* AGREEMENTS */

    /// @inheritdoc IRevenue
    function publish(bytes32 agreement, Leg[] calldata legs, uint64 effectiveFrom)
        external
        restricted
        returns (uint16 version)
    {
        require(agreement != 0, AgreementUnknown(agreement));
        Head memory head = _heads[agreement];
        uint256 previousLegs = _versions[agreement][head.versions].legs;
        require(
            legs.length != 0 && legs.length >= previousLegs && legs.length <= MAXIMUM_LEGS,
            LegCount(agreement, legs.length)
        );
        // The first version may look back, so that an agreement signed on paper covers income since; a later one may not
        // change how income that may have arrived already is split.
        if (head.versions != 0) {
            uint256 earliest = head.effectiveFrom >= block.timestamp ? head.effectiveFrom + 1 : block.timestamp;
            require(effectiveFrom >= earliest, EffectiveTooEarly(effectiveFrom, earliest));
        }

        version = head.versions + 1;
        _heads[agreement] = Head({versions: version, effectiveFrom: effectiveFrom});
        _versions[agreement][version] = Version({effectiveFrom: effectiveFrom, legs: uint8(legs.length)});
        uint256 before = 0;
        for (uint256 i = 0; i < legs.length; i++) {
            Leg calldata leg = legs[i];
            _requireWellFormed(agreement, i, leg);
            if (i < previousLegs) {
                _requireUnchanged(agreement, head.versions, i, leg);
            } else {
                _sources[agreement][i] = LegSource({purpose: leg.purpose, feed: leg.feed, subject: leg.subject});
            }
            require(before + leg.bps <= BPS, SharesDoNotAddUp(agreement, before + leg.bps));
            _legs[agreement][version][i] =
                LegShare({kind: leg.kind, before: uint16(before), bps: leg.bps, account: leg.account});
            before += leg.bps;
        }
        require(before == BPS, SharesDoNotAddUp(agreement, before));
        emit AgreementPublished(agreement, version, effectiveFrom, legs, msg.sender);
    }

    function _requireUnchanged(bytes32 agreement, uint16 previous, uint256 i, Leg calldata leg) private view {
        LegShare storage share = _legs[agreement][previous][i];
        LegSource storage source = _sources[agreement][i];
        require(
            leg.kind == share.kind && leg.account == share.account && leg.purpose == source.purpose
                && leg.feed == source.feed && leg.subject == source.subject,
            LegChanged(agreement, i)
        );
    }

    function _requireWellFormed(bytes32 agreement, uint256 i, Leg calldata leg) private pure {
        bool hasAccount = leg.account != address(0);
        bool hasPurpose = leg.purpose != 0;
        bool hasFeed = leg.feed != 0 && leg.subject != 0;
        bool hasNoFeed = leg.feed == 0 && leg.subject == 0;
        require(
            (leg.kind == LegKind.Account && hasAccount && !hasPurpose && hasNoFeed)
                || (leg.kind == LegKind.Fund && hasAccount && hasPurpose && hasNoFeed)
                || (leg.kind == LegKind.Register && !hasAccount && !hasPurpose && hasFeed),
            LegMalformed(agreement, i)
        );
    }

    /// @inheritdoc IRevenue
    function openRegister(bytes32 agreement, uint8 leg, bytes32 round) external {
        uint16 newest = _heads[agreement].versions;
        require(newest != 0, AgreementUnknown(agreement));
        LegKind kind = _legs[agreement][newest][leg].kind;
        require(kind != LegKind.None, LegMalformed(agreement, leg));
        require(kind == LegKind.Register, WrongLegKind(kind, LegKind.Register));
        LegSource storage source = _sources[agreement][leg];
        IMonitoringOracle.Round memory measured = oracle.finalRound(round);
        require(
            measured.feed == source.feed && measured.subject == source.subject,
            RoundOfOtherSubject(measured.feed, measured.subject)
        );
        require(
            measured.value > 0 && measured.shareCount != 0, RegisterEmpty(round, measured.value, measured.shareCount)
        );

        Period period = Months.containing(measured.periodEnd - 1);
        Register storage register = _registers[agreement][leg][period];
        if (register.round == round) return;
        require(register.round == 0, RegisterOpenAlready(agreement, leg, period, register.round));
        require(!_isClosed[agreement][period], ClosedAlready(agreement, period));

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
        Period current = Months.containing(block.timestamp);
        require(!(period > current), PeriodInFuture(period, current));
        uint16 version = versionAt(agreement, block.timestamp);
        Income storage income = _income[agreement][version][period];
        // A version that was published after the period closed has no mark of its own yet.
        require(
            !income.isClosed && (income.received != 0 || !_isClosed[agreement][period]),
            ClosedAlready(agreement, period)
        );

        // The voucher refuses a supply of 2^88, so no income is ever as wide as this.
        require(amount <= type(uint128).max, AmountTooLarge(amount, type(uint128).max));
        uint256 received = income.received + amount;
        income.received = uint240(received);
        emit IncomeReceived(agreement, period, bankReference, version, amount, received, msg.sender);

        voucher.mintIncome(amount, bankReference, msg.sender);
    }

    /// @inheritdoc IRevenue
    function closePeriod(bytes32 agreement, Period period) external restricted {
        uint16 versions = _heads[agreement].versions;
        require(versions != 0, AgreementUnknown(agreement));
        require(!_isClosed[agreement][period], ClosedAlready(agreement, period));
        // Without its register, what a leg received could never be claimed again.
        for (uint16 version = 1; version <= versions; version++) {
            Income storage income = _income[agreement][version][period];
            if (income.received == 0) continue;
            income.isClosed = true;
            for (uint8 leg = 0; leg < _versions[agreement][version].legs; leg++) {
                require(
                    _legs[agreement][version][leg].kind != LegKind.Register
                        || _registers[agreement][leg][period].round != 0,
                    RegisterMissing(agreement, leg, period)
                );
            }
        }
        _isClosed[agreement][period] = true;
        emit PeriodClosed(agreement, period, msg.sender);
    }

    /* CLAIMS */

    /// @inheritdoc IRevenue
    function claim(Line calldata line, Leaf calldata leaf, bytes calldata proof) external returns (uint256 amount) {
        bytes32 id = lineId(line);
        amount = _claim(line, id, _owedTo(line), leaf, proof);
        require(amount != 0, NothingToClaim(id, leaf.index));
    }

    /// @inheritdoc IRevenue
    function claimMany(Line calldata line, Leaf[] calldata leaves, bytes[] calldata proofs)
        external
        returns (uint256 amount)
    {
        require(leaves.length == proofs.length, LengthMismatch(leaves.length, proofs.length));
        bytes32 id = lineId(line);
        Owed memory owed = _owedTo(line);
        for (uint256 i = 0; i < leaves.length; i++) {
            amount += _claim(line, id, owed, leaves[i], proofs[i]);
        }
    }

    function _claim(Line calldata line, bytes32 id, Owed memory owed, Leaf calldata leaf, bytes calldata proof)
        private
        returns (uint256 amount)
    {
        uint256 entitled = _entitled(line, owed, leaf, proof);
        uint256 already = _paid[id][leaf.index];
        if (entitled <= already) return 0;

        amount = entitled - already;
        _paid[id][leaf.index] = entitled;
        (IPledges.Payment[] memory payments, uint256 diverted) = _divert(line, leaf.account, already, entitled);
        emit Claimed(id, leaf.account, leaf.index, amount, diverted, entitled);
        _payOut(payments, leaf.account, amount - diverted);
    }

    /// @inheritdoc IRevenue
    function collect(Line calldata line) external returns (uint256 amount) {
        LegShare memory share = _share(line);
        require(share.kind == LegKind.Account, WrongLegKind(share.kind, LegKind.Account));
        bytes32 id = lineId(line);
        uint256 entitled = _owedTo(line).income;
        uint256 already = _paid[id][0];
        require(entitled > already, NothingToCollect(id));

        amount = entitled - already;
        _paid[id][0] = entitled;
        (IPledges.Payment[] memory payments, uint256 diverted) = _divert(line, share.account, already, entitled);
        emit Collected(id, share.account, amount, diverted, entitled);
        _payOut(payments, share.account, amount - diverted);
    }

    /// @inheritdoc IRevenue
    function withdraw(address account) external returns (uint256 amount) {
        amount = _setAside[account];
        require(amount != 0, NothingSetAside(account));
        _setAside[account] = 0;
        emit Withdrawn(account, amount);
        // Reverts, and so keeps the balance, while the account is still blocked.
        voucher.transfer(account, amount);
    }

    /// @dev What the step of `account` from `before` to `entitled` in this line owes to lenders, in the order of their liens.
    function _divert(Line calldata line, address account, uint256 before, uint256 entitled)
        private
        returns (IPledges.Payment[] memory payments, uint256 diverted)
    {
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
        try voucher.transfer(to, amount) returns (bool) {}
        catch {
            _setAside[to] += amount;
            emit SetAside(to, amount, _setAside[to]);
        }
    }

    /* ENTITLEMENT */

    function _share(Line calldata line) private view returns (LegShare memory share) {
        share = _legs[line.agreement][line.version][line.leg];
        require(share.kind != LegKind.None, LineUnknown(line));
    }

    function _owedTo(Line calldata line) private view returns (Owed memory owed) {
        LegShare memory share = _share(line);
        Income memory income = _income[line.agreement][line.version][line.period];
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
        Register storage register = _registers[line.agreement][line.leg][line.period];
        bytes32 root = register.root;
        require(root != 0, RegisterMissing(line.agreement, line.leg, line.period));
        (uint256 before, uint256 total) =
            MerkleSum.verify(root, register.count, leaf.index, leaf.account, leaf.weight, proof);
        require(total == register.total, RegisterTotal(total, register.total));
        return owed.isClosed
            ? Shares.entitledClosed(owed.income, before, leaf.weight, total)
            : Shares.entitledOpenDown(owed.income, leaf.weight, total);
    }

    /* VIEWS */

    /// @inheritdoc IRevenue
    function versionCount(bytes32 agreement) external view returns (uint16) {
        return _heads[agreement].versions;
    }

    /// @inheritdoc IRevenue
    function versionAt(bytes32 agreement, uint256 timestamp) public view returns (uint16) {
        Head memory head = _heads[agreement];
        require(head.versions != 0, AgreementUnknown(agreement));
        if (head.effectiveFrom <= timestamp) return head.versions;
        for (uint16 version = head.versions - 1; version > 0; version--) {
            if (_versions[agreement][version].effectiveFrom <= timestamp) return version;
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
                subject: source.subject
            });
        }
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
    function paidOf(bytes32 line, uint256 index) external view returns (uint256) {
        return _paid[line][index];
    }

    /// @inheritdoc IRevenue
    function setAsideOf(address account) external view returns (uint256) {
        return _setAside[account];
    }
}
