"""Data assets: the register, its versions and licences, and the covenant of a loan on their income."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from brownie.exceptions import VirtualMachineError

from ledger_service.chain.artefacts import load_artefact
from outcomes import announced, facts, refused, silent
from signing import Instalment, Terms
from world import (
    ACCOUNT,
    DAY,
    FEBRUARY,
    NOTHING,
    SCALES_RULES,
    SENSORS,
    U128,
    WHOLE,
    YEAR,
    ZERO,
    Covenant,
    Kind,
    Leg,
    Licence,
    Line,
    State,
    Version,
    digest,
    person,
    text32,
)

CERTIFICATE, OTHER = text32("DEX-2026-000001"), text32("DEX-2026-000002")
PAPERS = digest("papers of the certificate, salted")
EXCHANGE, STEWARD_LEG = text32("data-exchange"), 1
VALUE, QUALITY = text32("data-value-fen"), text32("data-quality")
LICENCE = text32("LIC-2026-0001")
REASON = digest("why the figure is wrong")
STALE, SHORTFALL, NEVER_APPRAISED, OUT_OF_DATE, DISPUTED = 1, 2, 4, 8, 16
"""Reasons, as bits."""
COVENANT_BROKEN = 1 << 9
"""Of `Workouts.good`."""
NONE, FRESH_, STALE_, SHORT_ = range(4)
"""Standings; see `IDataAssets.Standing`."""
NO_COVENANT = Covenant(0, 0, 0, NOTHING, NOTHING)
COVENANT = Covenant(30 * DAY, 5_000, 6_000, VALUE, NOTHING)


@dataclass(frozen=True)
class Exchange:
    """The data exchange: the register, and pledges of what is in it."""

    county: Any
    assets: Any

    # PLEDGES

    def terms(self, certificate: bytes = CERTIFICATE, lender: Any = None, **changes: Any) -> Terms:
        """Half of the steward's licence income of two years for ¥1,000.00 without interest, due in three years."""
        now = self.county.clock.now()
        terms = self.county.terms(
            holder=str(person("steward")),
            lender=str(lender or person("bank")),
            agreement=EXCHANGE,
            leg=STEWARD_LEG,
            fromPeriod=FEBRUARY,
            toPeriod=FEBRUARY + 23,
            bps=5_000,
            annualRateBps=0,
            schedule=[Instalment(now + 3 * YEAR, 100_000)],
            conditions=self.county.conditions(disburseBy=now + YEAR),
            certificate=certificate,
        )
        return terms._replace(**changes)

    def commit(self, lender: Any = None, **changes: Any) -> bytes:
        """Steward and lender sign; nothing is lent yet."""
        lender = lender or person("bank")
        return self.county.commit(self.terms(lender=lender, **changes), person("steward"), lender)

    def lend(self, **changes: Any) -> bytes:
        """The bank lends at once."""
        return self.county.lend(self.terms(**changes), borrower=person("steward"))

    def owe(self, pledge: bytes, debt: int) -> None:
        """The bank lends, if it has not yet, and so much of it is repaid that `debt` is left."""
        pledges, lender = self.county.pledges, person("bank")
        if pledges.stateOf(pledge) == State.COMMITTED:
            self.county.perfect(pledge, lender)
            principal = pledges.termsOf(pledge)["principal"]
            self.county.fund(lender, principal)
            self.county.voucher.approve(pledges, principal, {"from": lender})
            pledges.disburse(pledge, {"from": lender})
        if repaid := pledges.debtOf(pledge)["principal"] - debt:
            self.county.repay(pledge, repaid)

    def free(self) -> None:
        """The pledge is given up before anything was lent."""
        self.county.pledges.cancel(self.county.pledges.livePledgeOf(CERTIFICATE), {"from": person("steward")})

    # THE REGISTER

    def register(self, certificate: bytes = CERTIFICATE, **changes: Any) -> Any:
        facts_ = {"steward": person("steward"), "papers": PAPERS, "agreement": EXCHANGE, "leg": STEWARD_LEG} | changes
        sender = {"from": person("operator")}
        return self.assets.register(
            certificate, facts_["steward"], facts_["papers"], facts_["agreement"], facts_["leg"], sender
        )

    def version(self, **changes: Any) -> Version:
        """A version of the 30 days before it was made, which is now."""
        made = changes.get("createdAt", self.county.clock.now())
        version = Version(self.county.new("content"), NOTHING, 1_000, made - 30 * DAY, made, made)
        return version._replace(**changes)

    def append(self, version: Version | None = None, certificate: bytes = CERTIFICATE) -> Any:
        return self.assets.append(certificate, version or self.version(), {"from": person("steward")})

    def licence(self, **changes: Any) -> Licence:
        now = self.county.clock.now()
        licence = Licence(str(person("buyer")), now, now + YEAR, 500_000, digest("contract"), text32("weather-models"))
        return licence._replace(**changes)

    def grant(self, licence: Licence | None = None, number: bytes = LICENCE, certificate: bytes = CERTIFICATE) -> Any:
        return self.assets.grantLicence(certificate, number, licence or self.licence(), {"from": person("steward")})

    # THE ORACLE

    def measure(self, feed: bytes, value: int, certificate: bytes = CERTIFICATE, **changes: Any) -> Any:
        """An appraiser or a laboratory reports on the asset; the round is final at once."""
        self.county.clock.after(2)
        now = self.county.clock.now()
        report = self.county.report(feed, certificate, now - 1, now, value=value, **changes)
        self.county.submit(report, person("appraiser"))
        return report, self.county.finalise(report)

    def appraise(self, value: int, **changes: Any) -> Any:
        report, _ = self.measure(VALUE, value, **changes)
        return self.assets.appraise(CERTIFICATE, {"from": person("relayer")}), report

    # THE COVENANT

    def agree(self, covenant: Covenant = COVENANT, lender: Any = None) -> Any:
        self.assets.agreeCovenant(CERTIFICATE, covenant, {"from": lender or person("bank")})
        return self.assets.agreeCovenant(CERTIFICATE, covenant, {"from": person("steward")})

    def status(self, certificate: bytes = CERTIFICATE) -> dict[str, Any]:
        return facts(self.assets.covenantOf(certificate))

    def standing(self) -> tuple[int, int]:
        status = self.status()
        return status["standing"], status["reasons"]


def person_fixture(name: str) -> Any:
    @pytest.fixture(scope="module", name=name)
    def account() -> Any:
        return person(name)

    return account


steward = person_fixture("steward")
heir = person_fixture("heir")


@pytest.fixture(scope="module")
def exchange(county, operator, committee):
    for name, kind in (("steward", Kind.OPERATOR), ("heir", Kind.OPERATOR)):
        county.participants.admit(person(name), kind, digest(f"papers of {name}"), {"from": operator})
    for feed in (VALUE, QUALITY):
        rules = SCALES_RULES._replace(minimumValue=-(2**127))
        county.oracle.configureFeed(feed, rules, {"from": committee})
        county.oracle.addSigner(feed, person("appraiser"), SENSORS, {"from": committee})
    city = str(person("city"))
    legs = [Leg(ACCOUNT, 1_000, city), Leg(ACCOUNT, 9_000, str(person("steward")))]
    county.revenue.publish(EXCHANGE, legs, 0, {"from": committee})
    return Exchange(county, county.assets)


@pytest.fixture
def assets(exchange):
    """With one asset in it."""
    exchange.register()
    return exchange.assets


@pytest.fixture
def pledge(exchange, assets):
    """The asset is pledged to the bank; no covenant yet."""
    return exchange.commit()


@pytest.fixture
def covenant(exchange, pledge):
    """Fresh, agreed, worth 100,000 fen, nothing owed."""
    exchange.append()
    exchange.agree()
    exchange.appraise(100_000)
    return pledge


# REGISTRATION


