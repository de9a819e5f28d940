"""Plain CSV inventories: a table of trees, a table of strata, and for a register also parcels and holders.

Trees: `plot_id, stratum, plot_area_m2, species, dbh_cm, height_m, wood_density, above_ground_kg`, the last three
optional as columns and as cells, and an optional `tree_id`. One row is one living tree. A plot without trees is one
row with an empty `dbh_cm`: it counts, with zero. Strata: `stratum` and one of `area_ha`, `area_m2`, `area_mu`.
Parcels: `parcel_id, stratum, holder` and one of the three areas. Holders: `holder, account`.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
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
    NothingRefersToIt,
    OutOfRange,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.readings import (
    ABOVE_GROUND_MASS,
    AREA,
    CANOPY_INDEX,
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
    Tree,
)
from oracles.sources.tables import Table, read_table

AREA_UNITS = {"area_ha": Fraction(SQUARE_METRES_PER_HECTARE), "area_m2": Fraction(1), "area_mu": SQUARE_METRES_PER_MU}
"""Square metres in one unit of each column an area may stand in."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """One campaign: every plot visit, and the strata with their areas.

    Every stratum has plots and every plot a stratum.
    """

    file: str
    visits: tuple[PlotVisit, ...]
    strata: tuple[Stratum, ...]

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
    visits = _visits(table)
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
    return Inventory(trees.name, visits, known)


def read_strata(raw: RawFile) -> tuple[Stratum, ...]:
    """Reads the strata and their areas, exactly."""
    table = _strata_table(raw)
    names = table.text("stratum")
    _refuse_repeats(table, "stratum", "这个分层出现了两次", "this stratum stands there twice")
    return tuple(Stratum(name, area) for name, area in zip(names, _areas_m2(table), strict=True))


def read_parcels(raw: RawFile, *, strata: Container[str], holders: Container[str]) -> tuple[Parcel, ...]:
    """Reads the parcels in the order of their ids. Areas are rounded down to whole square metres."""
    table = read_table(
        raw, zh="小班表", required=("parcel_id", "stratum", "holder"), optional=AREA_UNITS, stems=("area",)
    )
    _refuse_repeats(table, "parcel_id", "这个小班出现了两次", "this parcel stands there twice")
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
    _refuse_repeats(table, "holder", "这个持有人出现了两次", "this holder stands there twice")
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


def read_canopy(raw: RawFile) -> dict[str, tuple[float, float]]:
    """Reads a canopy index per parcel at both dates: `parcel_id, canopy_first, canopy_second`.

    Any scale will do on which twice the index is twice the biomass.
    """
    table = read_table(raw, zh="冠层指数表", required=("parcel_id", "canopy_first", "canopy_second"))
    _refuse_repeats(table, "parcel_id", "这个小班出现了两次", "this parcel stands there twice")
    first, second = table.numbers("canopy_first", CANOPY_INDEX), table.numbers("canopy_second", CANOPY_INDEX)
    return dict(zip(table.text("parcel_id"), zip(first, second, strict=True), strict=True))


def read_accounts(accounts: Iterable[str]) -> tuple[bytes, ...]:
    """Turns addresses from a caller into accounts, refusing anything else and any repetition."""
    listed = tuple(accounts)
    for account in listed:
        if not is_address(account):
            raise InvalidRequest(f"不是账户地址：{account}", f"not an account address: {account}")
    parsed = tuple(to_bytes(hexstr=account) for account in listed)
    if len(set(parsed)) != len(parsed):
        raise InvalidRequest("账户有重复", "an account is given twice")
    return parsed


def _visits(table: Table) -> tuple[PlotVisit, ...]:
    """The plot visits in the order in which the plots first appear."""
    plots = table.text("plot_id")
    strata = _strata_of_plots(table)
    areas = table.numbers("plot_area_m2", PLOT_AREA)
    trees = _trees(table)
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
    return tuple(
        PlotVisit(table.name, table.rows[index], plot, strata[index], areas[index], tuple(members.get(plot, ())))
        for plot, index in first.items()
    )


def _trees(table: Table) -> list[Tree | None]:
    """A tree per row, or None for the row of an empty plot."""
    absent: list[str] = [""] * len(table)
    numbers: list[float | None] = [None] * len(table)
    species = table.text("species", may_be_empty=True)
    ids = table.text("tree_id", may_be_empty=True) if "tree_id" in table else absent
    diameters = table.optional_numbers("dbh_cm", DIAMETER)
    heights = table.optional_numbers("height_m", HEIGHT) if "height_m" in table else numbers
    densities = table.optional_numbers("wood_density", WOOD_DENSITY) if "wood_density" in table else numbers
    masses = table.optional_numbers("above_ground_kg", ABOVE_GROUND_MASS) if "above_ground_kg" in table else numbers
    trees: list[Tree | None] = []
    seen: dict[tuple[object, ...], int] = {}
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
        identity = (plot, id_) if id_ else (plot, None, dbh_cm, *measured)
        if identity in seen:
            raise DuplicateTree(
                f"样地 {plot} 的树{f' {id_}' if id_ else ''}重复；若确是两棵同样的树，请用 tree_id 列区分",
                f"tree{f' {id_}' if id_ else ''} of plot {plot} was recorded twice;"
                " if two trees are alike, tell them apart in a column tree_id",
                file=table.name,
                row=row,
                first_row=seen[identity],
                column="tree_id" if id_ else "dbh_cm",
                value=id_ or table.columns["dbh_cm"][index],
            )
        seen[identity] = row
        label = f"{plot}/{id_ or f'#{row}'} {species[index]}".strip()
        trees.append(Tree(label, row, species[index], dbh_cm, heights[index], densities[index], masses[index]))
    return trees


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


def _refuse_repeats(table: Table, column: str, zh: str, en: str) -> None:
    first: dict[str, int] = {}
    for row, cell in zip(table.rows, table.text(column), strict=True):
        if cell in first:
            raise Duplicate(zh, en, file=table.name, row=row, first_row=first[cell], column=column, value=cell)
        first[cell] = row
