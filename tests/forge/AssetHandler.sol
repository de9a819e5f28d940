// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDataAssets} from "../../contracts/interfaces/IDataAssets.sol";
import {IMonitoringOracle} from "../../contracts/interfaces/IMonitoringOracle.sol";
import {Tree} from "./Tree.sol";
import {WorkoutHandler} from "./WorkoutHandler.sol";

/// @title What happens to a data asset, pledged or not
contract AssetHandler is WorkoutHandler {
    bytes32[] private _contents;
    bytes32[] private _licences;

    function _steward() private view returns (address) {
        return assets.assetOf(CERTIFICATE).steward;
    }

    /// @dev Mostly the steward, sometimes anybody.
    function _stewardOr(uint256 seed) private view returns (address) {
        return seed % 4 == 0 ? anyone(seed / 4) : _steward();
    }

    function appendVersion(uint256 who, uint256 old, uint256 age) external watched {
        bool isOld = old % 4 == 0 && _contents.length != 0;
        bytes32 content = isOld ? _contents[old / 4 % _contents.length] : fresh("content");
        uint64 createdAt = uint64(block.timestamp - age % 3 days);
        address caller = _stewardOr(who);
        vm.prank(caller);
        try assets.append(CERTIFICATE, IDataAssets.Version(content, 0, 1, createdAt - 30 days, createdAt, createdAt)) {
            if (isOld) violations.push("the same data were appended twice");
            if (caller != _steward()) violations.push("somebody else than the steward appended");
            _contents.push(content);
            _count("append");
        } catch {}
    }

    function license(uint256 who, uint256 which, uint256 length) external watched {
        address caller = _stewardOr(who);
        bool isOld = which % 4 == 0 && _licences.length != 0;
        bytes32 licence = isOld ? _licences[which / 4 % _licences.length] : fresh("licence");
        IDataAssets.Licence memory terms = IDataAssets.Licence({
            licensee: anyone(which),
            from: uint64(block.timestamp),
            to: uint64(block.timestamp + length % 60 days),
            fee: uint128(length % 1e6),
            terms: "contract",
            purpose: "credit scores"
        });
        vm.prank(caller);
        try assets.grantLicence(CERTIFICATE, licence, terms) {
            if (isOld) violations.push("a licence was granted twice");
            _licences.push(licence);
            _count("grantLicence");
        } catch {}
    }

    function endLicence(uint256 who, uint256 which) external watched {
        if (_licences.length == 0) return;
        bytes32 licence = _licences[which % _licences.length];
        IDataAssets.Licence memory terms = assets.grantOf(licence).licence;
        address caller = who % 2 == 0 ? terms.licensee : anyone(who / 2);
        vm.prank(caller);
        try assets.endLicence(licence) {
            if (caller != terms.licensee && block.timestamp < terms.to) {
                violations.push("a licence was ended before its time by somebody else than the licensee");
            }
            _count("endLicence");
        } catch {}
    }

    /// @dev Offer and acceptance; an asset that secures a loan stays where it is.
    function handOver(uint256 who, uint256 to, uint256 how) external watched {
        bool isPledged = pledges.livePledgeOf(CERTIFICATE) != 0;
        // Mostly the first holder, whose key signs the pledges of it.
        address newSteward = holder(to % 4 == 0 ? to / 4 : 0);
        if (how % 4 != 0) {
            vm.prank(_stewardOr(who));
            try assets.offerStewardship(CERTIFICATE, newSteward) {
                if (isPledged) violations.push("a pledged asset was offered");
            } catch {}
        }
        address before = _steward();
        vm.prank(newSteward);
        try assets.acceptStewardship(CERTIFICATE) {
            if (isPledged) violations.push("a pledged asset changed its steward");
            if (before != newSteward) _count("acceptStewardship");
        } catch {}
    }

    function repoint(uint256 who, uint256 leg) external watched {
        bool isPledged = pledges.livePledgeOf(CERTIFICATE) != 0;
        vm.prank(_stewardOr(who));
        try assets.repoint(CERTIFICATE, TECH_ENCLAVE, uint8(leg % 2)) {
            if (isPledged) violations.push("the income of a pledged asset was led elsewhere");
            _count("repoint");
        } catch {}
        // Mostly back again, so that there is an asset to pledge.
        if (leg % 8 == 0) return;
        vm.prank(_steward());
        try assets.repoint(CERTIFICATE, TECH_ENCLAVE, 0) {} catch {}
    }

    /// @dev The whole way to a loan on the asset's income at once.
    function lendOnAsset(uint256 who, uint256 months, uint256 principal, uint256 how) external {
        this.commit(who << 8, 7, 0, 2 * (months % 30), 2001, principal, how);
        if (pledgesMade.length != 0) this.lend(4 * (pledgesMade.length - 1));
    }

    /// @dev Both parties agree, or only one of them.
    function agreeCovenant(uint256 freshness, uint256 seed, uint256 how) external watched {
        bytes32 pledge = pledges.livePledgeOf(CERTIFICATE);
        if (pledge == 0) return;
        IDataAssets.Covenant memory covenant = IDataAssets.Covenant({
            freshnessPeriod: uint32(1 + freshness % 60 days),
            staleBps: uint16(seed % 10_001),
            maximumLtvBps: uint16(seed % 10_001),
            valuationFeed: VALUATION,
            qualityFeed: 0
        });
        bytes32 before = keccak256(abi.encode(assets.agreedCovenantOf(pledge)));
        address[2] memory parties = [_steward(), pledges.standingOf(pledge).lender];
        for (uint256 i = 0; i < 2; i++) {
            if (how % 4 == i) continue;
            vm.prank(parties[i]);
            try assets.agreeCovenant(CERTIFICATE, covenant) {} catch {}
        }
        if (keccak256(abi.encode(assets.agreedCovenantOf(pledge))) == before) return;
        _count("agreeCovenant");
    }

    /// @dev A round of the valuation, and what the lender may count.
    function appraise(uint256 month, uint256 value, uint256 uncertainty, uint256 who) external watched {
        month = month % PERIODS;
        bytes32 round = roundOf(VALUATION, month);
        if (oracle.roundOf(round).state == IMonitoringOracle.State.None) {
            Tree.Register memory none;
            IMonitoringOracle.Report memory report = reportOn(VALUATION, month, none, int128(int256(value % 1e7)));
            report.uncertainty = uint128(uncertainty % 1e6);
            submit(report, SCALES_KEY);
            oracle.finalise(round);
        }
        bytes32 pledge = pledges.livePledgeOf(CERTIFICATE);
        if (pledge == 0) return;
        IDataAssets.Appraisal memory before = assets.appraisalOf(pledge);
        vm.prank(anyone(who));
        try assets.appraise(CERTIFICATE) {
            IMonitoringOracle.Round memory measured = oracle.requireFresh(VALUATION, CERTIFICATE);
            int256 lendable = int256(measured.value) - 2 * int256(uint256(measured.uncertainty));
            uint128 appraised = assets.appraisalOf(pledge).value;
            if (appraised != (lendable > 0 ? uint256(lendable) : 0)) {
                violations.push("A: the appraisal is not the figure less twice its uncertainty");
            }
            if (appraised > before.value && pledges.livePledgeOf(CERTIFICATE) == pledge) {
                if (_isDisputed(before)) violations.push("A: a disputed value rose");
            }
            _count("appraise");
        } catch {}
    }

    function _isDisputed(IDataAssets.Appraisal memory one) private view returns (bool) {
        return assets.runningTime() < one.disputedUntil;
    }

    function disputeValue(uint256 who, uint256 end) external watched {
        bytes32 pledge = pledges.livePledgeOf(CERTIFICATE);
        if (pledge == 0) return;
        address lender = pledges.standingOf(pledge).lender;
        address caller = who % 4 == 0 ? anyone(who / 4) : lender;
        vm.prank(caller);
        try assets.dispute(CERTIFICATE, "too high") {
            if (caller != lender) violations.push("A: somebody else than the lender disputed");
            _count("disputeValue");
        } catch {}
        if (end % 2 == 0) return;
        vm.prank(caller);
        try assets.endDispute(CERTIFICATE) {
            _count("endDispute");
        } catch {}
    }

    function markStale(uint256 who) external watched {
        uint256 freshUntil = assets.covenantOf(CERTIFICATE).freshUntil;
        vm.prank(anyone(who));
        try assets.markStale(CERTIFICATE) {
            if (assets.runningTime() <= freshUntil) violations.push("A: marked stale while fresh");
            _count("markStale");
        } catch {}
    }
}