@pytest.mark.parametrize("missing", ["certificate", "papers", "agreement"])
def test_registering_fails_without(exchange, missing):
    given = {"certificate": CERTIFICATE, "papers": PAPERS, "agreement": EXCHANGE} | {missing: NOTHING}
    with refused("RegistrationIncomplete", **given):
        exchange.register(**given)


def test_registering_fails_for_a_steward_who_is_not_admitted(exchange, household):
    with refused("NotAdmitted", account=household):
        exchange.register(steward=household)
    with refused("NotAdmitted", account=ZERO):
        exchange.register(steward=ZERO)


def test_registering_fails_for_a_blocked_steward(exchange, county, steward, operator):
    county.participants.setBlocked(steward, True, digest("court"), {"from": operator})
    with refused("NotAdmitted", account=steward):
        exchange.register()


def test_registering_fails_for_the_steward_itself(exchange, steward):
    with refused("AccessManagedUnauthorized", caller=steward):
        exchange.assets.register(CERTIFICATE, steward, PAPERS, EXCHANGE, STEWARD_LEG, {"from": steward})


def test_a_certificate_number_is_registered_once(exchange, assets, steward, heir):
    with refused("CertificateTaken", certificate=CERTIFICATE, steward=steward):
        exchange.register(steward=heir)


def test_registering_keeps_who_and_where_the_income_arrives(exchange, operator, steward):
    registered = exchange.register()
    announced(
        registered,
        "DataAssetRegistered",
        certificate=CERTIFICATE,
        steward=steward,
        papers=PAPERS,
        agreement=EXCHANGE,
        leg=STEWARD_LEG,
        by=operator,
    )
    assert facts(exchange.assets.assetOf(CERTIFICATE)) == facts(
        {
            "steward": steward,
            "registeredAt": registered.timestamp,
            "leg": STEWARD_LEG,
            "agreement": EXCHANGE,
            "papers": PAPERS,
        }
    )
    assert exchange.assets.licenceOf(CERTIFICATE) == (steward, "0x" + EXCHANGE.hex(), STEWARD_LEG)


def test_an_unknown_certificate_has_no_income_to_pledge(exchange, assets):
    with refused("UnknownCertificate", certificate=OTHER):
        assets.licenceOf(OTHER)
    with refused("UnknownCertificate", certificate=OTHER):
        assets.covenantOf(OTHER)
    assert assets.assetOf(OTHER)["steward"] == ZERO


def test_the_register_names_what_it_asks(exchange, county):
    assets = exchange.assets
    assert assets.participants() == county.participants
    assert assets.oracle() == county.oracle
    assert assets.pledges() == county.pledges


def test_whoever_asks_the_register_asks_this_one(exchange, county):
    assert county.pledge_terms.dataAssets() == county.workouts.dataAssets() == exchange.assets


def test_nothing_is_registered_agreed_or_handed_over_during_a_pause(exchange, pledge, guardian, steward, heir, county):
    exchange.free()
    exchange.assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    since = exchange.assets.pause(text32("storm"), {"from": guardian}).timestamp
    for attempt in (
        lambda: exchange.register(OTHER),
        lambda: exchange.agree(),
        lambda: exchange.assets.repoint(CERTIFICATE, EXCHANGE, 0, {"from": steward}),
        lambda: exchange.assets.acceptStewardship(CERTIFICATE, {"from": heir}),
    ):
        with refused("Paused", since=since):
            attempt()


# VERSIONS


def test_appending_fails_for_an_unknown_certificate(exchange, assets):
    with refused("UnknownCertificate", certificate=OTHER):
        exchange.append(certificate=OTHER)


@pytest.mark.parametrize("name", ["operator", "bank", "heir"])
def test_appending_fails_for_whoever_is_not_the_steward(exchange, assets, name):
    with refused("NotSteward", certificate=CERTIFICATE, caller=person(name)):
        assets.append(CERTIFICATE, exchange.version(), {"from": person(name)})


@pytest.mark.parametrize("fault", ["content", "records", "empty period", "reversed period", "period not over"])
def test_appending_fails_for_a_version_without_sense(exchange, assets, fault):
    version = exchange.version()
    version = {
        "content": version._replace(content=NOTHING),
        "records": version._replace(records=0),
        "empty period": version._replace(periodStart=version.periodEnd),
        "reversed period": version._replace(periodStart=version.periodEnd + 1),
        "period not over": version._replace(periodEnd=version.createdAt + 1),
    }[fault]
    with refused("VersionMalformed", certificate=CERTIFICATE, version=version):
        exchange.append(version)


def test_a_version_of_one_record_and_one_second_is_one(exchange, assets):
    now = exchange.county.clock.now()
    exchange.append(exchange.version(records=1, periodStart=now - 1, periodEnd=now))
    assert assets.versionCount(CERTIFICATE) == 1


def test_a_version_is_not_made_in_the_future(exchange, assets, clock):
    now = clock.now()
    version = exchange.version(createdAt=now + 1)
    with refused("CreatedInFuture", createdAt=now + 1, timestamp=now):
        exchange.append(version)
    clock.stand_at(now + 1)
    exchange.append(version)


def test_a_version_is_newer_than_the_one_before(exchange, assets, clock):
    first = exchange.version()
    exchange.append(first)
    clock.after(DAY)
    for created in (first.createdAt - 1, first.createdAt):
        with refused("VersionNotNewer", createdAt=created, previous=first.createdAt):
            exchange.append(exchange.version(createdAt=created))
    exchange.append(exchange.version(createdAt=first.createdAt + 1))
    assert assets.versionCount(CERTIFICATE) == 2


def test_the_same_content_is_no_new_version(exchange, assets, clock):
    version = exchange.version()
    exchange.append(version)
    clock.after(DAY)
    with refused("ContentRepeated", certificate=CERTIFICATE, content=version.content):
        exchange.append(exchange.version(content=version.content))


def test_a_version_is_kept_as_it_was_appended(exchange, assets, steward):
    version = exchange.version()
    transaction = exchange.append(version)
    announced(
        transaction,
        "VersionAppended",
        certificate=CERTIFICATE,
        number=1,
        version=version,
        freshAsOf=version.createdAt,
        by=steward,
    )
    assert facts(assets.versionOf(CERTIFICATE, 1)) == facts(version._asdict())
    for number in (0, 2):
        with refused("UnknownVersion", certificate=CERTIFICATE, number=number):
            assets.versionOf(CERTIFICATE, number)


def test_a_version_keeps_its_age_however_late_it_is_appended(exchange, assets, clock, guardian, committee):
    version = exchange.version()
    assets.pause(text32("storm"), {"from": guardian})
    clock.after(5 * DAY)
    assets.resume(text32("over"), {"from": committee})
    clock.after(DAY)
    transaction = exchange.append(version)
    # It is six days old, and running time is five days behind.
    assert transaction.events["VersionAppended"]["freshAsOf"] == assets.runningTime() - 6 * DAY


def test_no_version_is_older_than_the_one_before(exchange, assets, covenant, clock, guardian, committee, relayer):
    """A pause counts as age of what was made before it was over, but not of what replaces something fresher."""
    clock.after(20 * DAY)
    exchange.append()
    fresh_until = exchange.status()["freshUntil"]
    assets.pause(text32("storm"), {"from": guardian})
    clock.after(DAY)
    made = exchange.version()
    clock.after(60 * DAY)
    assets.resume(text32("over"), {"from": committee})
    transaction = exchange.append(made)
    kept = fresh_until - COVENANT.freshnessPeriod
    assert transaction.events["VersionAppended"]["freshAsOf"] == kept
    assert exchange.status()["freshUntil"] == fresh_until
    assert not exchange.standing()[1] & STALE
    clock.after(1)
    measured = exchange.version(createdAt=made.createdAt + 1)
    _, round_ = exchange.measure(QUALITY, 98)
    exchange.append(measured._replace(round=round_))
    exchange.agree(COVENANT._replace(qualityFeed=QUALITY))
    assert exchange.status()["freshUntil"] == fresh_until


