"""From a final round to credits: issued once, conserved, numbered without a gap."""

import pytest

from outcomes import announced, facts, refused
from world import (
    CANDIDATE,
    CARBON,
    CARBON_LEG,
    CARBON_POOL,
    DECEMBER,
    DELIVERED,
    FOREST,
    JANUARY,
    NOTHING,
    ONE_PRODUCT,
    PROJECT,
    REMOTE,
    SUPPLIERS_LEG,
    TEA,
    ZERO,
    Holders,
    Kind,
    Project,
    digest,
    first_second,
    month,
    person,
    text32,
)

TRIAL = text32("trial")
LARGEST = 2**80 - 1
"""The largest yearly maximum that a project can have."""


@pytest.fixture(scope="module")
def holders(cooperative, household):
    """Who earned 1,007 kg."""
    return Holders([(cooperative, 700), (household, 307)])


@pytest.fixture(scope="module")
def trial(pool, buffer):
    """A project whose rounds are final at once, because the weighbridge measures it."""
    return Project(
        DELIVERED, TEA, ONE_PRODUCT, SUPPLIERS_LEG, str(pool), str(buffer), bufferBps=1_500, yearlyMaximum=LARGEST
    )


@pytest.fixture
def issue(credits, auditor):
    """Anyone issues."""
    return lambda project, round_: credits.issue(project, round_, {"from": auditor})


# PROJECTS


@pytest.mark.parametrize(
    "missing",
    [
        {"feed": NOTHING},
        {"subject": NOTHING},
        {"agreement": NOTHING},
        {"pool": ZERO},
        {"buffer": ZERO},
        {"bufferBps": 10_001},
        {"yearlyMaximum": 0},
    ],
    ids=lambda missing: next(iter(missing)),
)
def test_a_malformed_project_is_refused(credits, committee, trial, missing):
    with refused("ProjectMalformed", project=TRIAL):
        credits.registerProject(TRIAL, trial._replace(**missing), {"from": committee})


def test_a_project_whose_pool_is_its_buffer_is_refused(credits, committee, trial):
    with refused("ProjectMalformed", project=TRIAL):
        credits.registerProject(TRIAL, trial._replace(buffer=trial.pool), {"from": committee})


def test_a_project_without_a_name_is_refused(credits, committee, trial):
    with refused("ProjectMalformed", project=NOTHING):
        credits.registerProject(NOTHING, trial, {"from": committee})


def test_a_project_is_registered_once(credits, committee, trial):
    with refused("ProjectMalformed", project=PROJECT):
        credits.registerProject(PROJECT, trial, {"from": committee})


def test_a_subject_issues_for_one_project_only(credits, committee, trial):
    with refused("SubjectTaken", feed=CARBON, subject=FOREST, project=PROJECT):
        credits.registerProject(TRIAL, trial._replace(feed=CARBON, subject=FOREST), {"from": committee})


def test_another_feed_does_not_credit_the_same_forest_again(credits, committee, trial):
    with refused("SubjectTaken", feed=DELIVERED, subject=FOREST, project=PROJECT):
        credits.registerProject(TRIAL, trial._replace(subject=FOREST), {"from": committee})


def test_a_pool_that_is_another_projects_buffer_is_refused(credits, committee, trial, buffer, city):
    with refused("PoolIsBuffer", account=buffer):
        credits.registerProject(TRIAL, trial._replace(pool=str(buffer), buffer=str(city)), {"from": committee})


def test_a_buffer_that_is_another_projects_pool_is_refused(credits, committee, trial, pool, city):
    with refused("PoolIsBuffer", account=pool):
        credits.registerProject(TRIAL, trial._replace(pool=str(city), buffer=str(pool)), {"from": committee})


def test_projects_may_share_a_pool_and_a_buffer(credits, committee, trial):
    credits.registerProject(TRIAL, trial, {"from": committee})
    assert credits.projectOf(TRIAL)["pool"] == credits.projectOf(PROJECT)["pool"]
    assert credits.projectOf(TRIAL)["buffer"] == credits.projectOf(PROJECT)["buffer"]


