"""A census of planting units in plain CSV: what was counted, and a measured sample.

Units: `unit_id, group, species, dbh_cm`, optionally `height_m, wood_density, above_ground_kg`. One row is one sampled
planting unit; an empty `dbh_cm` is a unit found dead. Groups: `group, planted, root_shoot`, the number of planted units
counted in all, and the ratio of roots to above-ground biomass.
"""

from oracles.errors import NothingRefersToIt, OutOfRange, UnknownReference
from oracles.evidence import RawFile
from oracles.methodologies.allometry import Allometry
from oracles.methodologies.vm0047_census import CensusGroup
from oracles.readings import ABOVE_GROUND_MASS, DIAMETER, HEIGHT, WOOD_DENSITY, Quantity, Tree
from oracles.sources.tables import Table, read_table

_ROOT_SHOOT = Quantity("根茎比", "root-shoot ratio", "", most=2, zero_is_possible=True)


def read_census(units: RawFile, groups: RawFile, equation: Allometry) -> tuple[CensusGroup, ...]:
    """Reads a census, with the biomass of every sampled unit."""
    counted = read_table(groups, zh="造林分组表", required=("group", "planted", "root_shoot"))
    sampled = read_table(
        units,
        zh="抽样株表",
        required=("unit_id", "group", "species", "dbh_cm"),
        optional=("height_m", "wood_density", "above_ground_kg"),
        stems=("dbh", "height", "wood_density", "above_ground"),
    )
    counted.refuse_repeats("group", "这个分组出现了两次", "this group stands there twice")
    sampled.refuse_repeats("unit_id", "这一株出现了两次", "this unit stands there twice")
    names = counted.text("group")
    found: dict[str, list[tuple[float | None, str, float | None]]] = {name: [] for name in names}
    units_measured = zip(
        _kilograms(sampled, equation),
        sampled.text("unit_id"),
        sampled.optional_numbers("dbh_cm", DIAMETER),
        strict=True,
    )
    for row, group, unit in zip(sampled.rows, sampled.text("group"), units_measured, strict=True):
        if group not in found:
            raise UnknownReference(
                "造林分组表里没有这个分组",
                f"a group that {groups.name} does not have",
                file=units.name,
                row=row,
                column="group",
                value=group,
            )
        found[group].append(unit)
    result = []
    ratios = counted.numbers("root_shoot", _ROOT_SHOOT)
    for row, name, planted, ratio in zip(counted.rows, names, counted.integers("planted"), ratios, strict=True):
        if not found[name]:
            raise NothingRefersToIt(
                "这个分组没有抽样株",
                f"no unit of {units.name} belongs to this group",
                file=groups.name,
                row=row,
                column="group",
                value=name,
            )
        if planted < len(found[name]):
            raise OutOfRange(
                f"栽植株数少于抽样株数 {len(found[name])}",
                f"fewer units were planted than sampled ({len(found[name])})",
                file=groups.name,
                row=row,
                column="planted",
                value=str(planted),
            )
        kilograms, ids, diameters = zip(*found[name], strict=True)
        result.append(CensusGroup(name, planted, ratio, kilograms, ids, diameters))
    return tuple(result)


def _kilograms(table: Table, equation: Allometry) -> list[float | None]:
    absent: list[float | None] = [None] * len(table)
    cells = [
        table.optional_numbers(column, quantity) if column in table else absent
        for column, quantity in (
            ("height_m", HEIGHT),
            ("wood_density", WOOD_DENSITY),
            ("above_ground_kg", ABOVE_GROUND_MASS),
        )
    ]
    diameters = table.optional_numbers("dbh_cm", DIAMETER)
    species, ids = table.text("species", may_be_empty=True), table.text("unit_id")
    kilograms: list[float | None] = []
    for index, (dbh_cm, height, density, mass) in enumerate(zip(diameters, *cells, strict=True)):
        if dbh_cm is None:
            kilograms.append(None)
            continue
        tree = Tree(ids[index], table.rows[index], species[index], dbh_cm, height, density, mass)
        kilograms.append(mass if mass is not None else equation(tree, table.name))
    return kilograms
