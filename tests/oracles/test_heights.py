"""Height–diameter models: what cannot be fitted, then curves that are known, then heights that are filled in."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from oracles.errors import CannotFitHeights, InvalidRequest, MissingMeasurement
from oracles.evidence import RawFile
from oracles.methodologies import ar_tool14
from oracles.methodologies.allometry import chave2014_eq4
from oracles.methodologies.heights import (
    FITTED,
    HeightForm,
    HeightModel,
    chave2014_eq6a,
    fill,
    fit,
    fit_best,
    measured_heights,
)
from oracles.methodologies.stocks import height_error, height_error_of_change
from oracles.readings import Tree
from oracles.sources import fia
from oracles.sources.csv_trees import read_inventory

DBH = np.linspace(5, 80, 60)
CURVES = {
    HeightForm.LOG1: (0.9, 0.65),
    HeightForm.LOG2: (0.3, 1.2, -0.09),
    HeightForm.WEIBULL: (35.0, 25.0, 0.9),
    HeightForm.MICHAELIS: (48.0, 27.0),
}


def exact(form: HeightForm) -> np.ndarray:
    model = HeightModel(form, CURVES[form], (), 0.0, None, None, 0, None)
    return model.heights_m(DBH)


def noisy(seed: int = 1, *, sigma: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Trees about a Weibull curve, with multiplicative deviations."""
    random = np.random.default_rng(seed)
    dbh = np.exp(random.normal(3, 0.6, 800)).clip(5, 120)
    return dbh, 40 * (1 - np.exp(-((dbh / 28) ** 0.9))) * np.exp(random.normal(0, sigma, 800))


@pytest.mark.parametrize("form", FITTED)
def test_fewer_than_fifteen_heights_make_no_model(form: HeightForm) -> None:
    with pytest.raises(CannotFitHeights, match=r"只有 14 株.*only 14 heights"):
        fit(form, DBH[:14], exact(form)[:14])
    assert fit(form, DBH[::4], exact(form)[::4]).trees == 15


def test_trees_of_one_diameter_make_no_model() -> None:
    with pytest.raises(CannotFitHeights, match="hardly differ"):
        fit(HeightForm.LOG2, np.repeat([10.0, 20.0, 30.0], 10), np.linspace(5, 15, 30))


def test_a_published_curve_is_not_fitted() -> None:
    with pytest.raises(InvalidRequest, match="published"):
        fit(HeightForm.CHAVE_2014_EQ6A, DBH, DBH)


@pytest.mark.parametrize("form", FITTED)
def test_a_curve_is_found_again_in_its_own_points(form: HeightForm) -> None:
    model = fit(form, DBH, exact(form))
    assert model.coefficients == pytest.approx(CURVES[form], rel=1e-6)
    assert model.residual_m == pytest.approx(0, abs=1e-6)
    assert model.bias == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("degree", [1, 2])
def test_logarithmic_forms_are_the_least_squares_of_logarithms(degree: int) -> None:
    dbh, height = noisy()
    form = (HeightForm.LOG1, HeightForm.LOG2)[degree - 1]
    coefficients, covariance = np.polyfit(np.log(dbh), np.log(height), degree, cov=True)
    model = fit(form, dbh, height)
    assert model.coefficients == pytest.approx(coefficients[::-1].tolist())
    assert np.array(model.covariance) == pytest.approx(covariance[::-1, ::-1], rel=1e-6)


@pytest.mark.parametrize(
    ("form", "curve"),
    [
        (HeightForm.WEIBULL, lambda d, a, b, c: a * (1 - np.exp(-((d / b) ** c)))),
        (HeightForm.MICHAELIS, lambda d, a, b: a * d / (b + d)),
    ],
)
def test_curved_forms_are_those_of_scipy(form: HeightForm, curve) -> None:
    dbh, height = noisy()
    expected, covariance = curve_fit(curve, dbh, height, p0=CURVES[form], xtol=1e-14, ftol=1e-14, gtol=1e-14)
    model = fit(form, dbh, height)
    assert model.coefficients == pytest.approx(expected, rel=1e-6)
    assert np.array(model.covariance) == pytest.approx(covariance, rel=1e-3)


