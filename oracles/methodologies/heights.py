"""Height–diameter models: the heights that nobody measured, with the error of guessing them.

The forms are those of the field (as compared in Réjou-Méchain et al. 2017, Methods in Ecology and Evolution 8,
1163–1167, and Feldpausch et al. 2012, Biogeosciences 9, 3381–3403); D in cm, H in m. A model fitted to logarithms
predicts the median, so its predictions are multiplied by `exp(σ²/2)` (Baskerville 1972, Canadian Journal of Forest
Research 2, 49–53), σ being the residual standard error of the logarithms.

Reductions are `math.fsum` and coefficients are rounded to `SIGNIFICANT_DIGITS`, so that reporters on different machines
fill in the same heights.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from oracles.errors import CannotFitHeights, InvalidRequest
from oracles.readings import PlotVisit, Tree

Array = NDArray[np.float64]

LEAST_HEIGHTS = 15
"""Fewer measured heights than this make no model."""

SIGNIFICANT_DIGITS = 10

MAXIMUM_STEPS = 200

NO_HEIGHTS, BEST = "none", "best"
"""Choices besides the forms: a missing height is refused, or the form that fits best fills it in."""

CHAVE_2014_EQ6A_SIGMA = 0.243


class HeightForm(Enum):
    """The shape of a height–diameter curve."""

    LOG1 = "log1"
    """`ln H = a + b ln D`, a power law."""
    LOG2 = "log2"
    """`ln H = a + b ln D + c (ln D)²`."""
    WEIBULL = "weibull"
    """`H = a (1 − exp(−(D/b)^c))`."""
    MICHAELIS = "michaelis"
    """`H = a D / (b + D)`, Michaelis–Menten."""
    CHAVE_2014_EQ6A = "chave2014-eq6a"
    """`ln H = 0.893 − E + 0.760 ln D − 0.0340 (ln D)²`, published: fitted to nothing of one's own."""

    @property
    def is_logarithmic(self) -> bool:
        return self not in (HeightForm.WEIBULL, HeightForm.MICHAELIS)


FITTED = (HeightForm.LOG1, HeightForm.LOG2, HeightForm.WEIBULL, HeightForm.MICHAELIS)


@dataclass(frozen=True, slots=True)
class HeightModel:
    """A height–diameter curve with what is known of its error.

    `residual_m` is the residual standard error of the back-transformed prediction in metres, `residual_ln` that of the
    logarithms where the form has them. `bias` is (mean predicted − mean measured) / mean measured. A published model
    was fitted to `trees` = 0 of these trees and has no covariance of its coefficients.
    """

    form: HeightForm
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    residual_m: float | None
    residual_ln: float | None
    bias: float | None
    trees: int
    dbh_range_cm: tuple[float, float] | None

    @property
    def correction(self) -> float:
        """What the back-transformed prediction is multiplied by (Baskerville); 1 where nothing was transformed."""
        return 1.0 if self.residual_ln is None else math.exp(self.residual_ln**2 / 2)

    def height_m(self, dbh_cm: float) -> float:
        """The expected height of a tree of that diameter."""
        return float(self.heights_m(np.array([dbh_cm]))[0])

    def heights_m(self, dbh_cm: Array, coefficients: Sequence[float] | None = None) -> Array:
        """The expected heights of trees; with other `coefficients` than its own, those of a draw of the model."""
        chosen = self.coefficients if coefficients is None else coefficients
        return _curve(self.form, dbh_cm, chosen) * self.correction

    def gradient(self, dbh_cm: Array) -> Array:
        """The derivatives of the expected heights by the coefficients, a row per tree."""
        if not self.covariance:
            return np.zeros((len(dbh_cm), 0))
        return _gradient(self.form, dbh_cm, self.coefficients) * self.correction

    def residuals_m(self, dbh_cm: Array) -> Array:
        """The standard deviation, in metres, with which single trees lie about their expected height."""
        if self.residual_ln is not None:
            return self.heights_m(dbh_cm) * math.sqrt(math.expm1(self.residual_ln**2))
        assert self.residual_m is not None
        return np.full(len(dbh_cm), self.residual_m)

    def describe(self) -> str:
        """The fit in one line."""
        figures = ", ".join(f"{value:.6g}" for value in self.coefficients)
        errors = [f"RSE {self.residual_m:.3f} m"] if self.residual_m is not None else []
        if self.residual_ln is not None:
            errors.append(f"RSE ln {self.residual_ln:.4f}")
            errors.append(f"× {self.correction:.5f}")
        if self.bias is not None:
            errors.append(f"bias {100 * self.bias:+.2f} %")
        return f"{self.form.value}({figures}), n = {self.trees}, {', '.join(errors)}"


