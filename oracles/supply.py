"""Supply-chain weights for the income of a product: delivered value by supplier, processed volume by processor.

Delivery slips are a CSV `slip_id, date, holder, role, quantity_kg, price_yuan_per_kg`; the role is `supplier` or
`processor`, and a processor's slip has no price. Decimals are exact. Each slip is rounded down once: its value to whole
fen, its volume to whole kilograms.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from random import Random

from oracles.errors import (
    Contradiction,
    Duplicate,
    InvalidMonitoring,
    InvalidRequest,
    MissingValue,
    NothingMeasured,
    UnknownReference,
)
from oracles.evidence import RawFile, evidence_root, read_raw
from oracles.findings import Finding, Policy, flags_of, of_slips, read_policy
from oracles.methodologies.methodology import digest_of
from oracles.readings import Quantity
from oracles.registers import HolderWeight, RegisterColumns, register_columns, sum_by_holder
from oracles.sources.csv_trees import read_accounts, read_holders
from oracles.sources.tables import Table, read_table, write_csv
from oracles.times import utc_date, utc_seconds

FEN_PER_YUAN = 100

LAST_DAY, DAYS = date(2025, 6, 30), 181
"""The generated slips are of half a year, of the first half of 2025 if nothing else is asked for."""

_QUANTITY = Quantity("数量", "quantity", "kg", most=1e9)
_PRICE = Quantity("单价", "price", "yuan/kg", most=1e6)


class Role(Enum):
    """What a holder does for a product, and so what its weight counts."""

    SUPPLIER = "supplier"
    """Delivers raw material; the weight is its delivered value in fen."""
    PROCESSOR = "processor"
    """Processes it; the weight is its processed volume in kg."""

    @property
    def unit(self) -> str:
        return "fen" if self is Role.SUPPLIER else "kg"


@dataclass(frozen=True, slots=True)
class Slip:
    """One delivery or processing slip; a supplier's has a price, a processor's has none."""

    row: int
    id: str
    day: date
    holder: str
    role: Role
    quantity_kg: Decimal
    price_yuan_per_kg: Decimal | None

    @property
    def weight(self) -> int:
        """Its value in fen, or its volume in kg, rounded down."""
        if self.price_yuan_per_kg is None:
            return math.floor(self.quantity_kg)
        return math.floor(Fraction(self.quantity_kg) * Fraction(self.price_yuan_per_kg) * FEN_PER_YUAN)


@dataclass(frozen=True, slots=True)
class SupplyWeights:
    """The weights of all suppliers, or of all processors, for one product and period, as reporters sign them.

    The period, in UTC seconds, runs from the first day with a slip to the day after the last one. `refusal` says
    why nothing may be reported.
    """

    subject: str
    role: Role
    period_start: int
    period_end: int
    observed_at: int
    total: int
    slips: int
    holders: tuple[HolderWeight, ...] = field(repr=False)
    evidence: tuple[RawFile, ...] = field(repr=False)
    evidence_root: bytes
    methodology_digest: bytes
    findings: tuple[Finding, ...] = ()
    refusal: str | None = None

    @property
    def qc_flags(self) -> int:
        """The bits that stand in the report."""
        return flags_of(self.findings)

    def __post_init__(self) -> None:
        if sum(leaf.weight for leaf in self.holders) != self.total:
            raise InvalidMonitoring("各持有人与总量不符", "the holders do not add up to the total")

    def register_columns(self) -> RegisterColumns:
        """The holders as the Rust core takes them, in the order of accounts."""
        return register_columns(self.holders)

    def explain(self) -> tuple[str, ...]:
        """The numbers of every step, a line each, for a person."""
        start, end = utc_date(self.period_start), utc_date(self.period_end)
        what = "交付价值 · delivered value" if self.role is Role.SUPPLIER else "加工量 · processed volume"
        lines = (
            f"{start} 至 {end}（不含）· from {start} to {end} (exclusive)",
            f"{what}：{self.slips} 张单据，每张向下取整 · slips, each rounded down",
            f"{len(self.holders)} 位持有人，合计 {self.total:,} {self.role.unit} · holders, total",
        )
        return lines if self.refusal is None else (*lines, self.refusal)


def read_slips(raw: RawFile) -> tuple[Slip, ...]:
    """Reads delivery slips in the order of the file."""
    columns = ("slip_id", "date", "holder", "role", "quantity_kg", "price_yuan_per_kg")
    table = read_table(raw, zh="交付单据表", required=columns, stems=("quantity",))
    ids, _, holders, roles = (table.text(column) for column in ("slip_id", "date", "holder", "role"))
    quantities = table.decimals("quantity_kg", _QUANTITY)
    prices = table.optional_decimals("price_yuan_per_kg", _PRICE)
    first: dict[str, int] = {}
    slips = []
    for index, id_ in enumerate(ids):
        if id_ in first:
            raise Duplicate(
                "单据号重复",
                "this slip was recorded twice",
                file=raw.name,
                row=table.rows[index],
                first_row=first[id_],
                column="slip_id",
                value=id_,
            )
        first[id_] = table.rows[index]
        role = _role(table, index, roles[index])
        price = prices[index]
        if role is Role.SUPPLIER and price is None:
            raise MissingValue(
                "供应单必须有单价",
                "a supplier's slip needs a price",
                file=raw.name,
                row=table.rows[index],
                column="price_yuan_per_kg",
                value="",
            )
        if role is Role.PROCESSOR and price is not None:
            raise Contradiction(
                "加工单按数量计，不应有单价",
                "a processor's slip counts by volume and has no price",
                file=raw.name,
                row=table.rows[index],
                column="price_yuan_per_kg",
                value=str(price),
            )
        slips.append(
            Slip(table.rows[index], id_, table.day("date", index), holders[index], role, quantities[index], price)
        )
    return tuple(slips)


def weigh_supply(slips: Path, holders: Path, *, subject: str, role: Role, policy: Path | None = None) -> SupplyWeights:
    """The weights of one role from delivery slips and the accounts of their holders.

    `policy` says which quality flags refuse the report.
    """
    rules = () if policy is None else (read_raw(policy, role="policy"),)
    raws = (read_raw(slips, role="slips"), read_raw(holders, role="holders"), *rules)
    listed = [slip for slip in read_slips(raws[0]) if slip.role is role]
    owners = read_holders(raws[1])
    for slip in listed:
        if slip.holder not in owners:
            raise UnknownReference(
                f"持有人表里没有单据 {slip.id} 的持有人",
                f"the holder of slip {slip.id} is not in the list of holders",
                file=raws[0].name,
                row=slip.row,
                column="holder",
                value=slip.holder,
            )
    leaves = sum_by_holder([(slip.holder, slip.weight) for slip in listed], owners)
    if not leaves:
        raise NothingMeasured(f"没有 {role.value} 的单据", f"there is no slip of any {role.value}")
    findings = tuple(
        of_slips(
            raws[0].name,
            [(slip.day, slip.holder, slip.quantity_kg, slip.price_yuan_per_kg) for slip in listed],
        )
    )
    end = utc_seconds(max(slip.day for slip in listed) + timedelta(days=1))
    return SupplyWeights(
        subject=subject,
        role=role,
        period_start=utc_seconds(min(slip.day for slip in listed)),
        period_end=end,
        observed_at=end,
        total=sum(leaf.weight for leaf in leaves),
        slips=len(listed),
        holders=leaves,
        evidence=raws,
        evidence_root=evidence_root(raws),
        methodology_digest=digest_of(
            {"key": "delivery-slips", "rounding": "down per slip", "unit": role.unit, "version": "1"}
        ),
        findings=findings,
        refusal=(read_policy(rules[0]) if rules else Policy()).refusal(findings),
    )


@dataclass(frozen=True, slots=True)
class SupplyFiles:
    """The files of a generated supply chain."""

    slips: Path
    holders: Path
    readme: Path


README = """# SYNTHETIC DATA · 合成数据