def test_predictions_of_logarithms_are_corrected_for_bias() -> None:
    """Without the factor exp(σ²/2) the mean would be some 2 % too low at σ = 0.2."""
    dbh, height = noisy()
    model = fit(HeightForm.LOG2, dbh, height)
    assert model.residual_ln == pytest.approx(0.2, abs=0.01)
    assert model.correction == pytest.approx(math.exp(model.residual_ln**2 / 2))
    assert abs(model.bias) < 0.005
    uncorrected = model.heights_m(dbh).mean() / model.correction
    assert uncorrected / height.mean() - 1 < -0.015


def test_the_best_form_has_the_smallest_residual() -> None:
    dbh, height = noisy()
    best = fit_best(dbh, height)
    assert best.residual_m == min(fit(form, dbh, height).residual_m for form in FITTED)
    assert fit_best(DBH, exact(HeightForm.MICHAELIS)).form is HeightForm.MICHAELIS


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(FITTED), st.integers(0, 10_000), st.permutations(range(40)))
def test_the_order_of_trees_does_not_change_a_model(form: HeightForm, seed: int, order: list[int]) -> None:
    dbh, height = (column[:40] for column in noisy(seed, sigma=0.1))
    try:
        model = fit(form, dbh, height)
    except CannotFitHeights:
        return
    shuffled = fit(form, dbh[order], height[order])
    assert shuffled.heights_m(DBH) == pytest.approx(model.heights_m(DBH), rel=1e-6)


def test_the_gradient_is_that_of_the_curve() -> None:
    dbh, height = noisy()
    for form in FITTED:
        model = fit(form, dbh, height)
        own = model.coefficients
        for index, value in enumerate(own):
            near = 1e-6 * max(abs(value), 1e-3)
            moved = [model.heights_m(DBH, [*own[:index], value + sign * near, *own[index + 1 :]]) for sign in (1, -1)]
            assert model.gradient(DBH)[:, index] == pytest.approx((moved[0] - moved[1]) / (2 * near), rel=1e-4)


def test_the_pantropical_curve_by_hand() -> None:
    """E = 0, D = 20 cm: exp(0.893 + 0.760 · 2.9957 − 0.0340 · 8.9744) · exp(0.243²/2) = 18.07 m."""
    expected = math.exp(0.893 + 0.760 * math.log(20) - 0.0340 * math.log(20) ** 2) * math.exp(0.243**2 / 2)
    assert expected == pytest.approx(18.06, abs=0.02)
    assert chave2014_eq6a(0.0).height_m(20) == pytest.approx(expected)
    assert chave2014_eq6a(0.1).height_m(20) == pytest.approx(expected * math.exp(-0.1))


HEADER = "plot_id,stratum,plot_area_m2,tree_id,species,dbh_cm,height_m,wood_density\n"


def inventory(*, missing: int, seed: int = 3):
    """Eight plots of twenty trees; of every plot so many heights were not measured."""
    dbh, height = noisy(seed)
    rows = [
        f"P{plot},pine,400,{tree},Pinus,{dbh[20 * plot + tree]:.1f},"
        f"{'' if tree < missing else f'{height[20 * plot + tree]:.1f}'},0.45"
        for plot in range(8)
        for tree in range(20)
    ]
    return read_inventory(
        RawFile("trees.csv", (HEADER + "\n".join(rows)).encode()), RawFile("strata.csv", b"stratum,area_ha\npine,10\n")
    )


def test_only_missing_heights_are_filled_and_they_are_marked() -> None:
    campaign = inventory(missing=5)
    model = fit(HeightForm.WEIBULL, *measured_heights(campaign.visits))
    assert model.trees == 120
    before = [tree for visit in campaign.visits for tree in visit.trees]
    after = [tree for visit in fill(campaign.visits, model) for tree in visit.trees]
    for one, other in zip(before, after, strict=True):
        assert other.height_is_modelled == (one.height_m is None)
        assert other.height_m == (model.height_m(one.dbh_cm) if one.height_m is None else one.height_m)
    assert measured_heights(fill(campaign.visits, model))[0].tolist() == measured_heights(campaign.visits)[0].tolist()