def test_a_version_older_than_running_time_has_the_age_of_all_time(exchange, assets, clock, guardian, committee):
    assets.pause(text32("storm"), {"from": guardian})
    clock.after(DAY)
    assets.resume(text32("over"), {"from": committee})
    transaction = exchange.append(exchange.version(createdAt=DAY, periodStart=0, periodEnd=1))
    assert transaction.events["VersionAppended"]["freshAsOf"] == 0


def test_a_steward_appends_during_a_pause_and_while_blocked(exchange, assets, county, guardian, operator, steward):
    assets.pause(text32("storm"), {"from": guardian})
    county.participants.setBlocked(steward, True, digest("court"), {"from": operator})
    exchange.append()
    assert assets.versionCount(CERTIFICATE) == 1


def test_quality_is_measured_by_a_final_round_of_this_asset(exchange, assets, county):
    exchange.register(OTHER)
    unknown = digest("round")
    with refused("NotFinal", round=unknown, state=0):
        exchange.append(exchange.version(round=unknown))
    made = exchange.version()
    _, elsewhere = exchange.measure(QUALITY, 98, OTHER)
    with refused("RoundOfOtherSubject", feed=QUALITY, subject=OTHER):
        exchange.append(made._replace(round=elsewhere))


def test_a_round_that_was_kept_in_store_measures_no_later_version(exchange, assets, county, clock):
    report, round_ = exchange.measure(QUALITY, 98)
    clock.after(300 * DAY)
    for made in (report.observedAt + 1, clock.now()):
        times = {"observedAt": report.observedAt, "createdAt": made}
        with refused("MeasuredBeforeMade", round=round_, **times):
            exchange.append(exchange.version(round=round_, createdAt=made))
    exchange.append(exchange.version(round=round_, createdAt=report.observedAt))


def test_a_round_measures_one_version(exchange, assets, clock):
    first, second = exchange.version(), exchange.version()
    _, round_ = exchange.measure(QUALITY, 98)
    exchange.append(first._replace(round=round_))
    with refused("RoundUsed", round=round_):
        exchange.append(second._replace(round=round_, createdAt=first.createdAt + 1))
    assert assets.versionOf(CERTIFICATE, 1)["round"] == "0x" + round_.hex()


# LICENCES


def test_granting_fails_for_whoever_is_not_the_steward(exchange, assets, bank):
    with refused("NotSteward", certificate=CERTIFICATE, caller=bank):
        assets.grantLicence(CERTIFICATE, LICENCE, exchange.licence(), {"from": bank})
    with refused("UnknownCertificate", certificate=OTHER):
        exchange.grant(certificate=OTHER)


def test_granting_fails_for_a_blocked_steward(exchange, assets, county, steward, operator):
    county.participants.setBlocked(steward, True, digest("court"), {"from": operator})
    with refused("NotAdmitted", account=steward):
        exchange.grant()


@pytest.mark.parametrize("missing", ["licence", "terms", "purpose"])
def test_granting_fails_without(exchange, assets, missing):
    licence = exchange.licence()
    given = {"licence": LICENCE, "terms": licence.terms, "purpose": licence.purpose} | {missing: NOTHING}
    with refused("LicenceIncomplete", **given):
        exchange.grant(licence._replace(terms=given["terms"], purpose=given["purpose"]), given["licence"])


def test_granting_fails_to_whoever_is_not_admitted(exchange, assets, household):
    with refused("NotAdmitted", account=household):
        exchange.grant(exchange.licence(licensee=str(household)))


def test_a_licence_number_is_good_once_among_all_assets(exchange, assets):
    exchange.register(OTHER)
    exchange.grant()
    with refused("LicenceTaken", licence=LICENCE, certificate=CERTIFICATE):
        exchange.grant()
    with refused("LicenceTaken", licence=LICENCE, certificate=CERTIFICATE):
        exchange.grant(certificate=OTHER)


def test_a_licence_ends_after_it_begins_and_not_before_now(exchange, assets, clock):
    now = clock.now()
    for from_, to in ((now, now), (now + 1, now), (now - 2, now - 1), (now - 1, now)):
        with refused("LicencePeriod", **{"from": from_}, to=to, timestamp=now):
            exchange.grant(exchange.licence(from_=from_, to=to))
    exchange.grant(exchange.licence(from_=now, to=now + 1))
    exchange.grant(exchange.licence(from_=now - YEAR, to=now + 1, fee=0), text32("free"))
    exchange.grant(exchange.licence(from_=now + YEAR, to=2**64 - 1, fee=U128), text32("dear"))


def test_a_licence_is_kept_as_it_was_granted(exchange, assets, steward):
    licence = exchange.licence()
    granted = exchange.grant(licence)
    announced(granted, "LicenceGranted", certificate=CERTIFICATE, licence=LICENCE, terms=licence, by=steward)
    grant = assets.grantOf(LICENCE)
    assert grant["certificate"] == "0x" + CERTIFICATE.hex()
    assert (grant["isEnded"], grant["licence"]["fee"], grant["licence"]["licensee"]) == (
        False,
        500_000,
        licence.licensee,
    )


def test_a_licence_is_good_from_its_first_to_its_last_second_for_its_licensee(exchange, assets, clock, buyer, bank):
    begins = clock.now() + DAY
    exchange.grant(exchange.licence(from_=begins, to=begins + DAY))
    for moment, good in ((begins - 1, False), (begins, True), (begins + DAY - 1, True), (begins + DAY, False)):
        clock.stand_at(moment)
        assert assets.isLicensed(LICENCE, buyer) is good
        assert not assets.isLicensed(LICENCE, bank)
    assert not assets.isLicensed(text32("unknown"), ZERO)


def test_the_steward_ends_a_licence_when_it_is_over_and_not_before(exchange, assets, clock, steward, bank):
    with refused("UnknownLicence", licence=LICENCE):
        assets.endLicence(LICENCE, {"from": steward})
    licence = exchange.licence()
    exchange.grant(licence)
    with refused("NotPartyToLicence", licence=LICENCE, caller=bank):
        assets.endLicence(LICENCE, {"from": bank})
    clock.stand_at(licence.to - 1)
    with refused("LicenceRuns", licence=LICENCE, to=licence.to):
        assets.endLicence(LICENCE, {"from": steward})
    clock.stand_at(licence.to)
    ended = assets.endLicence(LICENCE, {"from": steward})
    announced(ended, "LicenceEnded", certificate=CERTIFICATE, licence=LICENCE, by=steward)
    with refused("LicenceEndedAlready", licence=LICENCE):
        assets.endLicence(LICENCE, {"from": steward})


def test_the_licensee_gives_a_licence_up_at_any_time(exchange, assets, buyer):
    exchange.grant()
    assert assets.isLicensed(LICENCE, buyer)
    assets.endLicence(LICENCE, {"from": buyer})
    assert not assets.isLicensed(LICENCE, buyer)
    assert assets.grantOf(LICENCE)["isEnded"]
    with refused("LicenceTaken", licence=LICENCE, certificate=CERTIFICATE):
        exchange.grant()


def test_a_new_steward_ends_what_the_old_one_granted(exchange, assets, clock, steward, heir):
    licence = exchange.licence()
    exchange.grant(licence)
    assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    assets.acceptStewardship(CERTIFICATE, {"from": heir})
    clock.stand_at(licence.to)
    with refused("NotPartyToLicence", licence=LICENCE, caller=steward):
        assets.endLicence(LICENCE, {"from": steward})
    assets.endLicence(LICENCE, {"from": heir})