def measured_heights(visits: Sequence[PlotVisit]) -> tuple[Array, Array]:
    """Diameters and heights of the trees that have both."""
    pairs = [
        (tree.dbh_cm, tree.height_m)
        for visit in visits
        for tree in visit.trees
        if tree.height_m is not None and not tree.height_is_modelled
    ]
    both = np.array(pairs, dtype=np.float64).reshape(len(pairs), 2)
    return both[:, 0], both[:, 1]


def fit(form: HeightForm, dbh_cm: Array, height_m: Array) -> HeightModel:
    """Fits a form by least squares: of the logarithms where it is logarithmic, of the heights where it is not."""
    if form not in FITTED:
        raise InvalidRequest(f"{form.value} 不是拟合得来的", f"{form.value} is published, it is not fitted")
    n = len(dbh_cm)
    if n < LEAST_HEIGHTS:
        raise CannotFitHeights(
            form.value,
            f"只有 {n} 株实测树高，至少要 {LEAST_HEIGHTS} 株",
            f"only {n} heights were measured, at least {LEAST_HEIGHTS} are needed",
        )
    if len(np.unique(dbh_cm)) <= len(_START[form](dbh_cm, height_m)):
        raise CannotFitHeights(form.value, "胸径太少变化", "the diameters hardly differ")
    target = np.log(height_m) if form.is_logarithmic else height_m
    coefficients = _least_squares(form, dbh_cm, target, _START[form](dbh_cm, height_m))
    degrees = n - len(coefficients)
    inner = _predict(form, dbh_cm, coefficients)
    variance = math.fsum(((target - inner) ** 2).tolist()) / degrees
    jacobian = _jacobian(form, dbh_cm, coefficients)
    covariance = np.linalg.inv(_products(jacobian)) * variance
    model = HeightModel(
        form=form,
        coefficients=tuple(_rounded(value) for value in coefficients),
        covariance=tuple(tuple(_rounded(value) for value in row) for row in covariance.tolist()),
        residual_m=0.0,
        residual_ln=_rounded(math.sqrt(variance)) if form.is_logarithmic else None,
        bias=0.0,
        trees=n,
        dbh_range_cm=(float(dbh_cm.min()), float(dbh_cm.max())),
    )
    predicted = model.heights_m(dbh_cm)
    mean = math.fsum(height_m.tolist()) / n
    return replace(
        model,
        residual_m=_rounded(math.sqrt(math.fsum(((height_m - predicted) ** 2).tolist()) / degrees)),
        bias=_rounded((math.fsum(predicted.tolist()) / n - mean) / mean),
    )


def fit_best(dbh_cm: Array, height_m: Array) -> HeightModel:
    """The form with the smallest residual standard error in metres; ties go to the simpler one.

    A form that does not fit these trees at all is out of the running.
    """
    models = []
    for form in FITTED:
        try:
            models.append(fit(form, dbh_cm, height_m))
        except CannotFitHeights as failure:
            if len(dbh_cm) < LEAST_HEIGHTS or form is HeightForm.LOG1:
                raise
            del failure
    return min(models, key=lambda model: (model.residual_m, len(model.coefficients)))


