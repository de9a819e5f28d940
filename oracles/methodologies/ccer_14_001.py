"""China CCER-14-001-V01, afforestation carbon sink: the shape of the computation, none of its parameters.

The ministry's text is not at hand, so nothing here states what it says. An operator who has it supplies the parameters
as a TOML file and allows the unverified methodology in so many words; both are part of the digest in the report.
"""

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from oracles.errors import InvalidParameters
from oracles.evidence import RawFile
from oracles.methodologies.allometry import below_ground_t_per_hectare
from oracles.methodologies.ipcc2006 import ROOT_SHOOT, root_shoot
from oracles.methodologies.methodology import Methodology, Parameter
from oracles.methodologies.stocks import StockRules

KEY, VERSION = "ccer-14-001", "V01"

EXPECTED = "carbon_fraction, root_shoot, deduction_steps, deduction_beyond"


def methodology_of(raw: RawFile) -> Methodology:
    """The methodology with the parameters of a TOML file, unverified.

    `carbon_fraction`; `root_shoot`, a ratio or `"cairns1997"` or `"ipcc2006-<forest>"`; `deduction_steps`, pairs of a
    relative half-width (upper end, inclusive) and the part of the *figure* that is deducted up to it, ascending;
    `deduction_beyond`, the part deducted beyond the last step.
    """
    try:
        given = tomllib.loads(raw.content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise InvalidParameters(raw.name, f"不是 TOML：{failure}", f"not TOML: {failure}") from failure
    if set(given) != set(EXPECTED.split(", ")):
        raise InvalidParameters(raw.name, f"应恰有 {EXPECTED}", f"must have exactly {EXPECTED}")
    fraction = _fraction(raw, given, "carbon_fraction")
    beyond = _fraction(raw, given, "deduction_beyond")
    steps = _steps(raw, given["deduction_steps"])
    roots = given["root_shoot"]

    def remaining(u: float) -> float:
        rounded = round(u, 12)
        return 1 - next((part for upper, part in steps if rounded <= upper), beyond)

    return Methodology(
        key=KEY,
        version=VERSION,
        title="造林碳汇（CCER-14-001-V01），参数由使用者提供，未经核实",
        source=f"parameters from {raw.name}, sha256 {raw.sha256.hex()}, unverified",
        parameters={
            "carbon_fraction": fraction,
            "deduction_beyond": beyond,
            "deduction_steps": steps,
            "root_shoot": _parameter(roots),
            "verified": "no",
        },
        rules=StockRules(
            carbon_fraction=fraction,
            below_ground_t_per_hectare=_roots(raw, roots),
            remaining=remaining,
            roots=str(roots),
            deduction=f"{KEY} by {raw.name}, UNVERIFIED",
        ),
        verified=False,
    )


def _parameter(value: object) -> Parameter:
    return float(value) if isinstance(value, int | float) else str(value)


def _fraction(raw: RawFile, given: Mapping[str, Any], name: str) -> float:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidParameters(raw.name, f"{name} 应在 0 与 1 之间", f"{name} must lie between 0 and 1")
    return float(value)


def _steps(raw: RawFile, value: object) -> tuple[tuple[float, float], ...]:
    try:
        steps = tuple((float(upper), float(part)) for upper, part in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as failure:
        raise InvalidParameters(
            raw.name, "deduction_steps 应是成对的数", "deduction_steps must be pairs of numbers"
        ) from failure
    uppers = [upper for upper, _ in steps]
    if not steps or uppers != sorted(set(uppers)) or not all(0 <= part <= 1 for _, part in steps):
        raise InvalidParameters(raw.name, "deduction_steps 应按半宽递增", "deduction_steps must ascend by half-width")
    return steps


def _roots(raw: RawFile, value: object) -> Callable[[float], float]:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 2:
        return lambda above_ground: value * above_ground
    if value == "cairns1997":
        return below_ground_t_per_hectare
    forest = str(value).removeprefix("ipcc2006-")
    if forest != value and forest in ROOT_SHOOT:
        return lambda above_ground: root_shoot(forest, above_ground) * above_ground
    raise InvalidParameters(
        raw.name,
        "root_shoot 应是比值、cairns1997 或 ipcc2006-<森林类型>",
        f"root_shoot must be a ratio, cairns1997 or ipcc2006-<{'|'.join(ROOT_SHOOT)}>",
    )