def test_a_licence_is_paid_under_its_number_and_its_income_reaches_the_steward(exchange, assets, county, treasurer):
    exchange.grant()
    _, agreement, leg = assets.licenceOf(CERTIFICATE)
    fee = assets.grantOf(LICENCE)["licence"]["fee"]
    county.revenue.receiveIncome(agreement, FEBRUARY, fee, LICENCE, {"from": treasurer})
    county.revenue.collect(Line(EXCHANGE, 1, FEBRUARY, leg), {"from": person("relayer")})
    assert county.voucher.balanceOf(person("steward")) == 450_000


# STEWARDSHIP


def test_only_the_steward_offers_and_repoints(exchange, assets, bank, heir):
    with refused("NotSteward", certificate=CERTIFICATE, caller=bank):
        assets.offerStewardship(CERTIFICATE, bank, {"from": bank})
    with refused("NotSteward", certificate=CERTIFICATE, caller=bank):
        assets.repoint(CERTIFICATE, EXCHANGE, 0, {"from": bank})


def test_an_asset_is_offered_to_participants_only(exchange, assets, steward, household):
    with refused("NotAdmitted", account=household):
        assets.offerStewardship(CERTIFICATE, household, {"from": steward})


def test_accepting_fails_for_whom_it_was_not_offered_to(exchange, assets, steward, heir, bank):
    with refused("NotOffered", certificate=CERTIFICATE, caller=heir):
        assets.acceptStewardship(CERTIFICATE, {"from": heir})
    assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    with refused("NotOffered", certificate=CERTIFICATE, caller=bank):
        assets.acceptStewardship(CERTIFICATE, {"from": bank})


def test_accepting_fails_for_an_heir_who_was_blocked_meanwhile(exchange, assets, county, steward, heir, operator):
    assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    county.participants.setBlocked(heir, True, digest("court"), {"from": operator})
    with refused("NotAdmitted", account=heir):
        assets.acceptStewardship(CERTIFICATE, {"from": heir})


def test_an_offer_is_withdrawn(exchange, assets, steward, heir):
    assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    withdrawn = assets.offerStewardship(CERTIFICATE, ZERO, {"from": steward})
    announced(withdrawn, "StewardshipOffered", certificate=CERTIFICATE, old=heir, to=ZERO, by=steward)
    with refused("NotOffered", certificate=CERTIFICATE, caller=heir):
        assets.acceptStewardship(CERTIFICATE, {"from": heir})


def test_stewardship_passes_in_two_steps(exchange, assets, steward, heir):
    offered = assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    announced(offered, "StewardshipOffered", certificate=CERTIFICATE, old=ZERO, to=heir, by=steward)
    assert (assets.offeredTo(CERTIFICATE), assets.licenceOf(CERTIFICATE)[0]) == (heir, steward)
    accepted = assets.acceptStewardship(CERTIFICATE, {"from": heir})
    announced(accepted, "StewardshipChanged", certificate=CERTIFICATE, **{"from": steward}, to=heir)
    assert (assets.offeredTo(CERTIFICATE), assets.licenceOf(CERTIFICATE)[0]) == (ZERO, heir)
    with refused("NotOffered", certificate=CERTIFICATE, caller=heir):
        assets.acceptStewardship(CERTIFICATE, {"from": heir})
    with refused("NotSteward", certificate=CERTIFICATE, caller=steward):
        exchange.append()


def test_income_is_repointed(exchange, assets, steward):
    with refused("RegistrationIncomplete", certificate=CERTIFICATE, papers=PAPERS, agreement=NOTHING):
        assets.repoint(CERTIFICATE, NOTHING, 0, {"from": steward})
    repointed = assets.repoint(CERTIFICATE, OTHER, 3, {"from": steward})
    announced(
        repointed,
        "IncomeRepointed",
        certificate=CERTIFICATE,
        oldAgreement=EXCHANGE,
        oldLeg=STEWARD_LEG,
        agreement=OTHER,
        leg=3,
        by=steward,
    )
    assert assets.licenceOf(CERTIFICATE) == (steward, "0x" + OTHER.hex(), 3)


def test_a_pledged_asset_is_neither_handed_over_nor_repointed(exchange, assets, steward, heir):
    assets.offerStewardship(CERTIFICATE, heir, {"from": steward})
    pledge = exchange.commit()
    for attempt in (
        lambda: assets.offerStewardship(CERTIFICATE, heir, {"from": steward}),
        lambda: assets.offerStewardship(CERTIFICATE, ZERO, {"from": steward}),
        lambda: assets.acceptStewardship(CERTIFICATE, {"from": heir}),
        lambda: assets.repoint(CERTIFICATE, OTHER, 0, {"from": steward}),
    ):
        with refused("AssetPledged", certificate=CERTIFICATE, pledge=pledge):
            attempt()
    exchange.free()
    assets.acceptStewardship(CERTIFICATE, {"from": heir})
    assert assets.licenceOf(CERTIFICATE)[0] == heir


# AGREEING ON A COVENANT


def test_a_covenant_needs_a_pledge(exchange, assets, steward):
    for attempt in (
        lambda: assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": steward}),
        lambda: assets.appraise(CERTIFICATE, {"from": steward}),
        lambda: assets.markStale(CERTIFICATE, {"from": steward}),
        lambda: assets.dispute(CERTIFICATE, REASON, {"from": steward}),
        lambda: assets.endDispute(CERTIFICATE, {"from": steward}),
    ):
        with refused("NotPledged", certificate=CERTIFICATE):
            attempt()


@pytest.mark.parametrize("name", ["second-bank", "operator", "committee", "heir"])
def test_only_steward_and_lender_consent(exchange, assets, pledge, name):
    with refused("NotPartyToPledge", pledge=pledge, caller=person(name)):
        assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": person(name)})


@pytest.mark.parametrize(
    "fault",
    [
        {"freshnessPeriod": 0},
        {"staleBps": WHOLE + 1},
        {"maximumLtvBps": 0},
        {"maximumLtvBps": WHOLE + 1},
        {"valuationFeed": NOTHING},
        {"valuationFeed": text32("nobody")},
        {"qualityFeed": text32("nobody")},
    ],
    ids=str,
)
def test_a_covenant_without_sense_is_refused(exchange, assets, pledge, bank, fault):
    covenant = COVENANT._replace(**fault)
    with refused("CovenantMalformed", certificate=CERTIFICATE, covenant=covenant):
        assets.agreeCovenant(CERTIFICATE, covenant, {"from": bank})


@pytest.mark.parametrize(
    "limit",
    [
        {"freshnessPeriod": 1},
        {"freshnessPeriod": 2**32 - 1},
        {"staleBps": 0},
        {"staleBps": WHOLE},
        {"maximumLtvBps": 1},
        {"maximumLtvBps": WHOLE},
        {"qualityFeed": QUALITY},
    ],
    ids=str,
)
def test_a_covenant_may_be_as_strict_or_as_generous_as_both_want(exchange, assets, pledge, limit):
    covenant = COVENANT._replace(**limit)
    exchange.agree(covenant)
    assert facts(assets.agreedCovenantOf(pledge)) == facts(covenant._asdict())


def test_a_covenant_holds_when_both_have_consented_to_the_same(exchange, assets, pledge, steward, bank):
    proposed = assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": steward})
    announced(proposed, "CovenantProposed", certificate=CERTIFICATE, pledge=pledge, covenant=COVENANT, by=steward)
    generous = COVENANT._replace(maximumLtvBps=WHOLE)
    assets.agreeCovenant(CERTIFICATE, generous, {"from": bank})
    assert facts(assets.agreedCovenantOf(pledge)) == facts(NO_COVENANT._asdict())
    agreed = assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": bank})
    announced(
        agreed,
        "CovenantAgreed",
        certificate=CERTIFICATE,
        pledge=pledge,
        old=NO_COVENANT,
        covenant=COVENANT,
        by=bank,
    )
    assert facts(assets.agreedCovenantOf(pledge)) == facts(COVENANT._asdict())


def test_a_party_that_consents_twice_stands_alone(exchange, assets, pledge, bank):
    for _ in range(2):
        assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": bank})
    assert assets.agreedCovenantOf(pledge)["freshnessPeriod"] == 0


