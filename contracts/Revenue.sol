// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
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
contract Revenue is IRevenue, AccessManaged {
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

    ICnyVoucher public immutable voucher;
    IMonitoringOracle public immutable oracle;
    IPledges public immutable pledges;

    /* STORAGE */

    /// @dev When each version comes into force, ascending; version v is at index v - 1.
    mapping(bytes32 agreement => uint64[]) private _effectiveFrom;
    mapping(bytes32 agreement => mapping(uint16 version => LegShare[])) private _legs;
    mapping(bytes32 agreement => LegSource[]) private _sources;
    mapping(bytes32 agreement => mapping(uint8 leg => mapping(Period => Register))) private _registers;
    mapping(bytes32 agreement => mapping(uint16 version => mapping(Period => uint256))) private _received;
    mapping(bytes32 agreement => mapping(Period => bool)) private _isClosed;
    /// @dev Invariant: never falls; the sum over all leaves <= the line's income, and equal to it once closed and all claimed.
    mapping(bytes32 line => mapping(uint256 index => uint256)) private _paid;
    mapping(address account => uint256) private _setAside;

    constructor(address authority, ICnyVoucher voucher_, IMonitoringOracle oracle_, IPledges pledges_)
        AccessManaged(authority)
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
        uint64[] storage versions = _effectiveFrom[agreement];
        require(legs.length != 0 && legs.length <= MAXIMUM_LEGS, LegCount(agreement, legs.length));
        // The first version may look back, so that an agreement signed on paper covers income since; a later one may not
        // change how income that may have arrived already is split.
        if (versions.length != 0) {
            uint256 last = versions[versions.length - 1];
            uint256 earliest = last >= block.timestamp ? last + 1 : block.timestamp;
            require(effectiveFrom >= earliest, EffectiveTooEarly(effectiveFrom, earliest));
        }

        versions.push(effectiveFrom);
        version = uint16(versions.length);
        LegSource[] storage sources = _sources[agreement];
        require(legs.length >= sources.length, LegCount(agreement, legs.length));
        LegShare[] storage previous = _legs[agreement][version - 1];
        LegShare[] storage shares = _legs[agreement][version];
        uint256 before = 0;
        for (uint256 i = 0; i < legs.length; i++) {
            Leg calldata leg = legs[i];
            _requireWellFormed(agreement, i, leg);
            LegSource memory source = LegSource({purpose: leg.purpose, feed: leg.feed, subject: leg.subject});
            if (i < sources.length) {
                require(
                    leg.kind == previous[i].kind && leg.account == previous[i].account
                        && keccak256(abi.encode(source)) == keccak256(abi.encode(sources[i])),
                    LegChanged(agreement, i)
                );
            } else {
                sources.push(source);
            }
            require(before + leg.bps <= BPS, SharesDoNotAddUp(agreement, before + leg.bps));
            shares.push(LegShare({kind: leg.kind, before: uint16(before), bps: leg.bps, account: leg.account}));
            before += leg.bps;
        }
        require(before == BPS, SharesDoNotAddUp(agreement, before));
        emit AgreementPublished(agreement, version, effectiveFrom, legs, msg.sender);
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
        uint256 versions = _effectiveFrom[agreement].length;
        require(versions != 0, AgreementUnknown(agreement));
        LegShare[] storage shares = _legs[agreement][uint16(versions)];
        require(leg < shares.length, LegMalformed(agreement, leg));
        require(shares[leg].kind == LegKind.Register, WrongLegKind(shares[leg].kind, LegKind.Register));
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
        require(!_isClosed[agreement][period], ClosedAlready(agreement, period));
        uint16 version = versionAt(agreement, block.timestamp);

        uint256 received = _received[agreement][version][period] + amount;
        _received[agreement][version][period] = received;
        emit IncomeReceived(agreement, period, bankReference, version, amount, received, msg.sender);

        voucher.mintIncome(amount, bankReference, msg.sender);
    }

    /// @inheritdoc IRevenue
    function closePeriod(bytes32 agreement, Period period) external restricted {
        uint256 versions = _effectiveFrom[agreement].length;
        require(versions != 0, AgreementUnknown(agreement));
        require(!_isClosed[agreement][period], ClosedAlready(agreement, period));
        // Without its register, what a leg received could never be claimed again.
        for (uint16 version = 1; version <= versions; version++) {
            if (_received[agreement][version][period] == 0) continue;
            LegShare[] storage shares = _legs[agreement][version];
            for (uint8 leg = 0; leg < shares.length; leg++) {
                require(
                    shares[leg].kind != LegKind.Register || _registers[agreement][leg][period].round != 0,
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
        amount = _claim(line, id, lineIncome(line), leaf, proof);
        require(amount != 0, NothingToClaim(id, leaf.index));
    }

    /// @inheritdoc IRevenue
    function claimMany(Line calldata line, Leaf[] calldata leaves, bytes[] calldata proofs)
        external
        returns (uint256 amount)
    {
        require(leaves.length == proofs.length, LengthMismatch(leaves.length, proofs.length));
        bytes32 id = lineId(line);
        uint256 income = lineIncome(line);
        for (uint256 i = 0; i < leaves.length; i++) {
            amount += _claim(line, id, income, leaves[i], proofs[i]);
        }
    }

    function _claim(Line calldata line, bytes32 id, uint256 income, Leaf calldata leaf, bytes calldata proof)
        private
        returns (uint256 amount)
    {
        uint256 entitled = _entitled(line, income, leaf, proof);
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
        LegShare storage share = _share(line);
        require(share.kind == LegKind.Account, WrongLegKind(share.kind, LegKind.Account));
        bytes32 id = lineId(line);
        uint256 entitled = lineIncome(line);
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

    function _share(Line calldata line) private view returns (LegShare storage) {
        LegShare[] storage shares = _legs[line.agreement][line.version];
        require(line.leg < shares.length, LineUnknown(line));
        return shares[line.leg];
    }

    /// @inheritdoc IRevenue
    function lineIncome(Line calldata line) public view returns (uint256) {
        LegShare memory share = _share(line);
        uint256 received = _received[line.agreement][line.version][line.period];
        return _isClosed[line.agreement][line.period]
            ? Shares.entitledClosed(received, share.before, share.bps, BPS)
            : Shares.entitledOpenDown(received, share.bps, BPS);
    }

    function _entitled(Line calldata line, uint256 income, Leaf calldata leaf, bytes calldata proof)
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
        return _isClosed[line.agreement][line.period]
            ? Shares.entitledClosed(income, before, leaf.weight, total)
            : Shares.entitledOpenDown(income, leaf.weight, total);
    }

    /* VIEWS */

    /// @inheritdoc IRevenue
    function versionCount(bytes32 agreement) external view returns (uint16) {
        return uint16(_effectiveFrom[agreement].length);
    }

    /// @inheritdoc IRevenue
    function versionAt(bytes32 agreement, uint256 timestamp) public view returns (uint16) {
        uint64[] storage versions = _effectiveFrom[agreement];
        require(versions.length != 0, AgreementUnknown(agreement));
        for (uint256 version = versions.length; version > 0; version--) {
            if (versions[version - 1] <= timestamp) return uint16(version);
        }
        revert AgreementNotInForce(agreement, versions[0], timestamp);
    }

    /// @inheritdoc IRevenue
    function versionOf(bytes32 agreement, uint16 version)
        external
        view
        returns (uint64 effectiveFrom, Leg[] memory legs)
    {
        LegShare[] storage shares = _legs[agreement][version];
        require(shares.length != 0, AgreementUnknown(agreement));
        effectiveFrom = _effectiveFrom[agreement][version - 1];
        legs = new Leg[](shares.length);
        for (uint256 i = 0; i < shares.length; i++) {
            LegSource storage source = _sources[agreement][i];
            legs[i] = Leg({
                kind: shares[i].kind,
                bps: shares[i].bps,
                account: shares[i].account,
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
        return _received[agreement][version][period];
    }

    /// @inheritdoc IRevenue
    function isClosed(bytes32 agreement, Period period) external view returns (bool) {
        return _isClosed[agreement][period];
    }

    /// @inheritdoc IRevenue
    function lineId(Line calldata line) public pure returns (bytes32) {
        return keccak256(abi.encode(line));
    }

    /// @inheritdoc IRevenue
    function entitledOf(Line calldata line, Leaf calldata leaf, bytes calldata proof) external view returns (uint256) {
        return _entitled(line, lineIncome(line), leaf, proof);
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