def test_a_filled_inventory_is_close_to_the_measured_one_and_its_half_width_wider() -> None:
    full, gaps = inventory(missing=0), inventory(missing=10)
    model = fit_best(*measured_heights(gaps.visits))
    with pytest.raises(MissingMeasurement, match="--heights"):
        ar_tool14.METHODOLOGY.stock(gaps.visits, gaps.strata, chave2014_eq4)
    measured = ar_tool14.METHODOLOGY.stock(full.visits, full.strata, chave2014_eq4)
    filled = fill(gaps.visits, model)
    guessed = ar_tool14.METHODOLOGY.stock(filled, gaps.strata, chave2014_eq4, heights=model)
    assert guessed.stock_tco2e == pytest.approx(measured.stock_tco2e, rel=0.1)
    without = ar_tool14.METHODOLOGY.stock(filled, gaps.strata, chave2014_eq4)
    assert guessed.half_width_percent > without.half_width_percent
    assert any("树高模型" in line for line in guessed.explanation.lines())


def test_the_error_of_one_guessed_height_by_hand() -> None:
    """One tree of 160 is guessed by a model without error of its curve: weight · dB/dH · residual."""
    campaign = inventory(missing=0)
    model = HeightModel(HeightForm.MICHAELIS, (48.0, 27.0), (), 2.0, None, None, 0, None)
    first = campaign.visits[0]
    tree = first.trees[0]
    bare = Tree(tree.label, tree.row, tree.species, tree.dbh_cm, None, tree.wood_density_g_cm3)
    visits = fill((replace(first, trees=(bare, *first.trees[1:])),), model)
    rules = ar_tool14.RULES
    kilograms = chave2014_eq4(visits[0].trees[0], "")
    assert visits[0].trees[0].height_m is not None
    slope = 0.976 * kilograms / visits[0].trees[0].height_m
    above = sum(chave2014_eq4(one, "") for one in visits[0].trees) / 1000 / 0.04
    marginal = (rules.tco2e_per_hectare(above * (1 + 1e-6)) - rules.tco2e_per_hectare(above)) / (above * 1e-6)
    all_visits = (*visits, *campaign.visits[1:])
    expected = slope * 2.0 / 1000 / 0.04 / 8 * marginal
    assert height_error(rules, all_visits, campaign.strata, chave2014_eq4, model) == pytest.approx(expected, rel=1e-4)
    assert height_error(rules, campaign.visits, campaign.strata, chave2014_eq4, model) == 0


def test_real_heights_of_rhode_island_are_predicted_without_bias(fia_ri: Path) -> None:
    """Half of the measured heights fit the model, the other half is predicted: mean bias under 2 %, RSE under 3.5 m."""
    table = fia.read_table(
        RawFile("RI_TREE.csv", (fia_ri / "RI_TREE.csv").read_bytes()),
        zh="树木表",
        required=("DIA", "HT", "STATUSCD"),
        missing="NA",
    )
    rows = [
        (float(dia) * 2.54, float(height) * 0.3048)
        for dia, height, status in zip(
            table.columns["DIA"], table.columns["HT"], table.columns["STATUSCD"], strict=True
        )
        if status == "1" and dia and height and float(dia) >= 5
    ]
    assert len(rows) > 3_000
    dbh, height = np.array(rows).T
    for form in FITTED:
        model = fit(form, dbh[::2], height[::2])
        predicted = model.heights_m(dbh[1::2])
        assert predicted.mean() / height[1::2].mean() == pytest.approx(1, abs=0.02), form
        assert np.sqrt(np.mean((predicted - height[1::2]) ** 2)) < 3.5, form


def test_what_a_curve_gets_wrong_at_both_visits_cancels_in_their_difference() -> None:
    """A curve without deviations of single trees: nothing is left where nothing grew, something where trees did."""
    dbh, height = noisy()
    model = replace(fit(HeightForm.LOG1, dbh, height), residual_m=0.0, residual_ln=0.0)
    header = "plot_id,stratum,plot_area_m2,tree_id,species,dbh_cm,height_m,wood_density\n"

    def sheet(grown: float):
        rows = "".join(f"P{n % 3},pine,400,{n},Pinus,{10 + n + grown},,0.45\n" for n in range(30))
        inventory = read_inventory(
            RawFile("t.csv", (header + rows).encode()), RawFile("s.csv", b"stratum,area_ha\npine,9\n")
        )
        return fill(inventory.visits, model), inventory.strata

    before, strata = sheet(0.0)
    same = height_error_of_change(ar_tool14.RULES, before, before, strata, chave2014_eq4, model)
    grown = height_error_of_change(ar_tool14.RULES, before, sheet(5.0)[0], strata, chave2014_eq4, model)
    alone = height_error(ar_tool14.RULES, before, strata, chave2014_eq4, model)
    assert same == pytest.approx(0, abs=1e-9)
    assert 0 < grown < alone
