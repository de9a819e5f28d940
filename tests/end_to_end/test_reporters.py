"""Reporters as processes of their own, one or all of them lying, and a satellite: what the books come to hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gongsheng.cast import CROSS_CHECKER, REPORTERS, Cast
from gongsheng.county import (
    BUFFER_BPS,
    CARBON_CROSS_CHECK_FEED,
    CARBON_FEED,
    CARBON_PROJECT,
    CHALLENGE_WINDOW,
    advance,
    committee_decides,
    deploy_protocol,
    feed_rules,
    fund_with_gas,
    open_county,
)
from ledger_service.chain.client import Chain, Refused, connect
from ledger_service.chain.embedded import embedded_chain
from ledger_service.domain.books import AccountKind, credit_of
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.indexer import sync
from ledger_service.store.books import Books, open_books
from oracles.keys import create_keystore
from oracles.monitoring import monitor_csv
from oracles.sources.synthetic import write_county
from tests.oracles.images import areas_m2, image, squares

ROOT = Path(__file__).resolve().parents[2]
SUBJECT = "pool-with-a-liar"
NOW = 1_752_105_600
"""Ten days after the period was over."""
NONE, FINAL = 0, 2
LIAR = "reporter-sensors-1"


@dataclass
class Village:
    """A chain with its officers, the files that everybody measured, and the books."""

    chain: Chain
    cast: Cast
    folder: Path
    files: dict[str, Path]
    period: tuple[int, int]
    books: Books

    def settings(self, name: str, *, kind: str, feed: str, files: dict[str, Path]) -> Path:
        """The settings, keystore and passphrase of a reporter."""
        passphrase = self.folder / f"{name}.passphrase"
        passphrase.write_text("correct horse\n", "utf-8")
        create_keystore(self.folder / f"{name}.json", self.cast.account(name), passphrase="correct horse", fast=True)
        listed = "\n".join(f'{role} = "{path}"' for role, path in files.items())
        settings = self.folder / f"{name}.toml"
        settings.write_text(
            f'chain = "{self.chain.w3.provider.endpoint_uri}"\ndeployment = "deployment.json"\n'  # type: ignore[attr-defined]
            f'keystore = "{name}.json"\npassphrase_file = "{name}.passphrase"\nstate = "{name}-state"\n'
            f'[[rounds]]\nfeed = "{feed}"\nkind = "{kind}"\nsubject = "{SUBJECT}"\n'
            f"period_start = {self.period[0]}\nperiod_end = {self.period[1]}\n[rounds.files]\n{listed}\n",
            "utf-8",
        )
        return settings

    def lie(self) -> Path:
        """The second tally sheet with every stout tree a fifth stouter, at the same height, so as not to look ruled."""
        header, *rows = self.files["second_trees"].read_text("utf-8").splitlines()
        column = header.split(",").index("dbh_cm")
        told = []
        for row in rows:
            cells = row.split(",")
            if cells[column] and float(cells[column]) > 15:
                cells[column] = f"{float(cells[column]) * 1.2:.1f}"
            told.append(",".join(cells))
        path = self.folder / "lie" / self.files["second_trees"].name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *told]) + "\n", "utf-8")
        return path

    def postings(self) -> dict[str, int]:
        """All balances of the books, by account and asset."""
        with self.books.reading() as reader:
            return {
                f"{account} {asset}": total
                for kind in AccountKind
                for (account, asset), total in reader.balances(kind).items()
            }


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    cast = Cast(seed=11, holder_count=12)
    accounts = [holder.address for holder in cast.holders]
    county = write_county(tmp_path / "county", seed=11, accounts=accounts, parcels=24, plots=60)
    owners = [row.split(",")[0] for row in county.holders.read_text("utf-8").splitlines()[1:]]
    forests = [row.split(",")[0] for row in county.strata.read_text("utf-8").splitlines()[1:]]
    shapes = squares(tuple((f"P{n:02d}", forests[n % 4], owners[n]) for n in range(8)))
    parcels, strata = tmp_path / "parcels.geojson", tmp_path / "strata.csv"
    parcels.write_text(shapes, "utf-8")
    strata.write_text(
        "stratum,area_m2\n" + "".join(f"{name},{area}\n" for name, area in areas_m2(shapes).items()), "utf-8"
    )
    files = {
        "first_trees": county.first_trees,
        "second_trees": county.second_trees,
        "strata": strata,
        "parcels": parcels,
        "holders": county.holders,
    }
    names = (*REPORTERS, CROSS_CHECKER)
    with embedded_chain(folder=tmp_path / "chain", timestamp=NOW, keep_state=False) as url:
        w3 = connect(url)
        fund_with_gas(w3, [*cast.senders(), *(cast.account(name) for name in names)])
        deployment = deploy_protocol(w3, cast)
        chain = Chain(connect(url), deployment)
        deployment.save(tmp_path / "deployment.json")
        open_county(
            chain,
            cast,
            carbon_subject=SUBJECT,
            product_subject="tea",
            reporters={name: cast.account(name).address for name in names},
        )
        two_of_three = feed_rules(2, [1, 2], CARBON_CROSS_CHECK_FEED)
        configure = chain.contract("MonitoringOracle").functions.configureFeed
        committee_decides(chain, cast.account("committee"), [configure(bytes32_of(CARBON_FEED), two_of_three)])
        with open_books(f"sqlite:///{tmp_path / 'books.sqlite'}", deployment) as books:
            yield Village(chain, cast, tmp_path, files, (county.period_start, county.period_end), books)


@pytest.fixture
def satellite(village: Village) -> Path:
    """Settings of the remote-sensing reporter: two images in which each forest grew as it did, within 2 %."""
    honest = monitor_csv(
        **village.files,  # type: ignore[arg-type]
        subject=SUBJECT,
        period_start=village.period[0],
        period_end=village.period[1],
    )
    growth = {}
    for forest in {plot.stratum for plot in honest.plots}:
        pairs = [plot.pairs[0] for plot in honest.plots if plot.stratum == forest]
        before, after = (sum(pair[visit].tco2e_per_hectare for pair in pairs) for visit in (0, 1))
        growth[forest] = 1 + (after / before - 1) * 1.02
    forests = [plot["properties"]["stratum"] for plot in json.loads(village.files["parcels"].read_text())["features"]]
    first = image(village.folder / "first.tif", [80.0 + column % 20 for column in range(160)])
    second = image(
        village.folder / "second.tif", [(80.0 + column % 20) * growth[forests[column // 20]] for column in range(160)]
    )
    return village.settings(
        CROSS_CHECKER,
        kind="carbon-cross-check",
        feed=CARBON_CROSS_CHECK_FEED,
        files={**village.files, "raster_first": first, "raster_second": second},
    )


def report_together(settings: list[Path]) -> list[dict[str, object]]:
    """Every reporter as a process of its own, all at once; what each reported."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "oracles", "report", "--settings", str(one), "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in settings
    ]
    answers = []
    for process in started:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        answers.append(json.loads(out)[0])
    return answers