def chave2014_eq6a(environment: float) -> HeightModel:
    """The pan-tropical curve for a place with environmental stress `environment` (E).

    Chave et al. 2014, Global Change Biology 20, 3177–3190, eq. 6a; residual standard error 0.243 of the logarithm.
    """
    return HeightModel(
        form=HeightForm.CHAVE_2014_EQ6A,
        coefficients=(0.893 - environment, 0.760, -0.0340),
        covariance=(),
        residual_m=None,
        residual_ln=CHAVE_2014_EQ6A_SIGMA,
        bias=None,
        trees=0,
        dbh_range_cm=None,
    )


def model_of(choice: str, visits: Sequence[PlotVisit], environment: float | None) -> HeightModel | None:
    """The model that a person chose by name, fitted to the measured heights of these visits; None for `none`.

    `best` is the form that fits best; a published curve is fitted to nothing and needs the `environment`.
    """
    if choice == NO_HEIGHTS:
        return None
    if choice == HeightForm.CHAVE_2014_EQ6A.value:
        if environment is None or not math.isfinite(environment):
            raise InvalidRequest(
                f"树高模型 {choice} 需要环境胁迫指数 --environment", f"height model {choice} needs --environment"
            )
        return chave2014_eq6a(environment)
    known = (BEST, *(form.value for form in FITTED))
    if choice not in known:
        listed = ", ".join((NO_HEIGHTS, *known, HeightForm.CHAVE_2014_EQ6A.value))
        raise InvalidRequest(
            f"没有树高模型 {choice}（有：{listed}）", f"no height model {choice} (there are: {listed})"
        )
    measured = measured_heights(visits)
    return fit_best(*measured) if choice == BEST else fit(HeightForm(choice), *measured)


def fill(visits: Sequence[PlotVisit], model: HeightModel) -> tuple[PlotVisit, ...]:
    """The same visits, every missing height filled in by the model and marked as such. Measured heights stay."""
    return tuple(replace(visit, trees=tuple(_filled(tree, model) for tree in visit.trees)) for visit in visits)


def _filled(tree: Tree, model: HeightModel) -> Tree:
    if tree.height_m is not None:
        return tree
    return replace(tree, height_m=model.height_m(tree.dbh_cm), height_is_modelled=True)


# --- Curves ---------------------------------------------------------------------------------------


def _curve(form: HeightForm, dbh_cm: Array, coefficients: Sequence[float]) -> Array:
    """Heights before the correction for bias."""
    inner = _predict(form, dbh_cm, coefficients)
    return np.exp(inner) if form.is_logarithmic else inner


def _gradient(form: HeightForm, dbh_cm: Array, coefficients: Sequence[float]) -> Array:
    jacobian = _jacobian(form, dbh_cm, coefficients)
    if form.is_logarithmic:
        jacobian = jacobian * _curve(form, dbh_cm, coefficients)[:, None]
    return jacobian


def _predict(form: HeightForm, dbh_cm: Array, coefficients: Sequence[float]) -> Array:
    """What is fitted: the logarithm of the height for a logarithmic form, else the height."""
    match form:
        case HeightForm.LOG1:
            a, b = coefficients
            return np.asarray(a + b * np.log(dbh_cm))
        case HeightForm.LOG2 | HeightForm.CHAVE_2014_EQ6A:
            a, b, c = coefficients
            logarithm = np.log(dbh_cm)
            return np.asarray(a + b * logarithm + c * logarithm**2)
        case HeightForm.WEIBULL:
            a, b, c = coefficients
            return np.asarray(-a * np.expm1(-((dbh_cm / b) ** c)))
        case HeightForm.MICHAELIS:
            a, b = coefficients
            return np.asarray(a * dbh_cm / (b + dbh_cm))


