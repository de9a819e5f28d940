"""The register of data assets: who keeps them, their versions and licences, and where they stand with their lenders."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ledger_service.chain.events import (
    AppraisalDisputed,
    AppraisalDisputeEnded,
    Appraised,
    Covenant,
    CovenantAgreed,
    DataAssetRegistered,
    Emitted,
    Finalised,
    IncomeRepointed,
    LicenceEnded,
    LicenceGranted,
    PauseChanged,
    StewardshipChanged,
    VersionAppended,
    emitted_of,
)
from ledger_service.domain.assets import Appraisal, CovenantTerms, Status, status_of
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address, text_of
from ledger_service.domain.pledges import PledgeState
from ledger_service.facts import emitted, pledges
from ledger_service.store.books import Reader

ENDED = (PledgeState.RELEASED, PledgeState.CANCELLED, PledgeState.CLOSED, PledgeState.EXPIRED)
"""Where a pledge encumbers nothing any more."""
_KINDS = (
    *(DataAssetRegistered, VersionAppended, LicenceGranted, LicenceEnded, StewardshipChanged, IncomeRepointed),
    *(CovenantAgreed, Appraised, AppraisalDisputed, AppraisalDisputeEnded, PauseChanged),
)
_ANY_VERSION = bytes(32)


class DataAssetUnknown(LedgerError):
    """No data asset is registered under this number."""

    def __init__(self, certificate: bytes) -> None:
        self.certificate = certificate
        shown = text_of(certificate)
        super().__init__(f"没有登记证书 {shown} 的数据资产 · no data asset has the certificate {shown}")


@dataclass(frozen=True, slots=True)
class RunningTime:
    """The clock of a contract that can be paused (SPEC P2)."""

    paused_since: int = 0
    paused_seconds: int = 0

    def at(self, timestamp: int) -> int:
        """UTC seconds without those spent paused."""
        return (self.paused_since or timestamp) - self.paused_seconds

    def moment(self, running_time: int, timestamp: int) -> int:
        """When a second of running time is, if nothing is paused after `timestamp`."""
        return running_time + timestamp - self.at(timestamp)


@dataclass(frozen=True, slots=True)
class DataLicence:
    """A licence, and who ended it, if somebody did."""

    granted: Emitted[LicenceGranted]
    ended: Emitted[LicenceEnded] | None = None


@dataclass(frozen=True, slots=True)
class AgreedCovenant:
    """What steward and lender agreed on for a pledge, and the figures that were recorded under it."""

    agreed: Emitted[CovenantAgreed]
    appraisal: Appraisal | None = None

    @property
    def terms(self) -> Covenant:
        return self.agreed.event.covenant


@dataclass(frozen=True, slots=True)
class DataAsset:
    """A registered data set."""

    registered: Emitted[DataAssetRegistered]
    steward: Address
    agreement: bytes
    leg: int
    versions: tuple[Emitted[VersionAppended], ...] = ()
    """Oldest first."""
    licences: Mapping[bytes, DataLicence] = field(default_factory=dict)
    """By number, in the order in which they were granted."""
    covenant: AgreedCovenant | None = None
    """The newest one, whether or not its pledge is over."""


@dataclass(frozen=True, slots=True)
class CovenantReport:
    """Where an asset stands under its live pledge; times are UTC."""

    covenant: AgreedCovenant
    lender: Address
    """Who lends now, and disputes and amends: the lien may have been transferred."""
    status: Status
    fresh_until: int | None
    """Nothing when no version counts."""
    as_of: int


def data_assets(reader: Reader) -> Mapping[bytes, DataAsset]:
    """Every data asset by its certificate, in the order of registration."""
    return _register(reader)[0]


def data_asset(reader: Reader, certificate: bytes) -> DataAsset:
    """A data asset by its certificate.

    Raises:
        DataAssetUnknown: None is registered under this number.
    """
    try:
        return data_assets(reader)[certificate]
    except KeyError:
        raise DataAssetUnknown(certificate) from None


def covenant_report(reader: Reader, certificate: bytes) -> CovenantReport | None:
    """Where the asset stands at the newest block in the books; nothing without a covenant of a live pledge."""
    assets, clock = _register(reader)
    asset, head = assets[certificate], reader.head()
    assert head is not None, "books that know an asset have a head"
    if asset.covenant is None:
        return None
    pledge = pledges(reader)[asset.covenant.agreed.event.pledge]
    if pledge.state in ENDED:
        return None
    terms, at = asset.covenant.terms, head.timestamp
    status = status_of(
        CovenantTerms(terms.freshness_period, terms.stale_bps, terms.maximum_ltv_bps),
        asset.covenant.appraisal,
        fresh_as_of=_fresh_as_of(reader, asset, terms.quality_feed),
        debt=0 if pledge.loan is None else pledge.loan.at(at).debt,
        running_time=clock.at(at),
    )
    fresh_until = clock.moment(status.fresh_until, at) if status.fresh_until else None
    return CovenantReport(asset.covenant, pledge.lender, status, fresh_until, at)


def _register(reader: Reader) -> tuple[dict[bytes, DataAsset], RunningTime]:
    assets: dict[bytes, DataAsset] = {}
    clock = RunningTime()
    for each in map(emitted_of, reader.records(*(kind.__name__ for kind in _KINDS))):
        at = each.block.timestamp
        match event := each.event:
            case PauseChanged():
                if each.contract == "DataAssets":
                    clock = RunningTime(at if event.is_paused else 0, event.paused_seconds)
            case DataAssetRegistered():
                assets[event.certificate] = DataAsset(each, event.steward, event.agreement, event.leg)
            case _:
                assets[event.certificate] = _after(assets[event.certificate], each, clock.at(at))
    return assets, clock


def _after(asset: DataAsset, each: Emitted[Any], running_time: int) -> DataAsset:
    match event := each.event:
        case VersionAppended():
            return replace(asset, versions=(*asset.versions, each))
        case LicenceGranted():
            return replace(asset, licences={**asset.licences, event.licence: DataLicence(each)})
        case LicenceEnded():
            ended = replace(asset.licences[event.licence], ended=each)
            return replace(asset, licences={**asset.licences, event.licence: ended})
        case StewardshipChanged():
            return replace(asset, steward=event.to)
        case IncomeRepointed():
            return replace(asset, agreement=event.agreement, leg=event.leg)
        case CovenantAgreed():
            return replace(asset, covenant=_amended(asset.covenant, each))
    assert asset.covenant is not None, "appraisals come after the covenant"
    return replace(asset, covenant=replace(asset.covenant, appraisal=_appraised(asset.covenant, event, running_time)))


def _amended(covenant: AgreedCovenant | None, agreed: Emitted[CovenantAgreed]) -> AgreedCovenant:
    """A figure lives on under another covenant of the same pledge and feed."""
    event = agreed.event
    keeps = (
        covenant is not None
        and covenant.agreed.event.pledge == event.pledge
        and covenant.terms.valuation_feed == event.covenant.valuation_feed
    )
    return AgreedCovenant(agreed, covenant.appraisal if covenant is not None and keeps else None)


def _appraised(covenant: AgreedCovenant, event: Any, running_time: int) -> Appraisal | None:
    appraisal = covenant.appraisal
    if isinstance(event, Appraised):
        if appraisal is None:
            return Appraisal(event.lendable, event.lendable, event.valid_until)
        return appraisal.followed_by(event.lendable, event.valid_until, running_time)
    assert appraisal is not None, "only an appraisal is disputed"
    disputed_until = event.disputed_until if isinstance(event, AppraisalDisputed) else 0
    return replace(appraisal, disputed_until=disputed_until)


def _fresh_as_of(reader: Reader, asset: DataAsset, quality_feed: bytes) -> int:
    """Running time as of which the newest version is that counts; 0 when none does."""
    counting = asset.versions
    if quality_feed != _ANY_VERSION:
        measured = {each.event.round for each in emitted(reader, Finalised) if each.event.feed == quality_feed}
        counting = tuple(each for each in counting if each.event.version.round in measured)
    return counting[-1].event.fresh_as_of if counting else 0
