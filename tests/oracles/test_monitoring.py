"""One monitoring period: what keeps it from being issued, then what is issued and where it comes from."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger_service.domain.units import tonnes_text
from oracles.errors import (
    Contradiction,
    InvalidMonitoring,
    InvalidRequest,
    MissingMeasurement,
    NoSuchEvaluation,
    NothingMeasured,
    TooFewPlots,
    UnknownReference,
    UnverifiedMethodology,
)
from oracles.evidence import RawFile, evidence_root
from oracles.methodologies.ar_tool14 import METHODOLOGY, tco2e_per_hectare
from oracles.monitoring import Monitoring, monitor_csv, monitor_fia
from oracles.periods import PlotChange, VisitFigure, assemble, stratified
from oracles.quality import Flag
from oracles.readings import Holder, Parcel
from oracles.sources.parcels import read_parcel_shapes
from oracles.sources.synthetic import County, write_county
from tests.oracles.images import areas_m2, image, squares

HEADER = "plot_id,stratum,plot_area_m2,tree_id,species,dbh_cm,height_m,wood_density,above_ground_kg\n"
START, END = 1_593_561_600, 1_751_328_000
FIRST_KG = {"P1": 1000, "P2": 1200, "P3": 900, "P4": 800, "P5": 700}
GROWN_KG = {"P1": 1500, "P2": 1720, "P3": 1390, "P4": 1250, "P5": 1170}
STRATUM = {"P1": "pine", "P2": "pine", "P3": "pine", "P4": "oak", "P5": "oak"}
STRATA = "stratum,area_ha\npine,30\noak,10\n"
PARCELS = "parcel_id,stratum,area_ha,holder\nA,pine,10,coop-01\nB,pine,20,hh-0001\nC,oak,4,hh-0002\nD,oak,6,coop-01\n"
HOLDERS = "holder,account\n" + "".join(
    f"{name},0x{byte * 20}\n" for name, byte in (("coop-01", "cc"), ("hh-0001", "aa"), ("hh-0002", "bb"))
)


def sheet(masses: dict[str, float | None], *, dbh_cm: float = 20.0) -> str:
    """A tally sheet with one weighed tree per plot of 1,000 m²; None is a plot without trees."""
    rows = (
        f"{plot},{STRATUM[plot]},1000," + (",,,,,\n" if kg is None else f"1,Pinus,{dbh_cm},,,{kg}\n")
        for plot, kg in masses.items()
    )
    return HEADER + "".join(rows)


@pytest.fixture
def period(csv_file: Callable[[str, str], Path]) -> Callable[..., Monitoring]:
    """A pool of four parcels and five plots; any of its files can be another."""

    def monitor(**other: object) -> Monitoring:
        texts = {
            "first_trees": sheet(FIRST_KG),
            "second_trees": sheet(GROWN_KG, dbh_cm=24.0),
            "strata": STRATA,
            "parcels": PARCELS,
            "holders": HOLDERS,
        }
        files = {name: csv_file(f"{name}.csv", str(other.pop(name, text))) for name, text in texts.items()}
        for name in ("canopy", "tenures"):
            if other.get(name) is not None:
                files[name] = csv_file(f"{name}.csv", str(other.pop(name)))
        settings = {"subject": "pool-1", "period_start": START, "period_end": END, **other}
        return monitor_csv(**files, **settings)  # type: ignore[arg-type]

    return monitor


# --- Refusals ------------------------------------------------------------------------------------


def test_a_window_whose_change_is_not_significant_issues_nothing_and_says_why(
    fia_ri: Path, accounts: tuple[str, ...]
) -> None:
    """Rhode Island, later visits 2013–2018: a plain mean of the differences of pairs has a half-width of 104 %."""
    monitoring = monitor_fia(fia_ri, accounts=accounts, seed=7, first_year=2013)
    assert monitoring.change.undiscounted > 0
    assert monitoring.change.half_width_fraction > 1
    assert monitoring.refusal is not None
    assert "变化不显著" in monitoring.refusal
    assert "not significant: its 90 % half-width is 123.2 % of it" in monitoring.refusal
    assert monitoring.credited_kg == monitoring.cross_check_kg == 0
    assert monitoring.holders == ()
    assert all(parcel.credited_kg == 0 for parcel in monitoring.parcels)
    assert monitoring.explain()[-1] == monitoring.refusal


def test_significance_ends_where_the_half_width_reaches_the_change(period: Callable[..., Monitoring]) -> None:
    monitoring = period()
    almost = _with_half_width(monitoring, 0.999)
    assert almost.refusal is None
    assert almost.credited_kg == pytest.approx(10 * 1_000_000 * 0.001 * 1000, rel=1e-6)
    for u in (1.0, 1.001):
        assert _with_half_width(monitoring, u).credited_kg == 0
        assert "不签发" in str(_with_half_width(monitoring, u).refusal)


def test_a_loss_is_a_reversal_and_never_an_issuance(period: Callable[..., Monitoring]) -> None:
    monitoring = period(first_trees=sheet(GROWN_KG), second_trees=sheet(FIRST_KG))
    assert monitoring.change.undiscounted < 0
    assert "逆转" in str(monitoring.refusal)
    assert "a reversal" in str(monitoring.refusal)
    assert monitoring.credited_kg == 0


def test_leakage_is_subtracted_to_the_kilogram_and_nothing_remains_below_one(period: Callable[..., Monitoring]) -> None:
    credited = period().credited_kg
    assert period(leakage_kg=1000).credited_kg == credited - 1000
    assert period(leakage_kg=credited - 1).credited_kg == 1
    exhausted = period(leakage_kg=credited)
    assert exhausted.credited_kg == 0
    assert "leakage" in str(exhausted.refusal)
    with pytest.raises(InvalidRequest, match="negative: -1 kg"):
        period(leakage_kg=-1)


def test_the_second_survey_copied_from_the_first_has_no_change_to_report(period: Callable[..., Monitoring]) -> None:
    with pytest.raises(NothingMeasured):
        period(second_trees=sheet(FIRST_KG))


def test_a_plot_that_was_not_measured_again_is_named(period: Callable[..., Monitoring]) -> None:
    fewer = {plot: kg for plot, kg in GROWN_KG.items() if plot != "P3"}
    with pytest.raises(UnknownReference, match=r"如 P3.*such as P3") as refused:
        period(second_trees=sheet(fewer))
    assert refused.value.file == "second/second_trees.csv"
    with pytest.raises(UnknownReference, match="such as P3") as refused:
        period(first_trees=sheet(fewer))
    assert refused.value.file == "first/first_trees.csv"


def test_a_plot_that_moved_to_another_stratum_or_changed_its_size_is_refused(period: Callable[..., Monitoring]) -> None:
    with pytest.raises(Contradiction, match="plot P3 differs") as refused:
        period(second_trees=sheet(GROWN_KG).replace("P3,pine", "P3,oak"))
    assert (refused.value.row, refused.value.column, refused.value.value) == (4, "stratum", "oak")
    with pytest.raises(Contradiction, match="plot P3 differs") as refused:
        period(second_trees=sheet(GROWN_KG).replace("P3,pine,1000", "P3,pine,900"))
    assert refused.value.column == "plot_area_m2"


def test_a_stratum_with_one_re_measured_plot_is_refused(period: Callable[..., Monitoring]) -> None:
    without = {plot: kg for plot, kg in FIRST_KG.items() if plot != "P5"}
    grown = {plot: kg for plot, kg in GROWN_KG.items() if plot != "P5"}
    with pytest.raises(TooFewPlots, match="“oak”"):
        period(first_trees=sheet(without), second_trees=sheet(grown))


@pytest.mark.parametrize(
    ("old", "new", "column", "value"),
    [("C,oak", "C,bamboo", "stratum", "bamboo"), ("4,hh-0002", "4,hh-9999", "holder", "hh-9999")],
)
def test_a_parcel_that_points_to_nothing_is_refused(
    period: Callable[..., Monitoring], old: str, new: str, column: str, value: str
) -> None:
    with pytest.raises(UnknownReference) as refused:
        period(parcels=PARCELS.replace(old, new))
    error = refused.value
    assert (error.file, error.row, error.column, error.value) == ("parcels/parcels.csv", 4, column, value)


def test_parcels_that_are_not_all_of_their_stratum_are_refused(period: Callable[..., Monitoring]) -> None:
    with pytest.raises(Contradiction, match=r"add up to 465.0000 亩 · 31.0000 ha, .* 450.0000 亩 · 30.0000 ha"):
        period(parcels=PARCELS.replace("A,pine,10", "A,pine,11"))


def test_each_parcel_may_lose_its_last_square_metre_to_rounding(period: Callable[..., Monitoring]) -> None:
    parcels = PARCELS.replace("A,pine,10", "A,pine,9.99999").replace("B,pine,20", "B,pine,19.99999")
    assert sum(parcel.area_m2 for parcel in period(parcels=parcels).parcels) == 400_000 - 2


def test_a_canopy_index_that_lacks_a_parcel_or_starts_at_zero_is_refused(period: Callable[..., Monitoring]) -> None:
    header = "parcel_id,canopy_first,canopy_second\n"
    with pytest.raises(UnknownReference, match="parcel D has no canopy index"):
        period(canopy=header + "A,1,2\nB,1,2\nC,1,2\n")
    with pytest.raises(NothingMeasured, match="oak"):
        period(canopy=header + "A,1,2\nB,1,2\nC,0,2\nD,0,2\n")


def test_a_result_that_does_not_add_up_cannot_exist(period: Callable[..., Monitoring]) -> None:
    monitoring = period()
    with pytest.raises(InvalidMonitoring, match="add up"):
        replace(monitoring, credited_kg=monitoring.credited_kg + 1)
    with pytest.raises(InvalidMonitoring, match="credits nothing"):
        replace(monitoring, refusal="不签发 · nothing")
    for wrong in ({"period_end": START}, {"observed_at": END - 1}):
        with pytest.raises(InvalidMonitoring, match="period"):
            replace(monitoring, **wrong)


def test_who_holds_nothing_has_no_origin(period: Callable[..., Monitoring]) -> None:
    with pytest.raises(InvalidRequest, match="nobody"):
        period().origin("nobody")
    with pytest.raises(InvalidRequest, match="no parcel “Z”"):
        period().plots_of("Z")


def test_an_inventory_without_the_evaluation_or_the_pairs_is_refused(fia_ri: Path, accounts: tuple[str, ...]) -> None:
    with pytest.raises(NoSuchEvaluation):
        monitor_fia(fia_ri, accounts=accounts, seed=7, last_year=2013)
    with pytest.raises(NothingMeasured, match="2019–2018"):
        monitor_fia(fia_ri, accounts=accounts, seed=7, first_year=2019)


# --- A small pool by hand ------------------------------------------------------------------------


def test_a_small_pool_by_hand(period: Callable[..., Monitoring]) -> None:
    """Weighed trees on plots of 0.1 ha: 1,000 kg is 10 t/ha. Roots by plot, then differences, strata, t(3) = 2.3534."""
    change = {
        plot: tco2e_per_hectare(GROWN_KG[plot] / 100) - tco2e_per_hectare(FIRST_KG[plot] / 100) for plot in FIRST_KG
    }
    pine = [change[plot] for plot in ("P1", "P2", "P3")]
    oak = [change[plot] for plot in ("P4", "P5")]
    mean_pine, mean_oak = sum(pine) / 3, sum(oak) / 2
    variance_pine = sum((value - mean_pine) ** 2 for value in pine) / 2 / 3
    variance_oak = sum((value - mean_oak) ** 2 for value in oak) / 1 / 2
    mean = 0.75 * mean_pine + 0.25 * mean_oak
    half_width = 2.3533634348 * math.sqrt(0.75**2 * variance_pine + 0.25**2 * variance_oak)

    monitoring = period()
    assert monitoring.change.undiscounted == pytest.approx(40 * mean)
    assert monitoring.change.half_width_fraction == pytest.approx(half_width / mean)
    assert monitoring.change.half_width_fraction < 0.10
    assert monitoring.credited_kg == math.floor(40_000 * mean)
    assert monitoring.uncertainty_kg == math.ceil(40_000 * half_width)
    assert (monitoring.estimate.degrees_of_freedom, monitoring.estimate.plots) == (3, 5)

    exact = {"A": 10 * mean_pine, "B": 20 * mean_pine, "C": 4 * mean_oak, "D": 6 * mean_oak}
    for parcel in monitoring.parcels:
        assert abs(parcel.credited_kg - 1000 * exact[parcel.parcel]) < 1
    assert [(leaf.holder, leaf.address[:4]) for leaf in monitoring.holders] == [
        ("hh-0001", "0xaA"),
        ("hh-0002", "0xbB"),
        ("coop-01", "0xCc"),
    ]


def test_land_that_was_bare_at_the_first_visit_can_be_monitored(period: Callable[..., Monitoring]) -> None:
    monitoring = period(first_trees=sheet(dict.fromkeys(FIRST_KG)))
    assert monitoring.refusal is None
    assert monitoring.cross_check_kg > 0
    assert monitoring.plots[0].pairs[0][0].trees == 0


def test_a_loss_in_one_stratum_gives_its_parcels_nothing(period: Callable[..., Monitoring]) -> None:
    grown = {**GROWN_KG, "P4": 780, "P5": 690}
    monitoring = period(second_trees=sheet(grown))
    credited = {parcel.parcel: parcel.credited_kg for parcel in monitoring.parcels}
    assert credited["C"] == credited["D"] == 0
    assert credited["A"] + credited["B"] == monitoring.credited_kg > 0
    assert {leaf.holder for leaf in monitoring.holders} == {"coop-01", "hh-0001"}


def test_a_canopy_index_that_grows_by_a_tenth_suggests_a_tenth_of_the_stock(period: Callable[..., Monitoring]) -> None:
    canopy = "parcel_id,canopy_first,canopy_second\nA,10,11\nB,20,22\nC,30,33\nD,40,44\n"
    monitoring = period(canopy=canopy)
    stock = 30 * sum(tco2e_per_hectare(FIRST_KG[plot] / 100) for plot in ("P1", "P2", "P3")) / 3
    stock += 10 * sum(tco2e_per_hectare(FIRST_KG[plot] / 100) for plot in ("P4", "P5")) / 2
    assert monitoring.cross_check_kg == pytest.approx(100 * stock, abs=1)
    assert "canopy/canopy.csv" in {file.name for file in monitoring.evidence}


def test_basal_area_is_the_cross_check_where_there_is_no_canopy_index(period: Callable[..., Monitoring]) -> None:
    """One tree per plot, 20 then 24 cm: 0.31416 and 0.45239 m²/ha; the ratio is that of both visits together."""
    monitoring = period()
    stock = sum(
        weight * sum(tco2e_per_hectare(masses[plot] / 100) for plot in plots) / len(plots)
        for masses in (FIRST_KG, GROWN_KG)
        for weight, plots in ((0.75, ("P1", "P2", "P3")), (0.25, ("P4", "P5")))
    )
    expected = 40_000 * stock / (0.314159 + 0.452389) * (0.452389 - 0.314159)
    assert monitoring.cross_check_kg == pytest.approx(expected, rel=1e-4)


def test_the_evidence_is_every_file_by_role_and_content(period: Callable[..., Monitoring]) -> None:
    monitoring = period()
    assert sorted(file.name for file in monitoring.evidence) == [
        "first/first_trees.csv",
        "holders/holders.csv",
        "parcels/parcels.csv",
        "second/second_trees.csv",
        "strata/strata.csv",
    ]
    assert monitoring.evidence_root == evidence_root(monitoring.evidence)
    assert period(holders=HOLDERS + "hh-0003,0x" + "dd" * 20 + "\n").evidence_root != monitoring.evidence_root


def test_an_auditor_can_walk_from_a_holder_back_to_its_plots(period: Callable[..., Monitoring]) -> None:
    monitoring = period()
    origin = monitoring.origin("coop-01")
    assert [step.parcel.parcel for step in origin] == ["A", "D"]
    assert sum(step.parcel.credited_kg for step in origin) == next(
        leaf.weight for leaf in monitoring.holders if leaf.holder == "coop-01"
    )
    assert [[plot.plot for plot in step.plots] for step in origin] == [["P1", "P2", "P3"], ["P4", "P5"]]
    first, second = origin[0].plots[0].pairs[0]
    assert (first.trees, first.source, first.on) == (1, "first/first_trees.csv", date(2020, 7, 1))
    assert (second.trees, second.source, second.on) == (1, "second/second_trees.csv", date(2025, 6, 30))
    assert origin[0].plots[0].change_tco2e_per_hectare == pytest.approx(
        second.tco2e_per_hectare - first.tco2e_per_hectare
    )


def test_the_explanation_carries_the_figures_it_explains(period: Callable[..., Monitoring]) -> None:
    monitoring = period()
    text = "\n".join(monitoring.explain())
    for figure in (monitoring.credited_kg, monitoring.uncertainty_kg, monitoring.cross_check_kg):
        assert tonnes_text(figure) in text
    assert "2020-07-01" in text
    assert "t(3) = 2.3534" in text


# --- Rhode Island --------------------------------------------------------------------------------


def test_rhode_island_2009_to_2018_is_issued_discounted_by_all_of_its_half_width(
    fia_ri: Path, accounts: tuple[str, ...]
) -> None:
    monitoring = monitor_fia(fia_ri, accounts=accounts, seed=7)
    assert monitoring.refusal is None
    assert monitoring.change.factor == pytest.approx(1 - monitoring.change.half_width_fraction)
    assert 0.30 < monitoring.change.half_width_fraction < 1
    assert monitoring.credited_kg == math.floor(
        1000 * monitoring.change.undiscounted * (1 - monitoring.change.half_width_fraction)
    )
    assert (monitoring.credited_kg, monitoring.uncertainty_kg) == (908_121_418, 1_044_218_075)
    assert sum(leaf.weight for leaf in monitoring.holders) == monitoring.credited_kg
    assert len(monitoring.holders) == len(accounts)
    assert abs(monitoring.cross_check_kg - monitoring.credited_kg) < 0.3 * monitoring.credited_kg


def test_rhode_island_counts_a_plot_once_however_often_it_was_measured(fia_ri: Path, accounts: tuple[str, ...]) -> None:
    monitoring = monitor_fia(fia_ri, accounts=accounts, seed=7)
    assert len(monitoring.plots) == len({plot.plot for plot in monitoring.plots}) == 112
    assert sum(len(plot.pairs) for plot in monitoring.plots) == 162
    twice = next(plot for plot in monitoring.plots if len(plot.pairs) == 2)
    differences = [later.tco2e_per_hectare - earlier.tco2e_per_hectare for earlier, later in twice.pairs]
    assert twice.change_tco2e_per_hectare == pytest.approx(sum(differences) / 2)


def test_rhode_island_merges_the_stratum_that_has_one_plot_with_its_neighbour(
    fia_ri: Path, accounts: tuple[str, ...]
) -> None:
    monitoring = monitor_fia(fia_ri, accounts=accounts, seed=7)
    assert [stratum.stratum for stratum in monitoring.strata] == ["2/1+2/2", "2/3", "2/4", "2/5", "3/12345"]
    assert all(stratum.plots >= 2 for stratum in monitoring.strata)
    assert {parcel.parcel.split("/")[0] for parcel in monitoring.parcels if parcel.stratum == "2/1+2/2"} == {
        "RI-2-1",
        "RI-2-2",
    }


def test_rhode_island_divides_its_forest_area_to_the_square_metre(fia_ri: Path, accounts: tuple[str, ...]) -> None:
    monitoring = monitor_fia(fia_ri, accounts=accounts, seed=7)
    assert monitoring.estimate.area_hectares == pytest.approx(148_502.917, abs=0.001)
    area_m2 = sum(parcel.area_m2 for parcel in monitoring.parcels)
    assert 0 <= monitoring.estimate.area_hectares * 10_000 - area_m2 < 6


def test_the_period_encloses_every_interval_that_is_counted(fia_ri: Path, accounts: tuple[str, ...]) -> None:
    """So that no second round can count the same growth again: final periods of one subject never overlap."""
    monitoring = monitor_fia(fia_ri, accounts=accounts, seed=7)
    start = datetime.fromtimestamp(monitoring.period_start, UTC).date()
    end = datetime.fromtimestamp(monitoring.period_end, UTC).date()
    visits = [visit.on for plot in monitoring.plots for pair in plot.pairs for visit in pair]
    assert (start, end) == (date(2004, 7, 26), date(2019, 3, 20))
    assert min(visits) == start
    assert max(visits) < end


def test_generated_holders_are_said_to_be_generated_and_depend_on_the_seed_only(
    fia_ri: Path, accounts: tuple[str, ...]
) -> None:
    one = monitor_fia(fia_ri, accounts=accounts, seed=7)
    assert one == monitor_fia(fia_ri, accounts=accounts, seed=7)
    other = monitor_fia(fia_ri, accounts=accounts, seed=8)
    assert other.credited_kg == one.credited_kg
    assert other.holders != one.holders
    assert any("generated from seed 7, not real" in line for line in one.explain())


# --- Images ---------------------------------------------------------------------------------------


@pytest.fixture
def seen(period: Callable[..., Monitoring], tmp_path: Path) -> Callable[..., Monitoring]:
    """The same pool with parcels as shapes and an image of each date, in which everything grew by a tenth."""
    shapes = squares()
    strata = "stratum,area_m2\n" + "".join(f"{name},{area}\n" for name, area in areas_m2(shapes).items())

    def monitor(**other: object) -> Monitoring:
        images = {
            "raster_first": image(tmp_path / "first.tif", [100.0] * 80),
            "raster_second": image(tmp_path / "second.tif", [110.0] * 80),
        }
        return period(**{"parcels": shapes, "strata": strata, **images, **other})

    return monitor


def test_images_that_come_alone_or_without_shapes_are_refused(
    seen: Callable[..., Monitoring], period: Callable[..., Monitoring], tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest, match="raster_first needs raster_second"):
        seen(raster_second=None)
    with pytest.raises(InvalidRequest, match="one or the other"):
        seen(canopy="parcel_id,canopy_first,canopy_second\n")
    picture = image(tmp_path / "i.tif", [100.0] * 80)
    with pytest.raises(InvalidRequest, match="parcels as shapes"):
        period(raster_first=picture, raster_second=picture)


def test_images_that_grow_by_a_tenth_suggest_a_tenth_of_the_stock(seen: Callable[..., Monitoring]) -> None:
    monitoring = seen()
    by_table = seen(
        raster_first=None,
        raster_second=None,
        canopy="parcel_id,canopy_first,canopy_second\nA,1,1.1\nB,1,1.1\nC,1,1.1\nD,1,1.1\n",
    )
    assert monitoring.cross_check_kg == pytest.approx(by_table.cross_check_kg, rel=1e-6)
    assert monitoring.qc_flags == 0
    assert {"raster_first/first.tif", "raster_second/second.tif"} <= {file.name for file in monitoring.evidence}


def test_a_parcel_under_clouds_refuses_the_period_unless_the_policy_lets_it_pass(
    seen: Callable[..., Monitoring], csv_file: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Parcel D is covered; what the cloud hides, a forest cut down, does not count at either date."""
    clouds = image(tmp_path / "clouds.tif", [0.0] * 60 + [1.0] * 20, nodata=None)
    cut = image(tmp_path / "cut.tif", [110.0] * 60 + [5.0] * 20)
    refused = seen(raster_second=cut, clouds_second=clouds)
    assert refused.refusal is not None
    assert "too cloudy" in refused.refusal
    assert (refused.credited_kg, refused.cross_check_kg) == (0, 0)
    policy = csv_file("policy.toml", "refuse = []\n")
    told = seen(raster_second=cut, clouds_second=clouds, policy=policy)
    assert told.qc_flags == Flag.CLOUD | Flag.MISSING
    assert told.cross_check_kg == pytest.approx(seen().cross_check_kg, rel=1e-6)
    assert any("too cloudy" in line for line in told.explain())