def _jacobian(form: HeightForm, dbh_cm: Array, coefficients: Sequence[float]) -> Array:
    one = np.ones_like(dbh_cm)
    match form:
        case HeightForm.LOG1:
            return np.column_stack([one, np.log(dbh_cm)])
        case HeightForm.LOG2 | HeightForm.CHAVE_2014_EQ6A:
            return np.column_stack([one, np.log(dbh_cm), np.log(dbh_cm) ** 2])
        case HeightForm.WEIBULL:
            a, b, c = coefficients
            power = (dbh_cm / b) ** c
            decay = np.exp(-power)
            return np.column_stack(
                [-np.expm1(-power), -a * decay * power * c / b, a * decay * power * np.log(dbh_cm / b)]
            )
        case HeightForm.MICHAELIS:
            a, b = coefficients
            return np.column_stack([dbh_cm / (b + dbh_cm), -a * dbh_cm / (b + dbh_cm) ** 2])


def _start_log(count: int) -> Callable[[Array, Array], tuple[float, ...]]:
    return lambda _dbh, _height: (0.0,) * count


def _start_weibull(dbh_cm: Array, height_m: Array) -> tuple[float, ...]:
    """A top at the ninth decile of heights, the scale at the mean diameter."""
    return float(np.quantile(height_m, 0.9)), float(np.mean(dbh_cm)), 0.8


def _start_michaelis(dbh_cm: Array, height_m: Array) -> tuple[float, ...]:
    """Half of the top is reached at the mean diameter."""
    return 1.5 * float(np.quantile(height_m, 0.9)), float(np.mean(dbh_cm))


_START: dict[HeightForm, Callable[[Array, Array], tuple[float, ...]]] = {
    HeightForm.LOG1: _start_log(2),
    HeightForm.LOG2: _start_log(3),
    HeightForm.WEIBULL: _start_weibull,
    HeightForm.MICHAELIS: _start_michaelis,
}


# --- Least squares --------------------------------------------------------------------------------


def _least_squares(form: HeightForm, dbh_cm: Array, target: Array, start: Sequence[float]) -> list[float]:
    """Levenberg–Marquardt. For the linear forms the first undamped step is the answer."""
    current = list(start)
    damping = 0.0 if form.is_logarithmic else 1e-3
    error = _squares(form, dbh_cm, target, current)
    for _ in range(MAXIMUM_STEPS):
        residual = target - _predict(form, dbh_cm, current)
        jacobian = _jacobian(form, dbh_cm, current)
        products = _products(jacobian)
        towards = np.array([math.fsum((column * residual).tolist()) for column in jacobian.T])
        while True:
            try:
                step = np.linalg.solve(products + damping * np.diag(np.diag(products)), towards).tolist()
            except np.linalg.LinAlgError:
                raise CannotFitHeights(form.value, "方程组奇异", "the equations are singular") from None
            trial = [value + change for value, change in zip(current, step, strict=True)]
            trial_error = _squares(form, dbh_cm, target, trial)
            if trial_error <= error:
                break
            damping = max(10 * damping, 1e-6)
            if damping > 1e12:  # No step improves the sum of squares any more: this is the minimum.
                return current
        settled = all(abs(change) <= 1e-13 * (abs(value) + 1e-13) for value, change in zip(trial, step, strict=True))
        current, error, damping = trial, trial_error, damping / 10 if damping > 1e-14 else 0.0
        if settled:
            return current
    raise CannotFitHeights(form.value, "不收敛", "the fit does not converge")


def _squares(form: HeightForm, dbh_cm: Array, target: Array, coefficients: Sequence[float]) -> float:
    """The sum of squared residuals; infinite where the curve is undefined."""
    if not form.is_logarithmic and (min(coefficients) <= 0 or not all(map(math.isfinite, coefficients))):
        return math.inf
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = (target - _predict(form, dbh_cm, coefficients)) ** 2
    return math.fsum(squares.tolist()) if np.isfinite(squares).all() else math.inf


def _products(jacobian: Array) -> Array:
    columns = jacobian.T
    return np.array([[math.fsum((one * other).tolist()) for other in columns] for one in columns])


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
