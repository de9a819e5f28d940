// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IDataAssets} from "./interfaces/IDataAssets.sol";
import {IPledgeTerms} from "./interfaces/IPledgeTerms.sol";
import {IPledges} from "./interfaces/IPledges.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";

/// @title PledgeTerms
/// @notice See {IPledgeTerms}.
contract PledgeTerms is IPledgeTerms {
    uint256 private constant BPS = 10_000;
    /// @notice Instalments of one loan.
    uint256 public constant MAXIMUM_INSTALMENTS = 40;

    bytes32 private constant INSTALMENT_TYPEHASH = keccak256("Instalment(uint64 dueAt,uint128 principal)");
    bytes32 private constant CONDITIONS_TYPEHASH = keccak256(
        "Conditions(uint64 disburseBy,uint32 grace,uint32 remediation,uint16 overdueRateBps,uint128 costsCap,uint128 value,uint16 maximumLtvBps)"
    );
    bytes32 private constant TERMS_TYPEHASH = keccak256(
        "Terms(address holder,address lender,bytes32 agreement,uint8 leg,uint32 fromPeriod,uint32 toPeriod,uint16 bps,uint128 principal,uint16 annualRateBps,Instalment[] schedule,Conditions conditions,bytes32 certificate,uint256 nonce,uint64 deadline)Conditions(uint64 disburseBy,uint32 grace,uint32 remediation,uint16 overdueRateBps,uint128 costsCap,uint128 value,uint16 maximumLtvBps)Instalment(uint64 dueAt,uint128 principal)"
    );

    IRevenue public immutable revenue;
    IDataAssets public immutable dataAssets;

    constructor(IRevenue revenue_, IDataAssets dataAssets_) {
        revenue = revenue_;
        dataAssets = dataAssets_;
    }

    /* CHECKS */

    /// @inheritdoc IPledgeTerms
    function requireAcceptable(IPledges.Terms calldata terms) external view returns (bytes32 pledge) {
        _requireWellFormed(terms);
        _requireIncome(terms);
        _requireCertificate(terms);
        return hashOf(terms);
    }

    function _requireWellFormed(IPledges.Terms calldata terms) private view {
        require(block.timestamp <= terms.deadline, TermsExpired(terms.deadline, block.timestamp));
        require(
            terms.holder != address(0) && terms.lender != address(0) && terms.holder != terms.lender,
            IPledges.PartiesOutOfRange(terms.holder, terms.lender)
        );
        require(terms.bps != 0 && terms.bps <= BPS, BpsOutOfRange(terms.bps));
        require(terms.fromPeriod <= terms.toPeriod, PeriodsOutOfRange(terms.fromPeriod, terms.toPeriod));
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

    /// @dev A lien on income that can never reach the holder would secure nothing.
    function _requireIncome(IPledges.Terms calldata terms) private view {
        uint16 version = revenue.versionCount(terms.agreement);
        require(version != 0, LegUnknown(terms.agreement, terms.leg));
        (, IRevenue.Leg[] memory legs) = revenue.versionOf(terms.agreement, version);
        require(terms.leg < legs.length, LegUnknown(terms.agreement, terms.leg));
        IRevenue.Leg memory leg = legs[terms.leg];
        require(
            leg.kind == IRevenue.LegKind.Register
                || (leg.kind == IRevenue.LegKind.Account && leg.account == terms.holder),
            LegOfAnother(terms.agreement, terms.leg, leg.kind, leg.account)
        );
    }

    function _requireCertificate(IPledges.Terms calldata terms) private view {
        bytes32 certificate = terms.certificate;
        if (certificate == 0) return;
        (address steward, bytes32 agreement, uint8 leg) = dataAssets.licenceOf(certificate);
        require(
            steward == terms.holder && agreement == terms.agreement && leg == terms.leg,
            CertificateOfAnother(certificate, steward, agreement, leg)
        );
    }

    /// @inheritdoc IPledgeTerms
    function requireSigned(
        bytes32 pledge,
        bytes32 digest,
        address holder,
        bytes calldata holderSignature,
        address lender,
        bytes calldata lenderSignature
    ) external view {
        require(
            SignatureChecker.isValidSignatureNowCalldata(holder, digest, holderSignature),
            SignatureInvalid(pledge, holder)
        );
        require(
            SignatureChecker.isValidSignatureNowCalldata(lender, digest, lenderSignature),
            SignatureInvalid(pledge, lender)
        );
    }

    /* VIEWS */

    /// @inheritdoc IPledgeTerms
    function hashOf(IPledges.Terms calldata terms) public pure returns (bytes32) {
        bytes32[] memory schedule = new bytes32[](terms.schedule.length);
        for (uint256 i = 0; i < schedule.length; i++) {
            schedule[i] = keccak256(abi.encode(INSTALMENT_TYPEHASH, terms.schedule[i]));
        }
        // In two parts: all at once would be more than the stack holds.
        return keccak256(
            bytes.concat(
                abi.encode(
                    TERMS_TYPEHASH,
                    terms.holder,
                    terms.lender,
                    terms.agreement,
                    terms.leg,
                    terms.fromPeriod,
                    terms.toPeriod,
                    terms.bps
                ),
                abi.encode(
                    terms.principal,
                    terms.annualRateBps,
                    keccak256(abi.encodePacked(schedule)),
                    keccak256(abi.encode(CONDITIONS_TYPEHASH, terms.conditions)),
                    terms.certificate,
                    terms.nonce,
                    terms.deadline
                )
            )
        );
    }
}
