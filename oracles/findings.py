"""What the quality checks found in the data a report rests on: the bits of its `qcFlags`, and what they lead to.

A finding sets a bit. The policy says which bits refuse the report; all others are told. The checks of sensor series are
in `oracles.quality`; here are those of tally sheets, laboratory reports, images and delivery slips.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oracles.errors import InvalidParameters
from oracles.evidence import RawFile
from oracles.quality import FLAG_NAMES, Checked, Flag, laboratory
from oracles.readings import PlotVisit, Tree
from oracles.sources.fia import FiaTree, FiaVisit
from oracles.sources.raster import Zone

REFUSED_BY_DEFAULT = Flag.MOVED | Flag.CLOUD | Flag.TOO_REGULAR | Flag.UNSIGNED_LABORATORY
"""With any of these a report is not made, unless its policy says otherwise: nobody can tell if the data are true."""

CLOUD_SHARE = 0.2
"""More of an image than this under clouds, and it is too cloudy."""
LEAST_USABLE_SHARE = 0.8
"""Less of the readings that were due than this, and nothing is reported of them."""

LEAST_SLENDERNESS, MOST_SLENDERNESS = 10, 300
"""Height over diameter, both in metres. Beyond, one of them was probably written in another unit."""

COPIED_TREES = 5
"""From so many trees on, two plots that are alike in every tree are one plot, copied."""
GROWN_TREES = 20
LEAST_GROWTH_CM = 0.5
RULED_CM = 0.1
RULED_SHARE = 0.95
"""Of at least `GROWN_TREES` trees whose middle growth is `LEAST_GROWTH_CM` or more, this share within `RULED_CM` of one
rule (the same part, or the same centimetres, for every tree) did not grow: they were computed."""


SHRUNK_CM, SHRUNK_SHARE = 1.0, 0.05
"""A living tree that lost more than both of its diameter was not measured well at one of the visits: tape and bark
explain millimetres."""
MOST_GROWTH_CM_PER_YEAR = 5.0
"""Poplars and eucalypts in plantations grow 3 to 4 cm thicker in their best years."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found, in which file, and how often."""

    flag: Flag
    source: str
    count: int
    zh: str
    en: str

    def __str__(self) -> str:
        names = FLAG_NAMES[self.flag]
        return (
            f"{self.source}：{names[0]}，{self.count} 处（{self.zh}）"
            f" · {self.source}: {names[1]}, {self.count} ({self.en})"
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Which flags refuse a report, and how much may be missing before that."""

    refuse: Flag = REFUSED_BY_DEFAULT
    cloud_share: float = CLOUD_SHARE
    least_usable_share: float = LEAST_USABLE_SHARE

    def refusal(self, findings: Sequence[Finding]) -> str | None:
        """Why the report must not be made, or None."""
        bad = [finding for finding in findings if finding.flag & self.refuse]
        if not bad:
            return None
        zh = "；".join(str(finding).partition(" · ")[0] for finding in bad)
        en = "; ".join(str(finding).partition(" · ")[2] for finding in bad)
        return f"质量标志不容许报告：{zh} · quality flags refuse the report: {en}"


def read_policy(raw: RawFile) -> Policy:
    """Reads a policy in TOML: `refuse`, a list of flags such as `too-regular`, and the two shares; all optional."""
    try:
        given = tomllib.loads(raw.content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise InvalidParameters(raw.name, f"不是 TOML：{failure}", f"not TOML: {failure}") from failure
    if unknown := sorted(given.keys() - {"refuse", "cloud_share", "least_usable_share"}):
        raise InvalidParameters(raw.name, f"不认识的设置 {unknown[0]}", f"an unknown setting {unknown[0]}")
    refuse = REFUSED_BY_DEFAULT
    if "refuse" in given:
        refuse = Flag(0)
        listed = given["refuse"]
        for name in listed if isinstance(listed, list) else [listed]:
            if name not in FLAGS_BY_NAME:
                raise InvalidParameters(
                    raw.name,
                    f"没有质量标志 {name}（有：{', '.join(FLAGS_BY_NAME)}）",
                    f"no flag {name} (there are: {', '.join(FLAGS_BY_NAME)})",
                )
            refuse |= FLAGS_BY_NAME[name]
    shares = {}
    for name, otherwise in (("cloud_share", CLOUD_SHARE), ("least_usable_share", LEAST_USABLE_SHARE)):
        share = given.get(name, otherwise)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise InvalidParameters(
                raw.name,
                f"{name} 应在 0 与 1 之间，不是 {share!r}",
                f"{name} must lie between 0 and 1, not {share!r}",
            )
        shares[name] = float(share)
    return Policy(refuse, **shares)


FLAGS_BY_NAME: Mapping[str, Flag] = {(flag.name or "").lower().replace("_", "-"): flag for flag in Flag}
"""How a policy names a flag: `too-regular`."""


def flags_of(findings: Sequence[Finding]) -> int:
    """All bits together: `qcFlags` of the report."""
    together = Flag(0)
    for finding in findings:
        together |= finding.flag
    return int(together)


# --- Tally sheets ---------------------------------------------------------------------------------


def of_plots(file: str, visits: Sequence[PlotVisit], *, twins: int) -> list[Finding]:
    """One visit to all plots: heights that nobody measured or that no tree has, rows and plots that are alike."""
    found = []
    if modelled := sum(tree.height_is_modelled for visit in visits for tree in visit.trees):
        found.append(Finding(Flag.GAP_FILLED, file, modelled, "树高由模型推算", "heights from a model"))
    if twins:
        found.append(
            Finding(Flag.DUPLICATE, file, twins, "逐格相同而各算一株的行", "rows alike in every cell, each a tree")
        )
    odd = sum(
        _is_odd(tree.height_m, tree.dbh_cm)
        for visit in visits
        for tree in visit.trees
        if tree.height_m is not None and not tree.height_is_modelled
    )
    if odd:
        found.append(_odd_heights(file, odd))
    sheets = Counter(
        tuple(sorted(_cells(tree) for tree in visit.trees)) for visit in visits if len(visit.trees) >= COPIED_TREES
    )
    if copied := sum(count - 1 for count in sheets.values()):
        found.append(
            Finding(Flag.TOO_REGULAR, file, copied, "样地与另一样地逐株相同", "plots alike in every tree to another")
        )
    return found


def of_growth(file: str, before: Sequence[PlotVisit], after: Sequence[PlotVisit]) -> list[Finding]:
    """Two visits to the same plots: a second one that was computed from the first, by a factor or a constant."""
    earlier = {(visit.plot, tree.label): tree.dbh_cm for visit in before for tree in _named(visit)}
    return of_diameters(
        file,
        [
            (earlier[visit.plot, tree.label], tree.dbh_cm)
            for visit in after
            for tree in _named(visit)
            if (visit.plot, tree.label) in earlier
        ],
    )


def of_diameters(file: str, pairs: Sequence[tuple[float, float]]) -> list[Finding]:
    """The diameters of trees that were measured twice: second ones that were computed from the first."""
    ruled = _ruled_share(pairs, RULED_CM)
    if ruled < RULED_SHARE:
        return []
    return [
        Finding(
            Flag.TOO_REGULAR,
            file,
            len(pairs),
            f"{100 * ruled:.0f} % 的树按同一规则生长，像是由首次数据算出",
            f"{100 * ruled:.0f} % of the trees grew by one rule, as if computed from the first visit",
        )
    ]


def _ruled_share(pairs: Sequence[tuple[float, float]], within_cm: float) -> float:
    """The share of the diameters of a second visit that one rule gives, a factor or a constant; 0 of too few trees,
    and of trees that hardly grew.
    """
    if len(pairs) < GROWN_TREES:
        return 0.0
    first, second = np.array(pairs).T
    growth = second - first
    if abs(float(np.median(growth))) < LEAST_GROWTH_CM:
        return 0.0
    return max(
        float(np.mean(np.abs(second - rule) <= within_cm))
        for rule in (first * float(np.median(second / first)), first + float(np.median(growth)))
    )


def _is_odd(height_m: float, dbh_cm: float) -> bool:
    return not LEAST_SLENDERNESS <= 100 * height_m / dbh_cm <= MOST_SLENDERNESS


def _odd_heights(file: str, count: int) -> Finding:
    return Finding(
        Flag.RANGE,
        file,
        count,
        f"高径比不在 {LEAST_SLENDERNESS}–{MOST_SLENDERNESS} 之间，请查单位",
        f"height over diameter not between {LEAST_SLENDERNESS} and {MOST_SLENDERNESS}: look at the units",
    )


def _named(visit: PlotVisit) -> Sequence[Tree]:
    """The trees that can be told again at another visit: those with a `tree_id`."""
    return [tree for tree in visit.trees if "/#" not in tree.label]


def _cells(tree: Tree) -> tuple[str, float, float, float]:
    return tree.species, tree.dbh_cm, tree.height_m or 0.0, tree.above_ground_kg or 0.0


# --- The FIA inventory ----------------------------------------------------------------------------

TENTH_OF_AN_INCH_CM = 0.254
"""The last digit of its diameters."""


def of_inventory(state: str, pairs: Sequence[tuple[FiaVisit, FiaVisit]]) -> list[Finding]:
    """The visits of re-measured plots in FIA's tables.

    A tree twice under one number is refused by the reader already; the tables have no column in which a person says
    that a value was changed by hand.
    """
    visits = list({visit.cn: visit for pair in pairs for visit in pair}.values())
    trees = [tree for visit in visits for tree in visit.tallied]
    spots = Counter(
        (visit.cn, tree.spot, tree.species, tree.dbh_cm) for visit in visits for tree in visit.tallied if tree.spot
    )
    sheets = Counter(
        tuple(sorted((tree.species, tree.dbh_cm, tree.height_m or 0.0) for tree in visit.tallied))
        for visit in visits
        if len(visit.tallied) >= COPIED_TREES
    )
    vanished = shrunk = leapt = ruled = 0
    for first, second in pairs:
        before = {tree.cn: tree for tree in first.tallied}
        if second.followed is not None:
            vanished += len(before.keys() - second.followed)
        again = [(before[tree.previous_cn], tree) for tree in second.tallied if tree.previous_cn in before]
        years = (second.measured_on - first.measured_on).days / 365.25
        shrunk += sum(_has_shrunk(earlier, later) for earlier, later in again)
        leapt += sum(later.dbh_cm - earlier.dbh_cm > MOST_GROWTH_CM_PER_YEAR * years for earlier, later in again)
        measured = [(earlier.dbh_cm, later.dbh_cm) for earlier, later in again]
        ruled += _ruled_share(measured, 0.51 * TENTH_OF_AN_INCH_CM) >= RULED_SHARE

    tree_file, plot_file = f"{state}_TREE.csv", f"{state}_COND.csv"
    counted = (
        (
            Flag.MISSING,
            plot_file,
            sum(visit.not_sampled > 0 for visit in visits),
            "部分无法进入的样地",
            "plots partly not sampled",
        ),
        (
            Flag.MISSING,
            tree_file,
            vanished,
            "首次活着而复测没有交代的树",
            "trees alive at one visit, of which the next says nothing",
        ),
        (
            Flag.GAP_FILLED,
            tree_file,
            sum(tree.is_computed for tree in trees),
            "估计或推算的胸径、树高",
            "diameters or heights that were estimated or modelled",
        ),
        (Flag.RANGE, tree_file, shrunk, "活立木胸径变小", "living trees that became thinner"),
        (
            Flag.RANGE,
            tree_file,
            leapt,
            f"胸径每年增长超过 {MOST_GROWTH_CM_PER_YEAR:g} cm",
            f"diameters that grew more than {MOST_GROWTH_CM_PER_YEAR:g} cm a year",
        ),
        (
            Flag.DUPLICATE,
            tree_file,
            sum(count - 1 for count in spots.values()),
            "同一位置、同种同胸径的树",
            "trees alike on one spot",
        ),
        (
            Flag.TOO_REGULAR,
            tree_file,
            sum(count - 1 for count in sheets.values()),
            "与另一样地或另一次调查逐株相同的样地",
            "plots alike in every tree to another, or to another visit",
        ),
        (
            Flag.TOO_REGULAR,
            tree_file,
            ruled,
            "按同一规则生长的样地，像是由首次数据算出",
            "plots whose trees grew by one rule, as if computed from the first visit",
        ),
    )
    found = [Finding(flag, file, count, zh, en) for flag, file, count, zh, en in counted if count]
    if odd := sum(_is_odd(tree.height_m, tree.dbh_cm) for tree in trees if tree.height_m is not None):
        found.append(_odd_heights(tree_file, odd))
    return found


def _has_shrunk(earlier: FiaTree, later: FiaTree) -> bool:
    lost = earlier.dbh_cm - later.dbh_cm
    return not later.is_elsewhere and lost > SHRUNK_CM and lost > SHRUNK_SHARE * earlier.dbh_cm


# --- Sensors, laboratories, images, slips ---------------------------------------------------------


def of_series(checked: Sequence[Checked], source: str) -> list[Finding]:
    """Every flag of every sensor, counted together."""
    counts: Counter[Flag] = Counter()
    for one in checked:
        counts.update(one.counts())
    return [Finding(flag, source, counts[flag], "传感器读数", "readings of sensors") for flag in Flag if counts[flag]]


def of_laboratory(report: RawFile, signature: RawFile | None, key: RawFile | None) -> list[Finding]:
    """A laboratory report that its laboratory did not sign."""
    flag = laboratory(
        report.content,
        None if signature is None else _raw_or_hex(signature, 64),
        b"" if key is None else _raw_or_hex(key, 32),
    )
    if not flag:
        return []
    return [Finding(flag, report.name, 1, "实验室未对此内容签名", "the laboratory has not signed this content")]


def of_zones(source: str, zones: Sequence[Zone], policy: Policy) -> list[Finding]:
    """Parcels of which an image says too little."""
    found = []
    if cloudy := sum(zone.cloud_share > policy.cloud_share for zone in zones):
        found.append(
            Finding(
                Flag.CLOUD,
                source,
                cloudy,
                f"云量超过 {100 * policy.cloud_share:g} % 的小班",
                f"parcels more than {100 * policy.cloud_share:g} % under clouds",
            )
        )
    if blank := sum(zone.nodata_share > 0 or zone.mean is None for zone in zones):
        found.append(Finding(Flag.MISSING, source, blank, "部分无数据的小班", "parcels partly without data"))
    return found


def of_slips(source: str, rows: Sequence[tuple[object, ...]]) -> list[Finding]:
    """Slips with different numbers that are alike in everything else: perhaps one delivery, entered twice."""
    repeated = sum(count - 1 for count in Counter(rows).values())
    if not repeated:
        return []
    return [
        Finding(
            Flag.DUPLICATE, source, repeated, "除单号外完全相同的单据", "slips alike in everything but their number"
        )
    ]


def _raw_or_hex(raw: RawFile, length: int) -> bytes:
    """Bytes as they are, or written in hex; anything else is not a signature, and is judged as none."""
    if len(raw.content) == length:
        return raw.content
    try:
        return bytes.fromhex(raw.content.decode("ascii").strip().removeprefix("0x"))
    except (UnicodeDecodeError, ValueError):
        return b""
