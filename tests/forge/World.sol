// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Authority} from "../../contracts/Authority.sol";
import {CarbonCredits} from "../../contracts/CarbonCredits.sol";
import {CnyVoucher} from "../../contracts/CnyVoucher.sol";
import {DataAssets} from "../../contracts/DataAssets.sol";
import {Funds} from "../../contracts/Funds.sol";
import {MonitoringOracle} from "../../contracts/MonitoringOracle.sol";
import {MonitoringPanel} from "../../contracts/MonitoringPanel.sol";
import {Participants} from "../../contracts/Participants.sol";
import {PledgeTerms} from "../../contracts/PledgeTerms.sol";
import {Pledges} from "../../contracts/Pledges.sol";
import {RetirementCertificates} from "../../contracts/RetirementCertificates.sol";
import {Revenue} from "../../contracts/Revenue.sol";
import {Workouts} from "../../contracts/Workouts.sol";
import {ICarbonCredits} from "../../contracts/interfaces/ICarbonCredits.sol";
import {IMonitoringOracle} from "../../contracts/interfaces/IMonitoringOracle.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRevenue} from "../../contracts/interfaces/IRevenue.sol";
import {Period} from "../../contracts/interfaces/Types.sol";
import {Tree} from "./Tree.sol";
import {ForgeTest} from "./Vm.sol";

