"""A county that does not exist: the same on every machine, labelled, and fit to be monitored."""

import hashlib
from pathlib import Path

import pytest

from oracles.errors import InvalidRequest
from oracles.monitoring import Monitoring, monitor_csv
from oracles.quality import Flag
from oracles.sources.synthetic import County, lose_labels, name_holders, write_county


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    addresses = tuple(f"0x{number:040x}" for number in range(1, 301))
    return write_county(tmp_path_factory.mktemp("county"), seed=20_260, accounts=addresses)


@pytest.fixture(scope="module")
def monitored(county: County) -> Monitoring:
    return monitor(county)


def monitor(county: County) -> Monitoring:
    return monitor_csv(
        county.first_trees,
        county.second_trees,
        county.strata,
        county.parcels,
        county.holders,
        canopy=county.canopy,
        subject="synthetic-county",
        period_start=county.period_start,
        period_end=county.period_end,
    )


def test_fewer_parcels_than_holders_or_too_few_plots_are_refused(tmp_path: Path, accounts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest):
        write_county(tmp_path, seed=1, accounts=accounts, parcels=len(accounts) - 1)
    with pytest.raises(InvalidRequest):
        write_county(tmp_path, seed=1, accounts=accounts, plots=7)


def test_an_account_given_twice_or_malformed_is_refused(accounts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match=f"{accounts[0]} is given twice"):
        name_holders((*accounts, accounts[0]))
    with pytest.raises(InvalidRequest, match="0x12"):
        name_holders(("0x12",))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, accounts: tuple[str, ...]) -> None:
    def digest(folder: Path, seed: int) -> dict[str, str]:
        write_county(folder, seed=seed, accounts=accounts, parcels=300, plots=20)
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    one = digest(tmp_path / "one", 5)
    assert digest(tmp_path / "two", 5) == one
    assert digest(tmp_path / "one", 5) == one
    other = digest(tmp_path / "other", 6)
    assert {name for name in one if one[name] == other[name]} == {"holders.csv"}


def test_the_bytes_of_a_seed_do_not_depend_on_the_machine(tmp_path: Path, accounts: tuple[str, ...]) -> None:
    """The digest was written down once; a county under the same seed that differs is another county."""
    county = write_county(tmp_path, seed=5, accounts=accounts, parcels=300, plots=20)
    assert hashlib.sha256(county.second_trees.read_bytes()).hexdigest()[:16] == "b5107a00d24b52a4"


def test_the_folder_says_that_it_is_synthetic(county: County) -> None:
    text = county.readme.read_text(encoding="utf-8")
    assert text.startswith("# SYNTHETIC DATA · 合成数据")
    assert "seed 20260" in text


def test_the_county_has_what_was_asked_for(monitored: Monitoring) -> None:
    assert len(monitored.parcels) == 2_000
    assert monitored.estimate.plots == 500
    assert len(monitored.strata) == 4
    assert len(monitored.holders) == 300
    assert {leaf.holder for leaf in monitored.holders} >= {"coop-01", "coop-06", "hh-0001", "hh-0294"}


def test_its_growth_is_significant_and_its_canopy_agrees(monitored: Monitoring) -> None:
    assert monitored.refusal is None
    assert monitored.change.half_width_fraction < 0.10
    assert 5 < monitored.estimate.mean / 5 < 15, "t CO2e per hectare and year: what young plantations do"
    assert abs(monitored.cross_check_kg - monitored.credited_kg) < 0.15 * monitored.credited_kg


def test_everything_credited_belongs_to_somebody(monitored: Monitoring) -> None:
    assert sum(leaf.weight for leaf in monitored.holders) == monitored.credited_kg
    assert sum(parcel.credited_kg for parcel in monitored.parcels) == monitored.credited_kg
    for leaf in monitored.holders[:10]:
        assert sum(step.credited_kg for step in monitored.origin(leaf.holder)) == leaf.weight


def test_a_crew_that_wrote_down_no_labels_is_found_and_changes_no_figure(tmp_path: Path, monitored: Monitoring) -> None:
    addresses = tuple(f"0x{number:040x}" for number in range(1, 301))
    county = write_county(tmp_path, seed=20_260, accounts=addresses)
    lose_labels(county)
    faulty = monitor(county)
    assert (monitored.qc_flags, faulty.qc_flags, faulty.refusal) == (0, Flag.DUPLICATE, None)
    assert faulty.holders == monitored.holders
    assert (faulty.credited_kg, faulty.uncertainty_kg) == (monitored.credited_kg, monitored.uncertainty_kg)
    assert faulty.evidence_root != monitored.evidence_root