def test_a_newer_consent_replaces_the_older_one(exchange, assets, pledge, steward, bank):
    assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": steward})
    assets.agreeCovenant(CERTIFICATE, COVENANT._replace(staleBps=1), {"from": steward})
    assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": bank})
    assert assets.agreedCovenantOf(pledge)["freshnessPeriod"] == 0


@pytest.mark.parametrize(("first", "second"), [("bank", "steward"), ("steward", "bank")])
def test_nobody_brings_an_older_covenant_back_alone(exchange, assets, pledge, first, second):
    first, second = person(first), person(second)
    for party in (first, second):
        assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": party})
    strict = COVENANT._replace(maximumLtvBps=1)
    assets.agreeCovenant(CERTIFICATE, strict, {"from": second})
    amended = assets.agreeCovenant(CERTIFICATE, strict, {"from": first})
    announced(
        amended,
        "CovenantAgreed",
        certificate=CERTIFICATE,
        pledge=pledge,
        old=COVENANT,
        covenant=strict,
        by=first,
    )
    # What each has consented to is used up, in whatever order they came.
    for older in (COVENANT, strict):
        for party in (second, first):
            alone = assets.agreeCovenant(CERTIFICATE, older, {"from": party})
            assert silent(alone, "CovenantAgreed")
            assets.agreeCovenant(CERTIFICATE, COVENANT._replace(staleBps=party == first), {"from": party})
    assert assets.agreedCovenantOf(pledge)["maximumLtvBps"] == 1


def test_a_consent_is_void_once_another_lender_had_the_lien(
    exchange, assets, covenant, county, bank, second_bank, steward
):
    loose, strict = COVENANT._replace(maximumLtvBps=10_000), COVENANT._replace(maximumLtvBps=1)
    exchange.owe(covenant, 50_000)
    assets.agreeCovenant(CERTIFICATE, loose, {"from": bank})
    for lender, other in ((bank, second_bank), (second_bank, bank)):
        county.workouts.transferLien(covenant, other, {"from": lender})
        county.workouts.transferLien(covenant, other, {"from": other})
        if other == second_bank:
            exchange.agree(strict, lender=second_bank)
    assert silent(assets.agreeCovenant(CERTIFICATE, loose, {"from": steward}), "CovenantAgreed")
    assert assets.agreedCovenantOf(covenant)["maximumLtvBps"] == 1


def test_a_covenant_ends_with_its_pledge(exchange, assets, covenant, second_bank):
    exchange.free()
    assert exchange.status() == facts(dict.fromkeys(("standing", "reasons", "value", "debt", "freshUntil"), 0)) | {
        "pledge": "0x" + NOTHING.hex()
    }
    another = exchange.commit(lender=second_bank)
    assert exchange.status()["pledge"] == "0x" + another.hex()
    assert exchange.standing() == (NONE, 0)
    with refused("CovenantMissing", certificate=CERTIFICATE, pledge=another):
        assets.markStale(CERTIFICATE, {"from": second_bank})
    with refused("CovenantMissing", certificate=CERTIFICATE, pledge=another):
        assets.appraise(CERTIFICATE, {"from": second_bank})


def test_a_lender_who_sold_its_lien_consents_to_nothing(exchange, assets, workouts, pledge, bank, second_bank, steward):
    exchange.owe(pledge, 1)
    assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": bank})
    for lender in (bank, second_bank):
        workouts.transferLien(pledge, second_bank, {"from": lender})
    with refused("NotPartyToPledge", pledge=pledge, caller=bank):
        assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": bank})
    assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": steward})
    assert assets.agreedCovenantOf(pledge)["freshnessPeriod"] == 0
    assets.agreeCovenant(CERTIFICATE, COVENANT, {"from": second_bank})
    assert facts(assets.agreedCovenantOf(pledge)) == facts(COVENANT._asdict())


# FRESHNESS


def test_an_asset_is_fresh_through_the_last_second_of_its_period_and_stale_one_later(
    exchange, assets, covenant, clock, relayer
):
    until = exchange.status()["freshUntil"]
    assert until == assets.versionOf(CERTIFICATE, 1)["createdAt"] + COVENANT.freshnessPeriod
    clock.stand_at(until)
    assert exchange.standing() == (FRESH_, 0)
    with refused("StillFresh", certificate=CERTIFICATE, freshUntil=until, runningTime=until):
        assets.markStale(CERTIFICATE, {"from": relayer})
    clock.stand_at(until + 1)
    assert exchange.standing() == (STALE_, STALE)
    marked = assets.markStale(CERTIFICATE, {"from": relayer})
    announced(marked, "MarkedStale", certificate=CERTIFICATE, pledge=covenant, freshUntil=until, by=relayer)
    assert assets.markedStale(CERTIFICATE) == "0x" + covenant.hex()
    with refused("MarkedAlready", certificate=CERTIFICATE, pledge=covenant):
        assets.markStale(CERTIFICATE, {"from": relayer})


def test_an_asset_without_a_version_is_stale_from_the_first(exchange, assets, pledge, relayer):
    exchange.agree()
    assert exchange.standing() == (STALE_, STALE | NEVER_APPRAISED)
    assert exchange.status()["freshUntil"] == 0
    assets.markStale(CERTIFICATE, {"from": relayer})


def test_a_pause_moves_the_end_of_freshness_by_its_length(exchange, assets, covenant, clock, guardian, committee):
    until = exchange.status()["freshUntil"]
    clock.stand_at(until - 1)
    assets.pause(text32("storm"), {"from": guardian})
    clock.after(60 * DAY)
    assert exchange.standing() == (FRESH_, 0)
    with refused("StillFresh", certificate=CERTIFICATE, freshUntil=until, runningTime=until - 1):
        assets.markStale(CERTIFICATE, {"from": guardian})
    assets.resume(text32("over"), {"from": committee})
    clock.after(1)
    assert exchange.standing() == (FRESH_, 0)
    clock.after(1)
    assert exchange.standing() == (STALE_, STALE)


def test_a_new_version_cures(exchange, assets, covenant, clock, relayer, steward):
    clock.after(COVENANT.freshnessPeriod + 1)
    # Stale without anybody's mark: it is cured without a word.
    assert silent(exchange.append(), "FreshAgain")
    assert exchange.standing() == (FRESH_, 0)
    clock.after(COVENANT.freshnessPeriod + 1)
    assets.markStale(CERTIFICATE, {"from": relayer})
    cured = exchange.append()
    announced(cured, "FreshAgain", certificate=CERTIFICATE, pledge=covenant, number=3, by=steward)
    assert exchange.standing() == (FRESH_, 0)
    assert assets.markedStale(CERTIFICATE) == "0x" + NOTHING.hex()
    clock.after(COVENANT.freshnessPeriod + 1)
    assets.markStale(CERTIFICATE, {"from": relayer})


def test_a_version_that_is_old_itself_does_not_cure(exchange, assets, covenant, clock, relayer):
    created = assets.versionOf(CERTIFICATE, 1)["createdAt"]
    clock.after(2 * COVENANT.freshnessPeriod)
    assets.markStale(CERTIFICATE, {"from": relayer})
    late = exchange.append(exchange.version(createdAt=created + 1))
    assert silent(late, "FreshAgain")
    assert exchange.standing() == (STALE_, STALE)


def test_only_measured_versions_count_where_both_agreed_so(exchange, assets, pledge, clock):
    exchange.agree(COVENANT._replace(qualityFeed=QUALITY))
    exchange.append()
    assert exchange.standing()[1] & STALE
    for feed in (VALUE, QUALITY):
        assert exchange.standing()[1] & STALE
        clock.after(1)
        made = exchange.version()
        _, round_ = exchange.measure(feed, 98)
        exchange.append(made._replace(round=round_))
    assert not exchange.standing()[1] & STALE