/// @title A small county
/// @notice The whole protocol, five holders, two banks, two buyers, the reporters, five agreements and a carbon project. This
/// contract is the administrator of the Authority, which no role was handed out by: it is every officer.
abstract contract World is ForgeTest {
    bytes32 internal constant CARBON = "carbon";
    bytes32 internal constant CROSS = "cross-check";
    bytes32 internal constant DELIVERED = "delivered";
    bytes32 internal constant PROCESSED = "processed";
    bytes32 internal constant VALUATION = "valuation";
    bytes32 internal constant FOREST = "forest";
    bytes32 internal constant TEA = "tea";
    bytes32 internal constant PROJECT = "project";
    bytes32 internal constant CARBON_POOL = "carbon-pool";
    bytes32 internal constant ONE_PRODUCT = "one-product";
    bytes32 internal constant TECH_ENCLAVE = "tech-enclave";
    bytes32 internal constant REGION = "region";
    bytes32 internal constant COURSES = "course-creators";
    bytes32 internal constant CERTIFICATE = "certificate";
    address internal constant SECOND_OFFICER = address(0x5ec0);

    /// @dev January 2025, and its first second.
    uint32 internal constant FIRST_PERIOD = 660;
    uint256 internal constant FIRST_SECOND = 1_735_689_600;
    uint256 internal constant PERIODS = 6;
    uint32 internal constant CHALLENGE_WINDOW = 2 days;
    uint32 internal constant LAG = 2000 days;

    uint256 internal constant HOLDERS = 5;
    uint256 internal constant BANKS = 2;
    uint256 internal constant BUYERS = 2;
    uint256 internal constant HOLDER_KEY = 101;
    uint256 internal constant BANK_KEY = 201;
    uint256 internal constant BUYER_KEY = 301;
    uint256 internal constant REPORTER_KEY = 401;
    uint256 internal constant CROSS_KEY = 501;
    uint256 internal constant SCALES_KEY = 601;

    Authority internal authority;
    Participants internal participants;
    MonitoringOracle internal oracle;
    MonitoringPanel internal panel;
    CnyVoucher internal voucher;
    Revenue internal revenue;
    Pledges internal pledges;
    Workouts internal workouts;
    Funds internal funds;
    DataAssets internal assets;
    CarbonCredits internal credits;
    RetirementCertificates internal certificates;

    address internal city = vm.addr(701);
    address internal laboratory = vm.addr(702);
    address internal pool = vm.addr(703);
    address internal buffer = vm.addr(704);

    /// @dev The register of a feed and period, as the reporters know it.
    mapping(bytes32 feed => mapping(uint256 period => Tree.Register)) private _registers;
    bytes32[] internal agreements;
    uint256 private _numbers;

    function build() internal {
        vm.warp(monthStart(PERIODS) + 1 days);
        uint256 nonce = vm.getNonce(address(this));
        authority = new Authority(address(this));
        // They name each other: addresses are worked out before the first of them exists.
        Revenue revenueAt = Revenue(vm.computeCreateAddress(address(this), nonce + 4));
        participants = new Participants(address(authority), revenueAt);
        MonitoringPanel panelAt = MonitoringPanel(vm.computeCreateAddress(address(this), nonce + 12));
        oracle = new MonitoringOracle(address(authority), panelAt);
        Pledges pledgesAt = Pledges(vm.computeCreateAddress(address(this), nonce + 6));
        Workouts workoutsAt = Workouts(vm.computeCreateAddress(address(this), nonce + 7));
        Funds fundsAt = Funds(vm.computeCreateAddress(address(this), nonce + 8));
        DataAssets assetsAt = DataAssets(vm.computeCreateAddress(address(this), nonce + 9));
        RetirementCertificates certificatesAt =
            RetirementCertificates(vm.computeCreateAddress(address(this), nonce + 11));
        voucher = new CnyVoucher(address(authority), participants, address(revenueAt), address(pledgesAt));
        revenue = new Revenue(address(authority), participants, voucher, oracle, pledgesAt, fundsAt);
        PledgeTerms terms = new PledgeTerms(revenue, assetsAt);
        pledges = new Pledges(address(authority), revenue, voucher, terms, workoutsAt);
        workouts = new Workouts(pledges, assetsAt);
        funds = new Funds(address(authority), revenue, voucher);
        assets = new DataAssets(address(authority), participants, oracle, pledges);
        credits = new CarbonCredits(address(authority), participants, oracle, revenue, certificatesAt);
        certificates = new RetirementCertificates(credits);
        panel = new MonitoringPanel(address(authority), oracle, participants);
        require(panel == panelAt, "addresses");
        panel.electPanel(member(0), member(1), member(2));
        require(revenue == revenueAt && pledges == pledgesAt && workouts == workoutsAt, "addresses");
        require(funds == fundsAt && assets == assetsAt && certificates == certificatesAt, "addresses");
        authority.grantRole(0, SECOND_OFFICER, 0);
        _admitAll();
        _setFeeds();
        _publishAll();
        _registerAsset();
        credits.registerProject(
            PROJECT, ICarbonCredits.Project(CARBON, FOREST, CARBON_POOL, 1, pool, buffer, 1500, 1e9)
        );
    }

    function _registerAsset() private {
        assets.register(CERTIFICATE, holder(0), "papers", TECH_ENCLAVE, 0);
    }

    function _admitAll() private {
        for (uint256 i = 0; i < HOLDERS; i++) {
            _admit(holder(i), IParticipants.Kind.Cooperative);
        }
        for (uint256 i = 0; i < BANKS; i++) {
            _admit(bank(i), IParticipants.Kind.Bank);
        }
        for (uint256 i = 0; i < BUYERS; i++) {
            _admit(buyer(i), IParticipants.Kind.Buyer);
        }
        _admit(city, IParticipants.Kind.Treasury);
        _admit(laboratory, IParticipants.Kind.Treasury);
        _admit(pool, IParticipants.Kind.Treasury);
        _admit(buffer, IParticipants.Kind.Treasury);
    }

    function _admit(address account, IParticipants.Kind kind) private {
        participants.admit(account, kind, keccak256(abi.encode(account)));
    }

    function _setFeeds() private {
        int128 most = type(int128).max;
        oracle.configureFeed(CARBON, IMonitoringOracle.Feed(3, 6, CHALLENGE_WINDOW, LAG, LAG, 1000, CROSS, -most, most));
        oracle.configureFeed(CROSS, IMonitoringOracle.Feed(1, 0, 0, LAG, LAG, 0, 0, -most, most));
        oracle.configureFeed(DELIVERED, IMonitoringOracle.Feed(1, 0, 0, LAG, LAG, 0, 0, 0, most));
        oracle.configureFeed(PROCESSED, IMonitoringOracle.Feed(1, 0, 0, LAG, LAG, 0, 0, 0, most));
        oracle.configureFeed(VALUATION, IMonitoringOracle.Feed(1, 0, 0, LAG, LAG, 0, 0, 0, most));
        oracle.addSigner(VALUATION, vm.addr(SCALES_KEY), 1);
        oracle.addSigner(CARBON, vm.addr(REPORTER_KEY), 1);
        oracle.addSigner(CARBON, vm.addr(REPORTER_KEY + 1), 1);
        oracle.addSigner(CARBON, vm.addr(REPORTER_KEY + 2), 2);
        oracle.addSigner(CROSS, vm.addr(CROSS_KEY), 3);
        oracle.addSigner(DELIVERED, vm.addr(SCALES_KEY), 1);
        oracle.addSigner(PROCESSED, vm.addr(SCALES_KEY), 1);
    }

    function _publishAll() private {
        IRevenue.Leg[] memory carbon = new IRevenue.Leg[](2);
        carbon[0] = IRevenue.Leg(IRevenue.LegKind.Fund, 2000, city, "ecology", 0, 0, 0, 0);
        carbon[1] = IRevenue.Leg(IRevenue.LegKind.Register, 8000, address(0), 0, CARBON, FOREST, 0, 0);
        revenue.publish(CARBON_POOL, carbon, 0);
        IRevenue.Leg[] memory product = new IRevenue.Leg[](3);
        product[0] = IRevenue.Leg(IRevenue.LegKind.Account, 3000, city, 0, 0, 0, 0, 0);
        product[1] = IRevenue.Leg(IRevenue.LegKind.Register, 4000, address(0), 0, DELIVERED, TEA, 0, 0);
        product[2] = IRevenue.Leg(IRevenue.LegKind.Register, 3000, address(0), 0, PROCESSED, TEA, 0, 0);
        revenue.publish(ONE_PRODUCT, product, 0);
        IRevenue.Leg[] memory enclave = new IRevenue.Leg[](2);
        enclave[0] = IRevenue.Leg(IRevenue.LegKind.Account, 6000, holder(0), 0, 0, 0, 0, 0);
        enclave[1] = IRevenue.Leg(IRevenue.LegKind.Account, 4000, city, 0, 0, 0, 0, 0);
        revenue.publish(TECH_ENCLAVE, enclave, 0);
        IRevenue.Leg[] memory region = new IRevenue.Leg[](2);
        region[0] = IRevenue.Leg(IRevenue.LegKind.Account, 2500, laboratory, 0, 0, 0, 0, 0);
        region[1] = IRevenue.Leg(IRevenue.LegKind.Agreement, 7500, address(0), 0, 0, 0, TECH_ENCLAVE, 0);
        revenue.publish(REGION, region, 0);
        IRevenue.Tier[] memory tiers = new IRevenue.Tier[](2);
        for (uint256 i = 0; i < tiers.length; i++) {
            tiers[i].from = uint128(i * 500_000);
            tiers[i].legs = new IRevenue.Leg[](2);
            tiers[i].legs[0] = IRevenue.Leg(IRevenue.LegKind.Account, uint16(1000 + i * 777), city, 0, 0, 0, 0, 0);
            tiers[i].legs[1] = IRevenue.Leg(IRevenue.LegKind.Account, uint16(9000 - i * 777), laboratory, 0, 0, 0, 0, 0);
        }
        revenue.publishTiers(COURSES, tiers, 0);
        agreements.push(CARBON_POOL);
        agreements.push(ONE_PRODUCT);
        agreements.push(TECH_ENCLAVE);
        agreements.push(REGION);
        agreements.push(COURSES);
    }

    /* PEOPLE */

    function holder(uint256 i) internal pure returns (address) {
        return vm.addr(HOLDER_KEY + i % HOLDERS);
    }

    function bank(uint256 i) internal pure returns (address) {
        return vm.addr(BANK_KEY + i % BANKS);
    }

    function buyer(uint256 i) internal pure returns (address) {
        return vm.addr(BUYER_KEY + i % BUYERS);
    }

    /// @dev One of the three who decide disputes.
    function member(uint256 i) internal pure returns (address) {
        return vm.addr(801 + i);
    }

    /// @dev Anybody at all: each party, each officer's account and a stranger.
    function anyone(uint256 seed) internal view returns (address) {
        uint256 i = seed % 14;
        if (i < 5) return holder(i);
        if (i < 7) return bank(i);
        if (i < 9) return buyer(i);
        if (i == 9) return city;
        if (i == 10) return pool;
        if (i == 11) return buffer;
        if (i == 12) return laboratory;
        return address(0xbad);
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function fresh(string memory what) internal returns (bytes32) {
        return keccak256(abi.encode(what, ++_numbers));
    }

    /* TIME */

    /// @return The first second of the month `i` of 2025.
    function monthStart(uint256 i) internal pure returns (uint256) {
        uint16[13] memory day = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
        return FIRST_SECOND + uint256(day[i]) * 1 days;
    }

    function period(uint256 i) internal pure returns (Period) {
        return Period.wrap(uint32(FIRST_PERIOD + i % PERIODS));
    }

    /* MONITORING */

    function registerOf(bytes32 feed, uint256 i) internal view returns (Tree.Register memory) {
        return _registers[feed][i];
    }

    function setRegister(bytes32 feed, uint256 i, Tree.Register memory register) internal {
        delete _registers[feed][i];
        for (uint256 j = 0; j < register.accounts.length; j++) {
            _registers[feed][i].accounts.push(register.accounts[j]);
            _registers[feed][i].weights.push(register.weights[j]);
        }
    }

    function subjectOf(bytes32 feed) internal pure returns (bytes32) {
        if (feed == VALUATION) return CERTIFICATE;
        return feed == CARBON || feed == CROSS ? FOREST : TEA;
    }

    /// @return report What a reporter would sign about month `i`: a register, or a plain value without one.
    function reportOn(bytes32 feed, uint256 i, Tree.Register memory register, int128 value)
        internal
        returns (IMonitoringOracle.Report memory report)
    {
        bytes32 root;
        uint128 total;
        if (register.accounts.length != 0) (root, total) = Tree.root(register);
        bytes32 evidence = fresh("evidence");
        oracle.anchor(evidence);
        report = IMonitoringOracle.Report({
            feed: feed,
            subject: subjectOf(feed),
            periodStart: uint64(monthStart(i)),
            periodEnd: uint64(monthStart(i + 1)),
            observedAt: uint64(block.timestamp),
            validUntil: uint64(block.timestamp + 365 days),
            seq: 0,
            value: root == 0 ? value : int128(total),
            uncertainty: 0,
            shareRoot: root,
            shareCount: uint64(register.accounts.length),
            evidenceRoot: evidence,
            methodology: "methodology",
            qcFlags: 0,
            configDigest: oracle.configDigest(feed)
        });
    }

    function submit(IMonitoringOracle.Report memory report, uint256 key) internal {
        report.seq = oracle.lastSeq(report.feed, vm.addr(key)) + 1;
        oracle.submit(report, signed(key, oracle.reportDigest(report)));
    }

    function roundOf(bytes32 feed, uint256 i) internal view returns (bytes32) {
        return oracle.roundId(feed, subjectOf(feed), uint64(monthStart(i)), uint64(monthStart(i + 1)));
    }
}