def work_once(settings: Path) -> str:
    """One turn of a reporter's schedule; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "oracles", "run", "--settings", str(settings), "--times", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return done.stdout


def value_of(answer: dict[str, object]) -> int:
    result = answer["result"]
    assert isinstance(result, dict)
    return int(result["value"])


def test_one_of_three_lies_and_is_outvoted_and_the_books_never_see_it(village: Village, satellite: Path) -> None:
    told = {**village.files, "second_trees": village.lie()}
    reporters = [
        village.settings(name, kind="carbon", feed=CARBON_FEED, files=told if name == LIAR else village.files)
        for name in REPORTERS
    ]
    lie, truth, same = report_together(reporters)
    (seen,) = report_together([satellite])  # The image comes last, so somebody has to nominate.
    assert value_of(lie) > 1.5 * value_of(truth)
    assert value_of(same) == value_of(truth)
    assert value_of(seen) == pytest.approx(value_of(truth), rel=0.05)

    round_id = bytes.fromhex(str(truth["round"])[2:])
    oracle = village.chain.contract("MonitoringOracle").functions
    assert village.chain.call(oracle.roundOf(round_id))[0] == NONE
    assert "1 rounds nominated" in work_once(reporters[-1])
    advance(village.chain, CHALLENGE_WINDOW)
    assert "1 rounds made final" in work_once(reporters[-1])
    relayer = village.cast.account("relayer")
    credits = village.chain.contract("CarbonCredits").functions
    village.chain.send(credits.issue(bytes32_of(CARBON_PROJECT), round_id), relayer)

    sync(village.chain, village.books)
    postings = village.postings()
    issued = value_of(truth)
    buffered = issued * BUFFER_BPS // 10_000
    kilograms = {key: total for key, total in postings.items() if key.endswith(credit_of(1))}
    assert sorted(abs(total) for total in kilograms.values()) == sorted((issued, buffered, issued - buffered))
    assert sum(kilograms.values()) == 0
    assert postings == kilograms
    with village.books.reading() as reader:
        records = list(reader.records())
    reported = [record for record in records if record.name == "Reported"]
    assert len(reported) == 4  # The lie stays on record as what it is: a report.
    lies = [record for record in records if str(value_of(lie)) in json.dumps(dict(record.values))]
    assert [record.name for record in lies] == ["Reported"]


def test_three_who_lie_together_are_stopped_by_the_image_and_the_books_stay_empty(
    village: Village, satellite: Path
) -> None:
    told = {**village.files, "second_trees": village.lie()}
    reporters = [village.settings(name, kind="carbon", feed=CARBON_FEED, files=told) for name in REPORTERS]
    lie, *others, seen = report_together([*reporters, satellite])
    assert {value_of(other) for other in others} == {value_of(lie)}
    assert value_of(lie) > 1.3 * value_of(seen)

    advance(village.chain, CHALLENGE_WINDOW)
    round_id = bytes.fromhex(str(lie["round"])[2:])
    oracle, credits = (village.chain.contract(name).functions for name in ("MonitoringOracle", "CarbonCredits"))
    assert village.chain.call(oracle.roundOf(round_id))[0] < FINAL
    for call in (oracle.finalise(round_id), credits.issue(bytes32_of(CARBON_PROJECT), round_id)):
        with pytest.raises(Refused):
            village.chain.send(call, village.cast.account("relayer"))
    sync(village.chain, village.books)
    assert village.postings() == {}
