"""Plain CSV inventories: a table of trees, a table of strata, and for a register also parcels and holders.

Trees: `plot_id, stratum, plot_area_m2, species, dbh_cm, height_m, wood_density, above_ground_kg`, the last three
optional as columns and as cells, and an optional `tree_id`. One row is one living tree. A plot without trees is one
row with an empty `dbh_cm`: it counts, with zero. A `tree_id` is good once in a plot; rows without one may be alike only
where measuring so coarsely makes twins likely (`_refuse_repeated_rows`). Strata: `stratum` and one of `area_ha`,
`area_m2`, `area_mu`. Parcels: `parcel_id, stratum, holder` and one of the three areas. Holders: `holder, account`.
"""

import math
from collections import Counter
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from eth_utils.address import is_address
from eth_utils.conversions import to_bytes

from oracles.errors import (
    Contradiction,
    Duplicate,
    DuplicateTree,
    InvalidRequest,
    MissingColumn,
    MissingValue,
    NotANumber,
    NothingRefersToIt,
    OutOfRange,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.methodologies.stocks import Covariate
from oracles.readings import (
    ABOVE_GROUND_MASS,
    AREA,
    CANOPY_INDEX,
    COVARIATE,
    DIAMETER,
    HEIGHT,
    PLOT_AREA,
    SQUARE_METRES_PER_HECTARE,
    SQUARE_METRES_PER_MU,
    WOOD_DENSITY,
    Holder,
    Parcel,
    PlotVisit,
    Stratum,
    Tenure,
    Tree,
)
from oracles.sources.tables import Table, read_table
from oracles.times import utc_seconds

AREA_UNITS = {"area_ha": Fraction(SQUARE_METRES_PER_HECTARE), "area_m2": Fraction(1), "area_mu": SQUARE_METRES_PER_MU}
"""Square metres in one unit of each column an area may stand in."""

TWINS_EXPECTED = 0.5
"""Fewer twins than this expected by chance in a whole file, and a row that repeats another is taken for a mistake."""
SMALL_FILE = 100
"""Trees. In a file with fewer, a single repeated row is taken for a mistake whatever is expected."""

PASTED_ROWS = 10
"""From so many different rows on, each repeated equally often, nobody believes in chance."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """One campaign: every plot visit, and the strata with their areas.

    Every stratum has plots and every plot a stratum. `twins` counts the rows that repeat another and were taken for a
    tree of their own.
    """

    file: str
    visits: tuple[PlotVisit, ...]
    strata: tuple[Stratum, ...]
    twins: int = 0

    @property
    def trees(self) -> int:
        return sum(len(visit.trees) for visit in self.visits)


def read_inventory(trees: RawFile, strata: RawFile) -> Inventory:
    """Reads a campaign; refuses strata nobody measured and plots whose stratum has no area."""
    table = read_table(
        trees,
        zh="树木表",
        required=("plot_id", "stratum", "plot_area_m2", "species", "dbh_cm"),
        optional=("height_m", "wood_density", "above_ground_kg", "tree_id"),
        stems=("dbh", "height", "plot_area", "wood_density", "above_ground"),
    )
    known = read_strata(strata)
    names = {stratum.name for stratum in known}
    visits, twins = _visits(table)
    for visit in visits:
        if visit.stratum not in names:
            raise UnknownReference(
                f"分层表里没有这个分层（样地 {visit.plot}）",
                f"a stratum that {strata.name} does not have (plot {visit.plot})",
                file=trees.name,
                row=visit.row,
                column="stratum",
                value=visit.stratum,
            )
    measured = {visit.stratum for visit in visits}
    for index, stratum in enumerate(known):
        if stratum.name not in measured:
            raise NothingRefersToIt(
                "这个分层没有任何样地，无法估计",
                f"no plot of {trees.name} lies in this stratum, nothing can be said about it",
                file=strata.name,
                row=_strata_table(strata).rows[index],
                column="stratum",
                value=stratum.name,
            )
    return Inventory(trees.name, visits, known, twins)


def read_strata(raw: RawFile) -> tuple[Stratum, ...]:
    """Reads the strata and their areas, exactly."""
    table = _strata_table(raw)
    names = table.text("stratum")
    table.refuse_repeats("stratum", "这个分层出现了两次", "this stratum stands there twice")
    return tuple(Stratum(name, area) for name, area in zip(names, _areas_m2(table), strict=True))


def read_parcels(raw: RawFile, *, strata: Container[str], holders: Container[str]) -> tuple[Parcel, ...]:
    """Reads the parcels in the order of their ids. Areas are rounded down to whole square metres."""
    table = read_table(
        raw, zh="小班表", required=("parcel_id", "stratum", "holder"), optional=AREA_UNITS, stems=("area",)
    )
    table.refuse_repeats("parcel_id", "这个小班出现了两次", "this parcel stands there twice")
    cells = (table.text(column) for column in ("parcel_id", "stratum", "holder"))
    parcels = []
    for row, id_, stratum, holder, area_m2 in zip(table.rows, *cells, _areas_m2(table), strict=True):
        for column, value, known in (("stratum", stratum, strata), ("holder", holder, holders)):
            if value not in known:
                raise UnknownReference(
                    f"小班 {id_} 指向没有登记的对象",
                    f"parcel {id_} points to something that is not listed",
                    file=raw.name,
                    row=row,
                    column=column,
                    value=value,
                )
        if area_m2 < 1:
            raise OutOfRange(
                "小班不到 1 m²", "a parcel of less than 1 m²", file=raw.name, row=row, column="parcel_id", value=id_
            )
        parcels.append(Parcel(id_, stratum, int(area_m2), holder))
    return tuple(sorted(parcels, key=lambda parcel: parcel.id))


def read_holders(raw: RawFile) -> dict[str, Holder]:
    """Reads who is paid and where. One account belongs to one holder, because it gets one leaf of the register."""
    table = read_table(raw, zh="持有人表", required=("holder", "account"))
    table.refuse_repeats("holder", "这个持有人出现了两次", "this holder stands there twice")
    accounts = []
    for row, cell in zip(table.rows, table.text("account"), strict=True):
        if not is_address(cell) or not int(cell, 16):
            raise OutOfRange(
                "不是有效账户（0x 加 40 位十六进制，非零）",
                "not an account (0x and 40 hexadecimal digits, not zero, a valid checksum if mixed case)",
                file=raw.name,
                row=row,
                column="account",
                value=cell,
            )
        accounts.append(to_bytes(hexstr=cell))
    first: dict[bytes, int] = {}
    for row, account in zip(table.rows, accounts, strict=True):
        if account in first:
            raise Duplicate(
                "账户已属于另一持有人",
                "this account belongs to another holder",
                file=raw.name,
                row=row,
                first_row=first[account],
                column="account",
                value=f"0x{account.hex()}",
            )
        first[account] = row
    return {name: Holder(name, account) for name, account in zip(table.text("holder"), accounts, strict=True)}


def read_tenures(raw: RawFile, *, holders: Container[str]) -> tuple[Tenure, ...]:
    """Reads who holds which share of a parcel and when: `parcel_id, holder, share, from, until`.

    A share is a fraction such as `1/3` or a decimal such as `0.25`, exact. `from` and `until` are days in UTC, the
    latter excluded; empty means since ever, and for ever.
    """
    table = read_table(raw, zh="权属表", required=("parcel_id", "holder", "share", "from", "until"))
    tenures = []
    cells = (table.text(column) for column in ("parcel_id", "holder", "share"))
    for index, (parcel, holder, share) in enumerate(zip(*cells, strict=True)):
        row = table.rows[index]
        if holder not in holders:
            raise UnknownReference(
                f"小班 {parcel} 的持有人没有登记",
                f"a holder of parcel {parcel} who is not listed",
                file=raw.name,
                row=row,
                column="holder",
                value=holder,
            )
        start, end = (
            None if not table.columns[column][index] else utc_seconds(table.day(column, index))
            for column in ("from", "until")
        )
        if start is not None and end is not None and start >= end:
            raise Contradiction(
                "持有期的终点不晚于起点",
                "a tenure that ends before it begins",
                file=raw.name,
                row=row,
                column="until",
                value=table.columns["until"][index],
            )
        tenures.append(Tenure(parcel, holder, _share(table, index, share), start, end))
    return tuple(tenures)


def _share(table: Table, index: int, cell: str) -> Fraction:
    try:
        share = Fraction(cell)
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not (cell.isascii() and 0 < share <= 1):
        raise OutOfRange(
            "不是 0 与 1 之间的份额（写作 1/3 或 0.25）",
            "not a share between 0 and 1 (write 1/3 or 0.25)",
            file=table.name,
            row=table.rows[index],
            column="share",
            value=cell,
        )
    return share


def read_canopy(raw: RawFile) -> dict[str, tuple[float, float]]:
    """Reads a canopy index per parcel at both dates: `parcel_id, canopy_first, canopy_second`.

    Any scale will do on which twice the index is twice the biomass.
    """
    table = read_table(raw, zh="冠层指数表", required=("parcel_id", "canopy_first", "canopy_second"))
    table.refuse_repeats("parcel_id", "这个小班出现了两次", "this parcel stands there twice")
    first, second = table.numbers("canopy_first", CANOPY_INDEX), table.numbers("canopy_second", CANOPY_INDEX)
    return dict(zip(table.text("parcel_id"), zip(first, second, strict=True), strict=True))


def read_covariate(raw: RawFile) -> Covariate:
    """Reads a covariate of a large sample that contains the plots: `stratum, plot_id, covariate`, a row per place.

    A place of the large sample that is no plot of the inventory has an empty `plot_id`.
    """
    table = read_table(raw, zh="协变量表", required=("stratum", "plot_id", "covariate"))
    at_plots: dict[str, float] = {}
    values: dict[str, list[float]] = {}
    cells = zip(
        table.rows, table.text("stratum"), table.columns["plot_id"], table.numbers("covariate", COVARIATE), strict=True
    )
    for row, stratum, plot, value in cells:
        values.setdefault(stratum, []).append(value)
        if plot in at_plots:
            raise Contradiction(
                "一个样地有两个协变量",
                "a plot has two covariates",
                file=raw.name,
                row=row,
                column="plot_id",
                value=plot,
            )
        if plot:
            at_plots[plot] = value
    return Covariate(
        raw.name,
        at_plots,
        {name: (math.fsum(listed) / len(listed), len(listed)) for name, listed in values.items()},
        values,
    )


def read_places(raw: RawFile) -> dict[str, tuple[float, float]]:
    """Reads where the plots are: `plot_id, longitude, latitude` in degrees of WGS 84 or CGCS2000."""
    table = read_table(raw, zh="样地位置表", required=("plot_id", "longitude", "latitude"))
    table.refuse_repeats("plot_id", "这个样地出现了两次", "this plot stands there twice")
    places = {}
    for index, plot in enumerate(table.text("plot_id")):
        place = []
        for column, most in (("longitude", 180), ("latitude", 90)):
            cell = table.columns[column][index]
            try:
                degrees = Decimal(cell)
            except InvalidOperation:
                raise NotANumber(file=raw.name, row=table.rows[index], column=column, value=cell) from None
            if not (degrees.is_finite() and abs(degrees) <= most):
                raise OutOfRange(
                    "不是度数", "not degrees", file=raw.name, row=table.rows[index], column=column, value=cell
                )
            place.append(float(degrees))
        places[plot] = (place[0], place[1])
    return places


def read_densities(raw: RawFile) -> dict[str, float]:
    """Reads a laboratory's wood densities: `species, wood_density` in g/cm³."""
    table = read_table(raw, zh="木材密度化验表", required=("species", "wood_density"), stems=("wood_density",))
    table.refuse_repeats("species", "这个树种出现了两次", "this species stands there twice")
    return dict(zip(table.text("species"), table.numbers("wood_density", WOOD_DENSITY), strict=True))


def with_densities(visits: Sequence[PlotVisit], densities: Mapping[str, float]) -> tuple[PlotVisit, ...]:
    """The same visits, every wood density that is missing taken from the laboratory's table. Measured ones stay."""

    def filled(tree: Tree) -> Tree:
        if tree.wood_density_g_cm3 is not None or tree.species not in densities:
            return tree
        return replace(tree, wood_density_g_cm3=densities[tree.species])

    return tuple(replace(visit, trees=tuple(map(filled, visit.trees))) for visit in visits)


def read_account_list(raw: RawFile) -> tuple[str, ...]:
    """Reads accounts that stand for nobody in particular: a column `account`, in the order of the file."""
    table = read_table(raw, zh="账户表", required=("account",))
    accounts = tuple(table.text("account"))
    read_accounts(accounts)
    return accounts


def read_accounts(accounts: Iterable[str]) -> tuple[bytes, ...]:
    """Turns addresses from a caller into accounts, refusing anything else and any repetition."""
    listed = tuple(accounts)
    for account in listed:
        if not is_address(account):
            raise InvalidRequest(f"不是账户地址：{account}", f"not an account address: {account}")
    parsed = tuple(to_bytes(hexstr=account) for account in listed)
    counts = Counter(parsed)
    if repeated := [account for account, known in zip(listed, parsed, strict=True) if counts[known] > 1]:
        raise InvalidRequest(f"账户 {repeated[0]} 重复", f"account {repeated[0]} is given twice")
    return parsed


def _visits(table: Table) -> tuple[tuple[PlotVisit, ...], int]:
    """The plot visits in the order in which the plots first appear, and the number of twins among their trees."""
    plots = table.text("plot_id")
    strata = _strata_of_plots(table)
    areas = table.numbers("plot_area_m2", PLOT_AREA)
    trees, twins = _trees(table)
    first: dict[str, int] = {}
    members: dict[str, list[Tree]] = {}
    empty: dict[str, int] = {}
    for index, (plot, tree) in enumerate(zip(plots, trees, strict=True)):
        row = table.rows[index]
        origin = first.setdefault(plot, index)
        for column, values in (("stratum", strata), ("plot_area_m2", areas)):
            if values[index] != values[origin]:
                raise Contradiction(
                    f"样地 {plot} 与第 {table.rows[origin]} 行所写不一致",
                    f"plot {plot} is described differently in row {table.rows[origin]}",
                    file=table.name,
                    row=row,
                    column=column,
                    value=str(table.columns[column][index]),
                )
        if tree is None:
            if plot in empty:
                raise Duplicate(
                    f"样地 {plot} 两次记为空样地",
                    f"plot {plot} is recorded as empty twice",
                    file=table.name,
                    row=row,
                    first_row=empty[plot],
                )
            empty[plot] = row
        else:
            members.setdefault(plot, []).append(tree)
    for plot, row in empty.items():
        if plot in members:
            raise Contradiction(
                f"样地 {plot} 记为空样地，第 {members[plot][0].row} 行却有树",
                f"plot {plot} is recorded as empty, yet has a tree in row {members[plot][0].row}",
                file=table.name,
                row=row,
                column="dbh_cm",
                value="",
            )
    visits = tuple(
        PlotVisit(table.name, table.rows[index], plot, strata[index], areas[index], tuple(members.get(plot, ())))
        for plot, index in first.items()
    )
    return visits, twins


def _trees(table: Table) -> tuple[list[Tree | None], int]:
    """A tree per row, or None for the row of an empty plot; and how many rows repeat another."""
    absent: list[str] = [""] * len(table)
    numbers: list[float | None] = [None] * len(table)
    species = table.text("species", may_be_empty=True)
    ids = table.text("tree_id", may_be_empty=True) if "tree_id" in table else absent
    diameters = table.optional_numbers("dbh_cm", DIAMETER)
    heights = table.optional_numbers("height_m", HEIGHT) if "height_m" in table else numbers
    densities = table.optional_numbers("wood_density", WOOD_DENSITY) if "wood_density" in table else numbers
    masses = table.optional_numbers("above_ground_kg", ABOVE_GROUND_MASS) if "above_ground_kg" in table else numbers
    trees: list[Tree | None] = []
    seen: dict[tuple[str, str], int] = {}
    unnamed: list[_Unnamed] = []
    plots = table.text("plot_id")
    for index, dbh_cm in enumerate(diameters):
        row, plot, id_ = table.rows[index], plots[index], ids[index]
        measured = (species[index], heights[index], densities[index], masses[index])
        if dbh_cm is None:
            if id_ or any(value not in ("", None) for value in measured):
                raise MissingValue(
                    f"样地 {plot} 的这棵树没有胸径；若是空样地，树的各格都留空",
                    f"this tree of plot {plot} has no diameter;"
                    " for a plot without trees leave every cell of the tree empty",
                    file=table.name,
                    row=row,
                    column="dbh_cm",
                    value="",
                )
            trees.append(None)
            continue
        if id_ and (plot, id_) in seen:
            raise DuplicateTree(
                f"样地 {plot} 的树 {id_} 重复",
                f"tree {id_} of plot {plot} was recorded twice",
                file=table.name,
                row=row,
                first_row=seen[plot, id_],
                column="tree_id",
                value=id_,
            )
        if id_:
            seen[plot, id_] = row
        else:
            unnamed.append(_Unnamed(index, plot, (species[index], dbh_cm, *measured[1:])))
        label = f"{plot}/{id_ or f'#{row}'} {species[index]}".strip()
        trees.append(Tree(label, row, species[index], dbh_cm, heights[index], densities[index], masses[index]))
    return trees, _refuse_repeated_rows(table, unnamed)


@dataclass(frozen=True, slots=True)
class _Unnamed:
    """A tree without a `tree_id`: its record, its plot, and species, diameter, height, wood density and mass."""

    index: int
    plot: str
    cells: tuple[str, float, float | None, float | None, float | None]


def _refuse_repeated_rows(table: Table, trees: Sequence[_Unnamed]) -> int:
    """Counts the rows that repeat another of their plot, where that can be chance; refuses them where it cannot.

    Two trees measured to the centimetre and the metre are often alike, to the millimetre and the decimetre hardly
    ever. So the file's own precision decides, by the number of twins that `_twins_expected` of it. Whatever is
    expected, a plot or a file whose every row stands there equally often, twice or more, was pasted, and a small file
    is too small to excuse its only repeated row.
    """
    counts = Counter((tree.plot, tree.cells) for tree in trees)
    twins = len(trees) - len(counts)
    if not twins:
        return 0
    by_plot: dict[str, list[int]] = {}
    for (plot, _), count in counts.items():
        by_plot.setdefault(plot, []).append(count)
    pasted = {plot for plot, times in by_plot.items() if len(times) >= PASTED_ROWS and math.gcd(*times) > 1}
    if len(counts) >= PASTED_ROWS and math.gcd(*counts.values()) > 1:
        pasted = set(by_plot)
    expected = _twins_expected(list(counts))
    is_lone_in_a_small_file = twins == 1 and len(trees) < SMALL_FILE
    if expected >= TWINS_EXPECTED and not pasted and not is_lone_in_a_small_file:
        return twins
    first: dict[tuple[Hashable, ...], int] = {}
    for tree in trees:
        key, row = (tree.plot, tree.cells), table.rows[tree.index]
        if key in first and (tree.plot in pasted or not pasted):
            why_zh, why_en = (
                ("每一行都重复，像是粘贴了两次", "so was every other row, as if pasted twice")
                if pasted
                else (
                    f"按本文件的精度，只应有 {expected:.2g} 对巧合",
                    f"at the precision of this file {expected:.2g} such coincidences are expected",
                )
            )
            raise DuplicateTree(
                f"样地 {tree.plot} 的树重复，{why_zh}；若确是两棵同样的树，请用 tree_id 列区分",
                f"a tree of plot {tree.plot} was recorded twice; {why_en};"
                " if two trees are alike, tell them apart in a column tree_id",
                file=table.name,
                row=row,
                first_row=first[key],
                column="dbh_cm",
                value=table.columns["dbh_cm"][tree.index],
            )
        first.setdefault(key, row)
    raise AssertionError("a repeated row was counted but not found")


def _twins_expected(
    trees: Sequence[tuple[str, tuple[str, float, float | None, float | None, float | None]]],
) -> float:
    """How many pairs of different trees of one plot and species are expected to be alike in every cell.

    Per species: the chance that two trees share the diameter × that they share the height × the number of pairs in one
    plot; or, if that is more, the chance that trees of different plots are alike. Wood density and mass count as
    further chances only where the cells before them do not decide them. Rows in which different cells are empty cannot
    be alike, and are kept apart: where only some heights were measured, the others are alike by their diameters. The
    chances are frequencies among the pairs of *different* rows, so that a repeated row does not excuse itself.
    """
    kinds: dict[tuple[Hashable, ...], list[tuple[str, tuple[float | None, ...]]]] = {}
    for plot, (name, *cells) in trees:
        kinds.setdefault((name, *(cell is None for cell in cells)), []).append((plot, tuple(cells)))
    expected = 0.0
    for members in kinds.values():
        pairs = math.comb(len(members), 2)
        if not pairs:
            continue
        rows = [cells for _, cells in members]
        chance = _pairs_alike(row[0] for row in rows) / pairs * _pairs_alike(row[1] for row in rows) / pairs
        for column in (2, 3):
            if len({row[: column + 1] for row in rows}) > len({row[:column] for row in rows}):
                chance *= _pairs_alike(row[column] for row in rows) / pairs
        within = _pairs_alike(plot for plot, _ in members)
        if across := pairs - within:
            # Heights that follow from diameters are alike together. Rows of different plots that are alike show how
            # often that happens: no row was repeated there.
            chance = max(chance, _pairs_alike(rows) / across)
        expected += chance * within
    return expected


def _pairs_alike(values: Iterable[Hashable]) -> int:
    return sum(math.comb(count, 2) for count in Counter(values).values())


def _strata_of_plots(table: Table) -> list[str]:
    strata = table.text("stratum", may_be_empty=True)
    if "" in strata:
        index = strata.index("")
        plot = table.columns["plot_id"][index]
        raise MissingValue(
            f"样地 {plot} 没有分层",
            f"plot {plot} has no stratum",
            file=table.name,
            row=table.rows[index],
            column="stratum",
            value="",
        )
    return strata


def _strata_table(raw: RawFile) -> Table:
    return read_table(raw, zh="分层表", required=("stratum",), optional=AREA_UNITS, stems=("area",))


def _areas_m2(table: Table) -> list[Fraction]:
    """The areas of a table, exactly, whichever of the three units its column is in."""
    given = [column for column in AREA_UNITS if column in table]
    if not given:
        raise MissingColumn(file=table.name, table=table.zh, column=" / ".join(AREA_UNITS), present=table.header)
    if len(given) > 1:
        raise Contradiction(
            "面积只能写在一列里",
            "areas must stand in one column only",
            file=table.name,
            row=1,
            column=given[1],
            value=given[0],
        )
    column = given[0]
    return [Fraction(area) * AREA_UNITS[column] for area in table.decimals(column, AREA)]