def test_a_covenant_that_both_loosen_takes_the_mark_away(exchange, assets, covenant, clock, relayer, steward):
    clock.after(COVENANT.freshnessPeriod + 1)
    assets.markStale(CERTIFICATE, {"from": relayer})
    loosened = exchange.agree(COVENANT._replace(freshnessPeriod=YEAR))
    announced(loosened, "FreshAgain", certificate=CERTIFICATE, pledge=covenant, number=1, by=steward)
    assert exchange.standing()[1] & STALE == 0


def test_the_mark_of_an_older_pledge_does_not_keep_the_next_from_being_marked(exchange, assets, covenant, clock, bank):
    clock.after(COVENANT.freshnessPeriod + 1)
    assets.markStale(CERTIFICATE, {"from": bank})
    exchange.free()
    another = exchange.commit()
    exchange.agree()
    assets.markStale(CERTIFICATE, {"from": bank})
    assert assets.markedStale(CERTIFICATE) == "0x" + another.hex()


# VALUE


def test_an_appraisal_counts_less_twice_its_uncertainty(exchange, assets, pledge, relayer):
    exchange.append()
    exchange.agree()
    assert exchange.standing() == (FRESH_, NEVER_APPRAISED)
    appraised, report = exchange.appraise(100_000, uncertainty=7_000)
    announced(
        appraised,
        "Appraised",
        certificate=CERTIFICATE,
        pledge=pledge,
        result=exchange.county.oracle.resultId(report),
        value=100_000,
        uncertainty=7_000,
        previous=0,
        lendable=86_000,
        validUntil=report.validUntil,
        by=relayer,
    )
    assert exchange.status()["value"] == 86_000
    assert exchange.standing() == (FRESH_, 0)
    kept = assets.appraisalOf(pledge)
    assert (kept["value"], kept["previous"], kept["number"], kept["disputed"]) == (86_000, 86_000, 1, 0)
    assert (kept["disputedUntil"], kept["validUntil"]) == (0, report.validUntil)


@pytest.mark.parametrize(
    ("value", "uncertainty", "counts"),
    [(0, 0, 0), (-5, 0, 0), (10, 4, 2), (10, 5, 0), (10, 6, 0), (10, U128, 0), (2**127 - 1, 0, 2**127 - 1)],
)
def test_what_counts_is_never_below_zero_nor_above_the_figure(exchange, pledge, value, uncertainty, counts):
    exchange.append()
    exchange.agree()
    exchange.appraise(value, uncertainty=uncertainty)
    assert exchange.status()["value"] == counts


def test_appraising_fails_without_a_fresh_figure(exchange, assets, pledge, clock, relayer):
    exchange.agree()
    with refused("NotFresh", feed=VALUE, subject=CERTIFICATE, validUntil=0):
        assets.appraise(CERTIFICATE, {"from": relayer})
    report, _ = exchange.measure(VALUE, 1)
    clock.stand_at(report.validUntil)
    with refused("NotFresh", feed=VALUE, subject=CERTIFICATE, validUntil=report.validUntil):
        assets.appraise(CERTIFICATE, {"from": relayer})


def test_a_figure_is_recorded_once(exchange, assets, covenant, relayer):
    result = assets.appraisalOf(covenant)["result"]
    with refused("AppraisedAlready", certificate=CERTIFICATE, result=result):
        assets.appraise(CERTIFICATE, {"from": relayer})


def test_what_the_panel_proposes_or_restates_bounds_the_value(exchange, assets, county, covenant, relayer):
    exchange.owe(covenant, 50_000)
    report, round_ = exchange.measure(VALUE, 120_000, uncertainty=1_000)
    county.restate(round_, county.figures(value=90_000, uncertainty=5_000), "forester")
    assets.appraise(CERTIFICATE, {"from": relayer})
    assert exchange.status()["value"] == 80_000
    county.restate(round_, county.figures(value=10_000), "judge", "statistician")
    fallen = assets.appraise(CERTIFICATE, {"from": relayer})
    announced(
        fallen,
        "Appraised",
        certificate=CERTIFICATE,
        pledge=covenant,
        result=county.oracle.resultId(report),
        value=120_000,
        uncertainty=1_000,
        previous=80_000,
        lendable=10_000,
        validUntil=report.validUntil,
        by=relayer,
    )
    assert exchange.standing() == (SHORT_, SHORTFALL)
    assert county.workouts.good(covenant) == (False, COVENANT_BROKEN)


def test_a_newer_and_lower_candidate_bounds_the_value(exchange, assets, county, covenant, committee, relayer):
    """Also while it is disputed: the lower of old and new counts."""
    rules = SCALES_RULES._replace(minimumValue=-(2**127), challengeWindow=DAY)
    county.oracle.configureFeed(VALUE, rules, {"from": committee})
    county.clock.after(2)
    now = county.clock.now()
    report = county.report(VALUE, CERTIFICATE, now - 1, now, value=30_000)
    county.submit(report, person("appraiser"))
    for what in (lambda: None, lambda: county.challenge(county.round_of(report))):
        what()
        with suppress(VirtualMachineError):
            assets.appraise(CERTIFICATE, {"from": relayer})
        assert exchange.status()["value"] == 30_000


def test_the_figure_of_another_asset_does_not_count(exchange, assets, pledge, relayer):
    exchange.register(OTHER)
    exchange.agree()
    exchange.measure(VALUE, 10**9, OTHER)
    with refused("NotFresh", feed=VALUE, subject=CERTIFICATE, validUntil=0):
        assets.appraise(CERTIFICATE, {"from": relayer})


def test_an_appraisal_that_is_out_of_date_counts_as_a_stale_one(exchange, assets, covenant, clock):
    until = assets.appraisalOf(covenant)["validUntil"]
    clock.stand_at(until - DAY)
    exchange.append()
    clock.stand_at(until - 1)
    assert exchange.standing() == (FRESH_, 0)
    clock.stand_at(until)
    assert exchange.standing() == (FRESH_, OUT_OF_DATE)
    assert exchange.status()["value"] == 50_000


def test_a_pause_moves_the_end_of_an_appraisal_by_its_length(exchange, assets, covenant, clock, guardian, committee):
    until = assets.appraisalOf(covenant)["validUntil"]
    clock.stand_at(until - 1)
    assets.pause(text32("storm"), {"from": guardian})
    clock.after(YEAR)
    assert exchange.standing()[1] & OUT_OF_DATE == 0
    assets.resume(text32("over"), {"from": committee})
    clock.after(1)
    assert exchange.standing()[1] & OUT_OF_DATE
    # What is recorded after a pause lasts as long as its report says.
    exchange.append()
    _, report = exchange.appraise(100_001)
    clock.stand_at(report.validUntil - 1)
    assert exchange.standing()[1] & OUT_OF_DATE == 0
    clock.stand_at(report.validUntil)
    assert exchange.standing()[1] & OUT_OF_DATE


def test_a_stale_asset_counts_for_its_agreed_part(exchange, covenant, clock):
    exchange.appraise(100_001)
    clock.after(COVENANT.freshnessPeriod + 3)
    assert exchange.status()["value"] == 50_000
    exchange.append()
    assert exchange.status()["value"] == 100_001


def test_a_figure_of_another_feed_is_none_for_a_new_covenant(exchange, assets, covenant):
    exchange.agree(COVENANT._replace(maximumLtvBps=1))
    assert exchange.status()["value"] == 100_000
    exchange.agree(COVENANT._replace(valuationFeed=QUALITY))
    assert exchange.standing() == (FRESH_, NEVER_APPRAISED)
    assert exchange.status()["value"] == 0


def test_a_debt_up_to_the_limit_is_none_too_many_and_a_fen_more_is(exchange, covenant):
    for debt, standing in ((60_001, (SHORT_, SHORTFALL)), (60_000, (FRESH_, 0)), (1, (FRESH_, 0))):
        exchange.owe(covenant, debt)
        assert exchange.standing() == standing
        assert exchange.status()["debt"] == debt