# --- Methodologies, heights, densities ------------------------------------------------------------


def test_gs_403_keeps_all_of_a_change_known_to_a_fifth(period: Callable[..., Monitoring]) -> None:
    monitoring = period(methodology="gs-403")
    change = {plot: (GROWN_KG[plot] - kg) / 100 * 1.2 * 0.47 * 44 / 12 for plot, kg in FIRST_KG.items()}
    mean = 0.75 * sum(change[plot] for plot in ("P1", "P2", "P3")) / 3 + 0.25 * (change["P4"] + change["P5"]) / 2
    assert monitoring.change.half_width_fraction < 0.20
    assert monitoring.methodology == "gs-403"
    assert monitoring.credited_kg == pytest.approx(40_000 * mean, abs=1)
    assert monitoring.methodology_digest != period().methodology_digest


def test_ccer_credits_nothing_until_its_parameters_are_supplied_and_allowed(
    period: Callable[..., Monitoring], csv_file: Callable[[str, str], Path]
) -> None:
    parameters = csv_file(
        "p.toml", "carbon_fraction=0.5\nroot_shoot=0.2\ndeduction_steps=[[0.2,0.05]]\ndeduction_beyond=1.0\n"
    )
    for options in ({}, {"parameters": parameters}, {"allow_unverified": 1}):
        with pytest.raises(UnverifiedMethodology):
            period(methodology="ccer-14-001", **options)
    allowed = period(methodology="ccer-14-001", parameters=parameters, allow_unverified=1)
    same = period(methodology="gs-403").credited_kg * 0.5 / 0.47 * 0.95
    assert allowed.credited_kg == pytest.approx(same, abs=2)
    assert "UNVERIFIED" in allowed.deduction


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    return write_county(
        tmp_path_factory.mktemp("county"), seed=3, accounts=[f"0x{n:040x}" for n in range(1, 21)], parcels=40, plots=80
    )