Nobody delivered any of this. Generated by `oracles.supply` from seed {seed}, to demonstrate the ledger:
{suppliers} suppliers and {processors} processors. 由程序按种子 {seed} 生成，仅供演示，并非真实交易。
"""


def write_slips(
    folder: Path,
    *,
    seed: int,
    accounts: Sequence[str],
    suppliers: int = 40,
    processors: int = 12,
    last_day: date = LAST_DAY,
) -> SupplyFiles:
    """Writes the generated slips of the half year up to `last_day` into `folder`, and a README that says so.

    The accounts become suppliers (`farm-01` …) and then processors (`mill-01` …), in order. The first slip of each role
    is of the last day, so that the period ends there. Same seed, same bytes.
    """
    parsed = read_accounts(accounts)
    if len(parsed) != suppliers + processors:
        raise InvalidRequest(
            f"需要 {suppliers + processors} 个账户，给了 {len(parsed)} 个",
            f"{suppliers + processors} accounts are needed, {len(parsed)} are given",
        )
    names = [f"farm-{number:02d}" for number in range(1, suppliers + 1)]
    names += [f"mill-{number:02d}" for number in range(1, processors + 1)]
    random = Random(seed)
    rows: list[tuple[object, ...]] = []
    for index, name in enumerate(names):
        is_supplier = index < suppliers
        size = 0.2 + 3 * random.random() ** 3
        for slip in range(4 + int(12 * random.random())):
            ago = int(DAYS * random.random())
            day = last_day - timedelta(days=0 if slip == 0 and index in (0, suppliers) else ago)
            tenths = int((2_000 + 18_000 * random.random()) * size * (1 if is_supplier else 4))
            price = f"{6 + 6 * random.random():.2f}" if is_supplier else ""
            role = Role.SUPPLIER if is_supplier else Role.PROCESSOR
            rows.append((day.isoformat(), name, role.value, f"{tenths // 10}.{tenths % 10}", price))
    rows.sort()
    folder.mkdir(parents=True, exist_ok=True)
    files = SupplyFiles(folder / "slips.csv", folder / "supply-holders.csv", folder / "README.md")
    header = ("slip_id", "date", "holder", "role", "quantity_kg", "price_yuan_per_kg")
    write_csv(files.slips, header, ((f"D{number:05d}", *row) for number, row in enumerate(rows, start=1)))
    owners = zip(names, (f"0x{account.hex()}" for account in parsed), strict=True)
    write_csv(files.holders, ("holder", "account"), owners)
    files.readme.write_text(
        README.format(seed=seed, suppliers=suppliers, processors=processors), encoding="utf-8", newline="\n"
    )
    return files


def repeat_a_slip(files: SupplyFiles) -> None:
    """Plants a fault: one delivery becomes two halves, alike in everything but their number, as if one was entered
    twice. No figure changes: the first delivery is taken whose half is worth whole fen.
    """
    with files.slips.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    quantity, price, role = (header.index(name) for name in ("quantity_kg", "price_yuan_per_kg", "role"))
    for index, row in enumerate(rows):
        half = Decimal(row[quantity]) / 2
        if row[role] == Role.SUPPLIER.value and half * Decimal(row[price]) * FEN_PER_YUAN % 1 == 0:
            halved = [*row[:quantity], str(half), *row[quantity + 1 :]]
            rows[index : index + 1] = [halved, [f"{row[0]}-2", *halved[1:]]]
            write_csv(files.slips, header, rows)
            return
    raise NothingMeasured("没有可以对半分的单据", "no slip can be halved")


def _role(table: Table, index: int, cell: str) -> Role:
    try:
        return Role(cell)
    except ValueError as failure:
        raise UnknownReference(
            "角色只能是 supplier 或 processor",
            "a role is supplier or processor",
            file=table.name,
            row=table.rows[index],
            column="role",
            value=cell,
        ) from failure