def test_a_project_is_refused_from_whoever_is_not_the_committee(credits, operator, trial):
    with refused("AccessManagedUnauthorized", caller=operator):
        credits.registerProject(TRIAL, trial, {"from": operator})


@pytest.mark.parametrize("buffer_bps", [0, 10_000])
def test_committee_registers_a_project(credits, committee, trial, buffer_bps):
    terms = trial._replace(bufferBps=buffer_bps)
    registration = credits.registerProject(TRIAL, terms, {"from": committee})

    assert facts(credits.projectOf(TRIAL)) == facts(terms._asdict())
    announced(registration, "ProjectRegistered", project=TRIAL, terms=terms, by=committee)


# ISSUANCE


def test_issuing_fails_for_an_unknown_project(county, holders, issue):
    round_ = county.measure(holders)
    with refused("UnknownProject", project=TRIAL):
        issue(TRIAL, round_)


def test_issuing_fails_for_a_round_that_does_not_exist(issue):
    with refused("NotFinal", round=NOTHING, state=0):
        issue(PROJECT, NOTHING)


def test_issuing_fails_before_the_round_is_final(county, holders, issue, remote_sensing):
    year = (first_second(month(2025, 1)), first_second(JANUARY))
    county.submit(county.report(REMOTE, FOREST, *year, value=holders.total), remote_sensing)
    report = county.report(CARBON, FOREST, *year, holders=holders)
    county.submit(report, person("sensors"), person("second-sensors"), person("verifier"))
    with refused("NotFinal", round=county.round_of(report), state=CANDIDATE):
        issue(PROJECT, county.round_of(report))


def test_issuing_fails_for_a_round_of_another_subject(county, holders, issue):
    round_ = county.weigh(holders, DECEMBER)
    with refused("RoundOfOtherSubject", feed=DELIVERED, subject=TEA):
        issue(PROJECT, round_)
    times = (first_second(DECEMBER), first_second(JANUARY))
    forest = county.report(DELIVERED, FOREST, *times, holders=holders)
    county.submit(forest, person("weighbridge"))
    tea = county.report(CARBON, TEA, *times, holders=holders)
    county.submit(county.report(REMOTE, TEA, *times, value=holders.total), person("remote-sensing"))
    county.submit(tea, person("sensors"), person("second-sensors"), person("verifier"))
    for report in (forest, tea):
        with refused("RoundOfOtherSubject", feed=report.feed, subject=report.subject):
            issue(PROJECT, county.finalise(report))


@pytest.mark.parametrize("value", [-1, 0, 1_007], ids=["a decrease", "no change", "an increase without holders"])
def test_nothing_is_issued_without_an_increase_and_holders(county, credits, issue, value):
    round_ = county.measure(None, value=value)
    with refused("NothingToIssue", round=round_, value=value, shareCount=0):
        issue(PROJECT, round_)
    assert credits.batchCount() == 0


def test_a_round_is_issued_once(county, holders, issue):
    round_ = county.measure(holders)
    issue(PROJECT, round_)
    with refused("AlreadyIssued", round=round_, batch=1):
        issue(PROJECT, round_)


def test_a_round_above_what_the_land_can_gain_in_its_period_is_refused(
    county, credits, committee, cooperative, issue, trial
):
    """December has 31 days of a year of 365: of 3,650 kg a year it can bring 310."""
    credits.registerProject(TRIAL, trial._replace(yearlyMaximum=3_650), {"from": committee})
    above = county.weigh(Holders([(cooperative, 311)]), DECEMBER)
    with refused("ValueImplausible", round=above, value=311, maximum=310):
        issue(TRIAL, above)
    issue(TRIAL, county.weigh(Holders([(cooperative, 310)]), month(2025, 10)))
    issue(TRIAL, county.weigh(Holders([(cooperative, 279)]), month(2025, 8)))
    assert [credits.batchOf(batch)["issued"] for batch in (1, 2)] == [310, 279]