def without(path: Path, column: str, folder: Path, *, keep: int = 0) -> Path:
    """The file with a column emptied, but in every `keep`-th row."""
    header, *rows = (row.split(",") for row in path.read_text("utf-8").splitlines())
    index = header.index(column)
    for number, row in enumerate(rows):
        if not keep or number % keep:
            row[index] = ""
    folder.mkdir(exist_ok=True)
    (folder / path.name).write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n", "utf-8")
    return folder / path.name


def with_one_density(path: Path, densities: dict[str, str], folder: Path) -> Path:
    """The file with the density of its species beside every tree."""
    header, *rows = (row.split(",") for row in path.read_text("utf-8").splitlines())
    species, density = header.index("species"), header.index("wood_density")
    for row in rows:
        row[density] = densities[row[species]] if row[species] else ""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n", "utf-8")
    return folder / path.name


def monitored(county: County, **other: object) -> Monitoring:
    files = {role: getattr(county, role) for role in ("first_trees", "second_trees", "strata", "parcels", "holders")}
    settings = {"subject": "pool", "period_start": county.period_start, "period_end": county.period_end}
    return monitor_csv(**{**files, **settings, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("heights", ["best", "log1", "log2", "weibull", "michaelis"])
def test_heights_that_nobody_measured_come_from_one_curve_and_widen_the_half_width(
    county: County, tmp_path: Path, heights: str
) -> None:
    files = {
        role: without(getattr(county, role), "height_m", tmp_path / role, keep=4)
        for role in ("first_trees", "second_trees")
    }
    with pytest.raises(MissingMeasurement):
        monitored(county, **files)
    filled, measured = monitored(county, heights=heights, **files), monitored(county)
    assert filled.qc_flags == Flag.GAP_FILLED
    assert filled.change.undiscounted == pytest.approx(measured.change.undiscounted, rel=0.15)
    assert filled.estimate.half_width > stratified_alone(filled) > 0
    assert filled.methodology_digest != measured.methodology_digest
    assert any("height" in note for note in filled.notes)


def stratified_alone(monitoring: Monitoring) -> float:
    """The half-width that the plots alone give."""
    areas = {stratum.stratum: stratum.area_hectares for stratum in monitoring.strata}
    return stratified(monitoring.plots, areas, lambda plot: plot.change_tco2e_per_hectare).half_width


def test_wood_densities_come_from_a_laboratory_that_signed_them(county: County, tmp_path: Path) -> None:
    """With the very densities of the trees the figure is the same; unsigned, nothing is issued."""
    header, *rows = (row.split(",") for row in county.first_trees.read_text("utf-8").splitlines())
    species, density = header.index("species"), header.index("wood_density")
    table = {row[species]: row[density] for row in rows if row[density]}
    with_densities = {
        role: with_one_density(getattr(county, role), table, tmp_path / "own" / role)
        for role in ("first_trees", "second_trees")
    }
    laboratory = tmp_path / "lab.csv"
    laboratory.write_text(
        "species,wood_density\n" + "".join(f"{name},{value}\n" for name, value in table.items()), "utf-8"
    )
    files = {role: without(path, "wood_density", tmp_path / role) for role, path in with_densities.items()}
    unsigned = monitored(county, laboratory=laboratory, **files)
    assert unsigned.refusal is not None
    assert "unsigned laboratory report" in unsigned.refusal
    key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    (tmp_path / "lab.sig").write_bytes(key.sign(laboratory.read_bytes()))
    (tmp_path / "lab.key").write_text(key.public_key().public_bytes_raw().hex(), "utf-8")
    signature = {"laboratory_signature": tmp_path / "lab.sig", "laboratory_key": tmp_path / "lab.key"}
    signed = monitored(county, laboratory=laboratory, **files, **signature)
    own = monitored(county, **with_densities)
    assert (signed.qc_flags, signed.refusal) == (0, None)
    assert signed.credited_kg == own.credited_kg > 0
    with pytest.raises(InvalidRequest, match="laboratory_key needs laboratory"):
        monitored(county, laboratory_key=tmp_path / "lab.key")


# --- A census -------------------------------------------------------------------------------------

CENSUS = {
    "strata": "group,planted,root_shoot\npine,100000,0.25\noak,50000,0.25\n",
    "first_trees": "unit_id,group,species,dbh_cm,above_ground_kg\n"
    + "".join(f"p{n},pine,x,10,{10 + n % 2}\no{n},oak,x,10,{8 + n % 2}\n" for n in range(20)),
    "second_trees": "unit_id,group,species,dbh_cm,above_ground_kg\n"
    + "".join(f"q{n},pine,x,14,{30 + n % 2}\nr{n},oak,x,13,{20 + n % 2}\n" for n in range(20)),
}
"""Other units at the second date than at the first."""


def test_a_census_credits_whole_tonnes_by_group(period: Callable[..., Monitoring]) -> None:
    monitoring = period(methodology="vm0047-census", **CENSUS)
    factor = 1.25 * 0.47 * 44 / 12 / 1_000
    pine, oak = 100_000 * 20 * factor, 50_000 * 12 * factor
    assert monitoring.change.undiscounted == pytest.approx(pine + oak)
    assert monitoring.credited_kg == 1_000 * math.floor(pine + oak)
    by_stratum = {"pine": 0, "oak": 0}
    for parcel in monitoring.parcels:
        by_stratum[parcel.stratum] += parcel.credited_kg
    assert by_stratum["pine"] / by_stratum["oak"] == pytest.approx(pine / oak, rel=1e-3)
    assert not monitoring.is_cross_checked
    width = 1.7291328115213678 * math.sqrt(0.25 * 20 / 19 / 20) / 1_000
    half_width = math.sqrt(2) * math.hypot(100_000, 50_000) * width * 1.25 * 0.47 * 44 / 12
    assert monitoring.change.half_width_fraction == pytest.approx(half_width / (pine + oak))


def test_a_census_of_the_same_units_is_recognised_and_less_in_doubt(period: Callable[..., Monitoring]) -> None:
    again = CENSUS["second_trees"].replace("\nq", "\np").replace("\nr", "\no")
    rows = [row.split(",") for row in again.splitlines()[1:]]
    grown = "".join(f"{row[0]},{row[1]},x,{12 + n % 7 / 5},{row[4]}\n" for n, row in enumerate(rows))
    header = again.splitlines()[0] + "\n"
    independent = period(methodology="vm0047-census", **CENSUS)
    same = period(methodology="vm0047-census", **{**CENSUS, "second_trees": header + grown})
    assert same.refusal is None
    assert same.change.undiscounted == pytest.approx(independent.change.undiscounted)
    assert independent.change.half_width_fraction > 0
    assert same.change.half_width_fraction == pytest.approx(0, abs=1e-9), "every unit gained as much"
    assert any("the same units at both dates" in note for note in same.notes)
    assert any("independent samples" in note for note in independent.notes)
    assert same.methodology_digest != independent.methodology_digest
    some = header + grown.replace("p3,", "p33,")
    assert period(methodology="vm0047-census", **{**CENSUS, "second_trees": some}).change == independent.change
    computed = period(methodology="vm0047-census", **{**CENSUS, "second_trees": again})
    assert computed.qc_flags == Flag.TOO_REGULAR, "every diameter grew by four centimetres, or by three"
    assert computed.refusal is not None


def test_a_census_takes_neither_heights_nor_images(period: Callable[..., Monitoring], tmp_path: Path) -> None:
    picture = image(tmp_path / "i.tif", [1.0] * 80)
    for other in ({"heights": "log1"}, {"raster_first": picture, "raster_second": picture}):
        with pytest.raises(InvalidRequest, match="vm0047-census"):
            period(methodology="vm0047-census", **CENSUS, **other)
    with pytest.raises(UnknownReference, match="group without parcels"):
        period(
            methodology="vm0047-census",
            **{**CENSUS, "strata": f"{CENSUS['strata']}elm,9,0.2\n"}
            | {role: CENSUS[role] + "e1,elm,x,10,5\ne2,elm,x,10,6\n" for role in ("first_trees", "second_trees")},
        )


def _with_half_width(monitoring: Monitoring, u: float) -> Monitoring:
    """A pool of two plots whose change per hectare is 10 with a relative half-width of `u`: t(1) = 6.313752."""
    spread = 10 * u / 6.313751514675043

    def plot(name: str, change: float) -> PlotChange:
        first, second = (VisitFigure("", date(2020, 7, 1), 1, value, value) for value in (50.0, 50.0 + change))
        return PlotChange(name, "pine", 1.0, ((first, second),))

    return assemble(
        subject="pool-1",
        period_start=START,
        period_end=END,
        plots=(plot("P1", 10 - spread), plot("P2", 10 + spread)),
        areas={"pine": 1_000_000.0},
        parcels=(Parcel("A", "pine", 10_000_000_000, "hh-0001"),),
        holders={"hh-0001": Holder("hh-0001", b"\xaa" * 20)},
        leakage_kg=0,
        cross_check_tco2e=0.0,
        evidence=monitoring.evidence,
        methodology=METHODOLOGY,
        methodology_digest=monitoring.methodology_digest,
        notes=(),
    )


def test_a_parcel_that_changed_hands_is_shared_by_time_and_walks_back_to_its_plots(
    period: Callable[..., Monitoring],
) -> None:
    tenures = "parcel_id,holder,share,from,until\nA,coop-01,1,,2022-01-01\nA,hh-0001,1/2,2022-01-01,\n"
    shared = period(tenures=tenures + "A,hh-0002,0.5,2022-01-01,\n")
    plain = period()
    assert shared.credited_kg == plain.credited_kg
    (origin,) = (step for step in shared.origin("hh-0002") if step.parcel.parcel == "A")
    part = (END - 1_640_995_200) / (END - START) / 2
    assert origin.credited_kg == pytest.approx(origin.parcel.credited_kg * part, abs=1)
    assert "tenures/tenures.csv" in [file.name for file in shared.evidence]


def test_parcels_may_be_shapes_whose_areas_are_those_of_their_strata(period: Callable[..., Monitoring]) -> None:
    """Four squares; the strata have the areas that the shapes have on the ellipsoid."""
    shapes = squares()
    with pytest.raises(Contradiction, match="add up to"):
        period(parcels=shapes)
    measured = read_parcel_shapes(
        RawFile("p.geojson", shapes.encode()), strata={"pine", "oak"}, holders={"coop-01", "hh-0001", "hh-0002"}
    )
    area = measured[0].parcel.area_m2
    monitored = period(parcels=shapes, strata=f"stratum,area_m2\npine,{2 * area}\noak,{2 * area}\n")
    assert [parcel.area_m2 for parcel in monitored.parcels] == [area] * 4
    assert sum(leaf.weight for leaf in monitored.holders) == monitored.credited_kg > 0