def test_interest_and_costs_are_owed_too(exchange, assets, pledges, workouts, clock, bank, relayer):
    principal, now = 59_000, clock.now()
    half = principal // 2
    terms = {
        "principal": principal,
        "annualRateBps": WHOLE,
        "schedule": [Instalment(now + 7 * DAY, half), Instalment(now + YEAR, half)],
    }
    lent = exchange.lend(**terms)
    begun = clock.now()
    exchange.append()
    exchange.agree()
    exchange.appraise(100_000)
    # At 100 % a year: the last second at which the interest is 1,000 fen, rounded down.
    clock.stand_at(begun + -(-1_001 * YEAR // principal) - 1)
    assert (exchange.standing(), exchange.status()["debt"]) == ((FRESH_, 0), 60_000)
    clock.after(1)
    assert (exchange.standing(), exchange.status()["debt"]) == ((SHORT_, SHORTFALL), 60_001)

    clock.stand_at(now + 18 * DAY)
    workouts.markDelinquent(lent, {"from": relayer})
    before = exchange.status()["debt"]
    workouts.chargeCosts(lent, 5_000, digest("bill"), {"from": bank})
    owed = pledges.debtOf(lent)
    assert exchange.status()["debt"] == before + 5_000 == owed["principal"] + owed["interest"] + owed["costs"]


def test_a_debt_without_an_appraisal_is_a_shortfall(exchange, pledge):
    exchange.append()
    exchange.agree()
    assert exchange.standing() == (FRESH_, NEVER_APPRAISED)
    exchange.owe(pledge, 1)
    assert exchange.standing() == (SHORT_, NEVER_APPRAISED | SHORTFALL)


def test_becoming_stale_may_be_a_shortfall_and_a_version_cures_both(exchange, covenant, clock):
    exchange.owe(covenant, 30_001)
    assert exchange.standing() == (FRESH_, 0)
    clock.after(COVENANT.freshnessPeriod + 3)
    assert exchange.standing() == (SHORT_, STALE | SHORTFALL)
    exchange.owe(covenant, 30_000)
    assert exchange.standing() == (STALE_, STALE)
    exchange.append()
    assert exchange.standing() == (FRESH_, 0)


def test_a_new_version_cures_a_shortfall_that_staleness_made(exchange, covenant, clock):
    exchange.owe(covenant, 60_000)
    clock.after(COVENANT.freshnessPeriod + 3)
    assert exchange.standing() == (SHORT_, STALE | SHORTFALL)
    exchange.append()
    assert exchange.standing() == (FRESH_, 0)


def test_a_fall_of_the_value_may_be_a_shortfall(exchange, covenant):
    exchange.owe(covenant, 60_000)
    exchange.appraise(99_999)
    assert exchange.standing() == (SHORT_, SHORTFALL)
    exchange.appraise(100_000)
    assert exchange.standing() == (FRESH_, 0)


# DISPUTES


def test_only_the_lender_disputes(exchange, assets, covenant, steward, second_bank):
    for caller in (steward, second_bank):
        with refused("NotPartyToPledge", pledge=covenant, caller=caller):
            assets.dispute(CERTIFICATE, REASON, {"from": caller})
        with refused("NotPartyToPledge", pledge=covenant, caller=caller):
            assets.endDispute(CERTIFICATE, {"from": caller})


def test_a_dispute_needs_a_reason_and_something_to_dispute(exchange, assets, pledge, bank):
    with refused("DisputeReasonMissing", certificate=CERTIFICATE):
        assets.dispute(CERTIFICATE, NOTHING, {"from": bank})
    with refused("NothingToDispute", certificate=CERTIFICATE):
        assets.dispute(CERTIFICATE, REASON, {"from": bank})
    with refused("NotDisputed", certificate=CERTIFICATE):
        assets.endDispute(CERTIFICATE, {"from": bank})


def test_while_disputed_the_lower_one_counts_until_the_last_second(exchange, assets, covenant, clock, bank):
    exchange.appraise(200_000)
    assert exchange.status()["value"] == 200_000
    disputed = assets.dispute(CERTIFICATE, REASON, {"from": bank})
    until = disputed.timestamp + assets.DISPUTE_PERIOD()
    assert assets.DISPUTE_PERIOD() == 30 * DAY
    announced(
        disputed,
        "AppraisalDisputed",
        certificate=CERTIFICATE,
        pledge=covenant,
        number=2,
        disputedUntil=until,
        reason=REASON,
        by=bank,
    )
    assert exchange.standing() == (FRESH_, DISPUTED)
    assert exchange.status()["value"] == 100_000
    exchange.append()
    clock.stand_at(until - 1)
    assert exchange.status()["value"] == 100_000
    clock.stand_at(until)
    assert exchange.status()["value"] == 200_000


def test_a_disputed_fall_counts_at_once(exchange, assets, covenant, bank):
    exchange.appraise(50_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    assert exchange.status()["value"] == 50_000


def test_the_first_appraisal_has_none_before_it_to_fall_back_to(exchange, assets, covenant, bank):
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    assert exchange.status()["value"] == 100_000


def test_during_a_dispute_the_value_falls_and_does_not_rise(exchange, assets, covenant, clock, bank, relayer):
    disputed = assets.dispute(CERTIFICATE, REASON, {"from": bank})
    until = disputed.timestamp + 30 * DAY
    exchange.measure(VALUE, 100_001)
    rise = {"certificate": CERTIFICATE, "value": 100_000, "raised": 100_001, "disputedUntil": until}
    with refused("RiseFrozen", **rise):
        assets.appraise(CERTIFICATE, {"from": relayer})
    exchange.appraise(100_000)
    exchange.appraise(99_999)
    assert exchange.status()["value"] == 99_999
    exchange.measure(VALUE, 100_001)
    clock.stand_at(until - 1)
    with refused("RiseFrozen", **(rise | {"value": 99_999})):
        assets.appraise(CERTIFICATE, {"from": relayer})
    clock.stand_at(until)
    assets.appraise(CERTIFICATE, {"from": relayer})
    exchange.append()
    assert exchange.status()["value"] == 100_001


def test_during_a_dispute_of_the_pledge_the_value_falls_and_does_not_rise(
    exchange, assets, county, covenant, clock, steward, relayer
):
    exchange.owe(covenant, 50_000)
    until = county.workouts.dispute(covenant, REASON, {"from": steward}).timestamp + 30 * DAY
    exchange.appraise(99_999)
    exchange.measure(VALUE, 100_000)
    clock.stand_at(until - 1)
    with refused("Disputed", pledge=covenant, until=until):
        assets.appraise(CERTIFICATE, {"from": relayer})
    clock.stand_at(until)
    assets.appraise(CERTIFICATE, {"from": relayer})
    exchange.append()
    assert exchange.status()["value"] == 100_000


def test_a_first_figure_is_no_rise(exchange, assets, county, pledge, steward):
    exchange.append()
    exchange.agree()
    exchange.owe(pledge, 50_000)
    county.workouts.dispute(pledge, REASON, {"from": steward})
    exchange.appraise(100_000)
    assert exchange.status()["value"] == 100_000


def test_a_fall_during_a_dispute_does_not_lift_what_counts(exchange, assets, covenant, bank):
    exchange.appraise(200_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    exchange.appraise(150_000)
    assert exchange.status()["value"] == 100_000
    exchange.appraise(90_000)
    exchange.appraise(80_000)
    assert exchange.status()["value"] == 80_000


def test_of_many_figures_the_last_two_count(exchange, assets, covenant, bank):
    exchange.appraise(200_000)
    exchange.appraise(300_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    assert exchange.status()["value"] == 200_000


def test_the_lender_ends_its_dispute(exchange, assets, covenant, bank):
    exchange.appraise(200_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    ended = assets.endDispute(CERTIFICATE, {"from": bank})
    announced(ended, "AppraisalDisputeEnded", certificate=CERTIFICATE, pledge=covenant, number=2, by=bank)
    assert exchange.status()["value"] == 200_000
    with refused("NotDisputed", certificate=CERTIFICATE):
        assets.endDispute(CERTIFICATE, {"from": bank})


def test_an_appraisal_is_disputed_once(exchange, assets, covenant, clock, bank):
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    with refused("DisputedAlready", certificate=CERTIFICATE, number=1):
        assets.dispute(CERTIFICATE, REASON, {"from": bank})
    clock.after(31 * DAY)
    with refused("DisputedAlready", certificate=CERTIFICATE, number=1):
        assets.dispute(CERTIFICATE, REASON, {"from": bank})
    exchange.appraise(200_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    assert assets.appraisalOf(covenant)["disputed"] == 2


def test_a_pause_moves_the_end_of_a_dispute_by_its_length(exchange, assets, covenant, clock, bank, guardian, committee):
    exchange.appraise(200_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    assets.pause(text32("storm"), {"from": guardian})
    clock.after(31 * DAY)
    assert exchange.standing()[1] & DISPUTED
    assets.resume(text32("over"), {"from": committee})
    clock.after(30 * DAY - 1)
    assert exchange.standing()[1] & DISPUTED
    clock.after(1)
    assert exchange.standing()[1] & DISPUTED == 0


def test_during_a_pause_the_value_falls_and_does_not_rise(exchange, assets, covenant, guardian, relayer):
    since = assets.pause(text32("storm"), {"from": guardian}).timestamp
    exchange.measure(VALUE, 100_001)
    with refused("Paused", since=since):
        assets.appraise(CERTIFICATE, {"from": relayer})
    exchange.appraise(100_000)
    exchange.appraise(99_999)
    assert exchange.status()["value"] == 99_999


# THE DATA THEMSELVES


def test_whatever_a_lender_calls_the_steward_keeps_the_asset(exchange, assets, covenant, clock, bank, steward):
    """Enforcing takes the licence income, through `Pledges`; here is nothing for the lender to take."""
    exchange.grant()
    exchange.owe(covenant, 100_000)
    clock.after(COVENANT.freshnessPeriod + 3)
    assert exchange.standing() == (SHORT_, STALE | SHORTFALL)
    arguments = {
        "register": (CERTIFICATE, bank, PAPERS, EXCHANGE, 0),
        "append": (CERTIFICATE, exchange.version()),
        "grantLicence": (CERTIFICATE, text32("mine"), exchange.licence(licensee=str(bank))),
        "endLicence": (LICENCE,),
        "offerStewardship": (CERTIFICATE, bank),
        "acceptStewardship": (CERTIFICATE,),
        "repoint": (CERTIFICATE, EXCHANGE, 0),
        "agreeCovenant": (CERTIFICATE, COVENANT),
        "appraise": (CERTIFICATE,),
        "dispute": (CERTIFICATE, REASON),
        "endDispute": (CERTIFICATE,),
        "markStale": (CERTIFICATE,),
        "pause": (REASON,),
        "resume": (REASON,),
    }
    writing = {
        item["name"]
        for item in load_artefact("DataAssets").abi
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }
    assert writing == set(arguments)
    before = facts(assets.assetOf(CERTIFICATE))
    for name, given in arguments.items():
        with suppress(VirtualMachineError):
            getattr(assets, name)(*given, {"from": bank})
    assert facts(assets.assetOf(CERTIFICATE)) == before
    assert not assets.isLicensed(text32("mine"), bank)
    assert assets.versionCount(CERTIFICATE) == 1
    exchange.append()


def test_enforcing_takes_the_licence_income_and_leaves_the_asset(
    exchange, assets, county, pledges, workouts, revenue, voucher, clock, bank, steward, buyer, treasurer
):
    exchange.grant()
    now = clock.now()
    pledge = exchange.lend(schedule=[Instalment(now + 30 * DAY, 50_000), Instalment(now + 2 * YEAR, 50_000)])
    clock.stand_at(now + 40 * DAY + 1)
    workouts.markDelinquent(pledge, {"from": bank})
    workouts.remediate(pledge, digest("notice"), {"from": bank})
    clock.after(30 * DAY + 1)
    workouts.enforce(pledge, {"from": bank})
    before, lent = facts(assets.assetOf(CERTIFICATE)), voucher.balanceOf(steward)

    # Of ¥5,000.00 nine tenths are the steward's, and half of those are pledged: more than is owed.
    revenue.receiveIncome(EXCHANGE, FEBRUARY, 500_000, LICENCE, {"from": treasurer})
    revenue.collect(Line(EXCHANGE, 1, FEBRUARY, STEWARD_LEG), {"from": bank})
    assert (voucher.balanceOf(bank), voucher.balanceOf(steward)) == (100_000, lent + 350_000)
    assert pledges.stateOf(pledge) == State.REPAID
    assert facts(assets.assetOf(CERTIFICATE)) == before
    assert assets.isLicensed(LICENCE, buyer)

    pledges.release(pledge, {"from": bank})
    assets.repoint(CERTIFICATE, EXCHANGE, 0, {"from": steward})


# WHETHER A PLEDGE IS GOOD


def broken(exchange, pledge):
    """Whether the pledge is not good for its covenant; nothing else is amiss."""
    is_good, reasons = exchange.county.workouts.good(pledge)
    assert (is_good, reasons) in ((True, 0), (False, COVENANT_BROKEN))
    return not is_good


def test_a_pledge_is_not_good_while_its_asset_is_stale_or_short(exchange, covenant, clock):
    exchange.owe(covenant, 30_001)
    assert not broken(exchange, covenant)
    clock.stand_at(exchange.status()["freshUntil"])
    assert not broken(exchange, covenant)
    clock.after(1)
    # Whether or not anybody put it on record.
    assert (exchange.status()["standing"], broken(exchange, covenant)) == (SHORT_, True)
    exchange.owe(covenant, 30_000)
    assert (exchange.status()["standing"], broken(exchange, covenant)) == (STALE_, True)
    exchange.append()
    assert not broken(exchange, covenant)
    exchange.appraise(49_999)
    assert (exchange.standing(), broken(exchange, covenant)) == ((SHORT_, SHORTFALL), True)
    exchange.appraise(50_000)
    assert not broken(exchange, covenant)


def test_what_is_no_standing_of_the_asset_leaves_a_pledge_good(exchange, assets, covenant, clock, bank):
    exchange.owe(covenant, 30_000)
    assets.dispute(CERTIFICATE, REASON, {"from": bank})
    clock.stand_at(assets.appraisalOf(covenant)["validUntil"])
    exchange.append()
    assert exchange.standing() == (FRESH_, OUT_OF_DATE)
    assert not broken(exchange, covenant)


def test_a_pledge_without_a_covenant_is_good_whatever_its_asset_is(exchange, assets):
    lent = exchange.lend()
    assert exchange.standing() == (NONE, 0)
    assert not broken(exchange, lent)


def test_a_lender_sees_before_it_lends_that_the_asset_is_stale(exchange, county, covenant, clock):
    county.perfect(covenant)
    assert not broken(exchange, covenant)
    clock.after(COVENANT.freshnessPeriod + 3)
    assert broken(exchange, covenant)


# WHAT THE REGISTER CANNOT HOLD


def test_the_register_shows_commitments_and_no_content(exchange):
    """No field or argument could hold data, an address of data, or a key: there is no text of any length."""

    def kinds(entries):
        for entry in entries:
            yield entry["type"].rstrip("[]")
            yield from kinds(entry.get("components", ()))

    given = [item for item in load_artefact("DataAssets").abi if item["type"] in ("function", "event")]
    found = {kind for item in given for kind in kinds(item["inputs"])}
    assert "tuple" in found
    assert not found & {"string", "bytes"}