def test_what_the_land_can_gain_is_compared_without_rounding(county, credits, committee, cooperative, issue, trial):
    """Of 12 kg a year December can bring 1.019 kg: 1 kg is good and 2 are not."""
    credits.registerProject(TRIAL, trial._replace(yearlyMaximum=12), {"from": committee})
    above = county.weigh(Holders([(cooperative, 2)]), DECEMBER)
    with refused("ValueImplausible", round=above, value=2, maximum=1):
        issue(TRIAL, above)
    issue(TRIAL, county.weigh(Holders([(cooperative, 1)]), month(2025, 10)))
    assert credits.batchCount() == 1


def test_issuing_fails_while_the_pool_is_not_admitted(county, credits, committee, holders, issue, trial):
    credits.registerProject(TRIAL, trial._replace(pool=str(person("stranger"))), {"from": committee})
    round_ = county.weigh(holders, DECEMBER)
    with refused("NotAdmitted", account=person("stranger")):
        issue(TRIAL, round_)


def test_issuing_fails_to_a_pool_that_cannot_receive(
    county, credits, participants, committee, operator, holders, issue, trial, ContractWallet
):
    wallet = ContractWallet.deploy({"from": operator})
    participants.admit(wallet, Kind.TREASURY, digest("papers of a contract"), {"from": operator})
    credits.registerProject(TRIAL, trial._replace(pool=wallet.address), {"from": committee})
    round_ = county.weigh(holders, DECEMBER)
    with refused("ERC1155InvalidReceiver", receiver=wallet):
        issue(TRIAL, round_)


def test_issuing_fails_if_another_round_that_ended_in_the_month_has_its_register(
    county, credits, committee, holders, weighbridge, issue, trial
):
    credits.registerProject(TRIAL, trial, {"from": committee})
    begins, middle, ends = first_second(DECEMBER), first_second(DECEMBER) + 1_000, first_second(JANUARY)
    rounds = []
    for start, end in ((begins, middle), (middle, ends)):
        report = county.report(DELIVERED, TEA, start, end, holders=holders)
        county.submit(report, weighbridge)
        rounds.append(county.finalise(report))
    issue(TRIAL, rounds[0])
    with refused("RegisterOpenAlready", agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG, period=DECEMBER, round=rounds[0]):
        issue(TRIAL, rounds[1])


def test_anyone_issues_the_batch_of_a_final_round(county, credits, holders, auditor, pool, buffer):
    round_ = county.measure(holders)
    issuance = credits.issue(PROJECT, round_, {"from": auditor})

    assert issuance.return_value == 1
    assert credits.batchCount() == 1
    assert credits.batchOfRound(round_) == 1
    assert facts(credits.batchOf(1)) == facts(
        {"round": round_, "project": PROJECT, "issued": 1_007, "buffered": 151, "serialStart": 1, "previous": 0}
    )
    assert credits.balanceOf(pool, 1) == 856
    assert credits.balanceOf(buffer, 1) == 151
    measured = county.oracle.finalRound(round_)
    announced(
        issuance,
        "BatchIssued",
        batch=1,
        project=PROJECT,
        round=round_,
        periodStart=first_second(month(2025, 1)),
        periodEnd=first_second(JANUARY),
        issued=1_007,
        buffered=151,
        serialStart=1,
        methodology=measured["methodology"],
        evidenceRoot=measured["evidenceRoot"],
        by=auditor,
    )


def test_issuing_opens_the_register_in_the_same_transaction(county, credits, revenue, holders, auditor):
    round_ = county.measure(holders)
    issuance = credits.issue(PROJECT, round_, {"from": auditor})

    announced(
        issuance,
        "RegisterOpened",
        agreement=CARBON_POOL,
        leg=CARBON_LEG,
        period=DECEMBER,
        round=round_,
        root=holders.root,
        total=1_007,
        count=2,
        by=credits,
    )
    assert revenue.registerOf(CARBON_POOL, CARBON_LEG, DECEMBER)["total"] == 1_007


def test_issuing_works_when_somebody_else_opened_the_register_first(county, credits, revenue, holders, issue, relayer):
    round_ = county.measure(holders)
    revenue.openRegister(CARBON_POOL, CARBON_LEG, round_, {"from": relayer})
    issue(PROJECT, round_)

    assert credits.batchOfRound(round_) == 1
    assert revenue.registerOf(CARBON_POOL, CARBON_LEG, DECEMBER)["round"] == "0x" + round_.hex()


@pytest.mark.parametrize(
    ("issued", "buffer_bps", "buffered"),
    [
        (1, 1_500, 0),
        (6, 1_500, 0),
        (7, 1_500, 1),
        (1_000, 1_500, 150),
        (1_000, 0, 0),
        (1_000, 10_000, 1_000),
        (LARGEST * 31 // 365, 1_500, LARGEST * 31 // 365 * 1_500 // 10_000),
    ],
)
def test_the_buffer_is_rounded_down_and_nothing_is_lost(
    county, credits, committee, cooperative, pool, buffer, issue, trial, issued, buffer_bps, buffered
):
    credits.registerProject(TRIAL, trial._replace(bufferBps=buffer_bps), {"from": committee})
    issue(TRIAL, county.weigh(Holders([(cooperative, issued)]), DECEMBER))

    assert credits.balanceOf(buffer, 1) == buffered
    assert credits.balanceOf(pool, 1) == issued - buffered
    assert credits.batchOf(1)["buffered"] == buffered


def test_serials_of_a_project_follow_one_another(county, credits, committee, cooperative, issue, trial):
    credits.registerProject(TRIAL, trial, {"from": committee})
    weights = (1, 1_000, 7)
    for period, weight in zip((DECEMBER, month(2025, 10), JANUARY), weights, strict=True):
        issue(TRIAL, county.weigh(Holders([(cooperative, weight)]), period))

    expected_start = 1
    for batch, weight in enumerate(weights, start=1):
        assert credits.batchOf(batch)["serialStart"] == expected_start
        assert credits.batchOf(batch)["issued"] == weight
        assert credits.batchOf(batch)["previous"] == batch - 1
        expected_start += weight


def test_the_newest_batch_of_a_project_is_known(county, credits, committee, holders, issue, trial):
    assert credits.newestBatchOf(PROJECT) == 0
    credits.registerProject(TRIAL, trial, {"from": committee})
    issue(PROJECT, county.measure(holders))
    issue(TRIAL, county.weigh(holders, DECEMBER))
    assert (credits.newestBatchOf(PROJECT), credits.newestBatchOf(TRIAL)) == (1, 2)


def test_serials_of_each_project_begin_at_one(county, credits, committee, holders, issue, trial):
    credits.registerProject(TRIAL, trial, {"from": committee})
    issue(PROJECT, county.measure(holders))
    issue(TRIAL, county.weigh(holders, DECEMBER))

    assert [credits.batchOf(batch)["serialStart"] for batch in (1, 2)] == [1, 1]
    assert [bytes(credits.batchOf(batch)["project"]) for batch in (1, 2)] == [PROJECT, TRIAL]


def test_a_batch_that_does_not_exist_is_empty(credits):
    assert facts(credits.batchOf(1)) == facts(
        {"round": NOTHING, "project": NOTHING, "issued": 0, "buffered": 0, "serialStart": 0, "previous": 0}
    )


# HOLDING


@pytest.fixture
def issued(county, holders, issue):
    """Batch 1: 856 kg in the pool, 151 kg in the buffer."""
    issue(PROJECT, county.measure(holders))


def test_credits_do_not_leave_the_buffer(issued, credits, buffer, buyer):
    with refused("BufferLocked", buffer=buffer):
        credits.safeTransferFrom(buffer, buyer, 1, 1, b"", {"from": buffer})
    with refused("BufferLocked", buffer=buffer):
        credits.safeBatchTransferFrom(buffer, buyer, [1], [151], b"", {"from": buffer})


def test_credits_do_not_leave_the_buffer_by_approval(issued, credits, buffer, buyer):
    credits.setApprovalForAll(buyer, True, {"from": buffer})
    with refused("BufferLocked", buffer=buffer):
        credits.safeTransferFrom(buffer, buyer, 1, 1, b"", {"from": buyer})


def test_credits_do_not_enter_the_buffer(issued, credits, pool, buffer):
    """Otherwise its serials would no longer be the highest ones of the batch."""
    with refused("BufferLocked", buffer=buffer):
        credits.safeTransferFrom(pool, buffer, 1, 1, b"", {"from": pool})


def test_credits_move_to_participants_only(issued, credits, pool, auditor):
    with refused("NotAdmitted", account=auditor):
        credits.safeTransferFrom(pool, auditor, 1, 1, b"", {"from": pool})


def test_credits_do_not_move_to_a_blocked_participant(issued, credits, participants, operator, pool, buyer):
    participants.setBlocked(buyer, True, digest("court order"), {"from": operator})
    with refused("NotAdmitted", account=buyer):
        credits.safeTransferFrom(pool, buyer, 1, 1, b"", {"from": pool})


def test_a_blocked_participant_moves_no_credits(issued, credits, participants, operator, pool, buyer):
    participants.setBlocked(pool, True, digest("court order"), {"from": operator})
    with refused("NotAdmitted", account=pool):
        credits.safeTransferFrom(pool, buyer, 1, 1, b"", {"from": pool})


def test_more_credits_than_held_do_not_move(issued, credits, pool, buyer):
    with refused("ERC1155InsufficientBalance", sender=pool, balance=856, needed=857, tokenId=1):
        credits.safeTransferFrom(pool, buyer, 1, 857, b"", {"from": pool})


def test_credits_do_not_move_without_approval(issued, credits, pool, buyer):
    with refused("ERC1155MissingApprovalForAll", operator=buyer, owner=pool):
        credits.safeTransferFrom(pool, buyer, 1, 1, b"", {"from": buyer})


def test_lists_of_different_lengths_are_refused(issued, credits, pool, buyer):
    with refused("ERC1155InvalidArrayLength", idsLength=1, valuesLength=2):
        credits.safeBatchTransferFrom(pool, buyer, [1], [1, 2], b"", {"from": pool})
    with refused("ERC1155InvalidArrayLength", idsLength=2, valuesLength=1):
        credits.balanceOfBatch([pool], [1, 1])


def test_nobody_is_no_broker(issued, credits, pool):
    with refused("ERC1155InvalidOperator", operator=ZERO):
        credits.setApprovalForAll(ZERO, True, {"from": pool})


def test_credits_do_not_move_to_nobody(issued, credits, pool):
    with refused("ERC1155InvalidReceiver", receiver=ZERO):
        credits.safeTransferFrom(pool, ZERO, 1, 1, b"", {"from": pool})


def test_the_pool_sells_all_its_credits(issued, credits, pool, buyer):
    credits.safeTransferFrom(pool, buyer, 1, 856, b"", {"from": pool})
    assert credits.balanceOfBatch([pool, buyer], [1, 1]) == (0, 856)


def test_an_approved_broker_moves_credits(issued, credits, pool, buyer, relayer):
    credits.setApprovalForAll(relayer, True, {"from": pool})
    assert credits.isApprovedForAll(pool, relayer)
    credits.safeBatchTransferFrom(pool, buyer, [1], [6], b"", {"from": relayer})
    assert credits.balanceOf(buyer, 1) == 6


@pytest.mark.parametrize(
    ("interface", "supported"),
    [("0x01ffc9a7", True), ("0xd9b67a26", True), ("0x0e89341c", True), ("0xffffffff", False), ("0x80ac58cd", False)],
    ids=["ERC-165", "ERC-1155", "ERC-1155 metadata", "none", "ERC-721"],
)
def test_credits_name_the_interfaces_they_have(credits, interface, supported):
    assert credits.supportsInterface(interface) is supported


def test_batches_are_described_on_chain_and_nowhere_else(credits):
    assert credits.uri(1) == ""
