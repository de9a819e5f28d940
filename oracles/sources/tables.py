"""CSV and Excel files as columns of text with the place of every cell: a fault is named by file, row, column and value.

Rows count records from 1, the header being row 1: what a spreadsheet shows. Cells are trimmed; rows without any
content are skipped. Everything is text until a reader asks for a number: an identifier such as `009` is never turned
into 9.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, Never

import numpy as np
import polars as pl

from oracles.errors import (
    Duplicate,
    EmptyFile,
    MissingColumn,
    MissingValue,
    NotANumber,
    NotATable,
    NotUtf8,
    OutOfRange,
    UnknownUnit,
)
from oracles.evidence import RawFile
from oracles.readings import Quantity
from oracles.sources.workbooks import WORKBOOK, workbook_as_csv

STEMS: Final = {
    "dbh": "dbh_cm",
    "height": "height_m",
    "plot_area": "plot_area_m2",
    "wood_density": "wood_density",
    "above_ground": "above_ground_kg",
    "area": "area_ha / area_m2 / area_mu",
    "quantity": "quantity_kg",
}
"""Quantities that come with a unit, and the column each must be in."""

UNITS: Final = frozenset(
    {"mm", "cm", "dm", "m", "km", "in", "inch", "inches", "ft", "feet", "yd"}
    | {"mm2", "cm2", "m2", "km2", "ha", "hectare", "hectares", "acre", "acres", "ac", "sqft", "ft2", "mu"}
    | {"g", "kg", "t", "tonne", "tonnes", "lb", "lbs", "pounds", "ton", "tons", "kgm3", "kg_m3", "gcm3", "g_cm3", "pcf"}
)
"""Suffixes that say a unit; a column `height_class` beside `height_m` says none and is left alone."""


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file as columns of trimmed text. `zh` is what foresters call such a table."""

    name: str
    zh: str
    header: tuple[str, ...]
    rows: tuple[int, ...]
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def text(self, column: str, *, may_be_empty: bool = False) -> list[str]:
        """The cells of a column as they stand. Empty cells are refused unless `may_be_empty`."""
        cells = self.columns[column]
        if not may_be_empty and "" in cells:
            self._refuse_empty(cells.index(""), column)
        return cells

    def numbers(self, column: str, quantity: Quantity) -> list[float]:
        """The cells of a column as numbers within the limits of `quantity`, none of them empty."""
        return [
            number if number is not None else self._refuse_empty(index, column)
            for index, number in enumerate(self.optional_numbers(column, quantity))
        ]

    def optional_numbers(self, column: str, quantity: Quantity) -> list[float | None]:
        """The cells of a column as finite numbers within the limits of `quantity`; an empty cell is None."""
        cells = pl.Series(self.columns[column], dtype=pl.String)
        parsed = cells.cast(pl.Float64, strict=False)
        for index in ((cells != "") & ~parsed.is_finite().fill_null(False)).arg_true():
            self._refuse_number(index, column)
        numbers: list[float | None] = parsed.to_list()
        for index, number in enumerate(numbers):
            if number is not None and not quantity.holds(number):
                self._refuse_range(index, column, quantity)
        return numbers

    def decimals(self, column: str, quantity: Quantity) -> list[Decimal]:
        """The cells of a column as exact decimals within the limits of `quantity`, none empty."""
        return [self._decimal(index, column, quantity, cell) for index, cell in enumerate(self.text(column))]

    def optional_decimals(self, column: str, quantity: Quantity) -> list[Decimal | None]:
        """The same, where an empty cell is None."""
        return [
            self._decimal(index, column, quantity, cell) if cell else None
            for index, cell in enumerate(self.columns[column])
        ]

    def integers(self, column: str) -> list[int]:
        """The cells of a column as whole numbers, none of them empty."""
        return [self._integer(index, column, cell) for index, cell in enumerate(self.text(column))]

    def day(self, column: str, index: int) -> date:
        """One cell as a day, written 2025-01-31."""
        cell = self.columns[column][index]
        try:
            if len(cell) != len("2025-01-31"):
                raise ValueError(cell)
            return date.fromisoformat(cell)
        except ValueError as failure:
            raise OutOfRange(
                "不是日期（写作 2025-01-31）",
                "not a date (write 2025-01-31)",
                file=self.name,
                row=self.rows[index],
                column=column,
                value=cell,
            ) from failure

    def refuse_repeats(self, column: str, zh: str, en: str) -> None:
        """Refuses a cell that stands in a column twice, with both rows."""
        first: dict[str, int] = {}
        for row, cell in zip(self.rows, self.text(column), strict=True):
            if cell in first:
                raise Duplicate(zh, en, file=self.name, row=row, first_row=first[cell], column=column, value=cell)
            first[cell] = row

    def _decimal(self, index: int, column: str, quantity: Quantity, cell: str) -> Decimal:
        try:
            number = Decimal(cell)
        except InvalidOperation:
            self._refuse_number(index, column)
        if not number.is_finite() or not cell.isascii() or "_" in cell:
            self._refuse_number(index, column)
        if not quantity.holds(float(number)):
            self._refuse_range(index, column, quantity)
        return number

    def _integer(self, index: int, column: str, cell: str) -> int:
        if not (cell.isascii() and cell.removeprefix("-").isdigit()):
            raise NotANumber(file=self.name, row=self.rows[index], column=column, value=cell)
        return int(cell)

    def _refuse_empty(self, index: int, column: str) -> Never:
        raise MissingValue(
            "空着，必须填写", "is empty and must not be", file=self.name, row=self.rows[index], column=column, value=""
        )

    def _refuse_number(self, index: int, column: str) -> Never:
        raise NotANumber(file=self.name, row=self.rows[index], column=column, value=self.columns[column][index])

    def _refuse_range(self, index: int, column: str, quantity: Quantity) -> Never:
        raise OutOfRange(
            f"{quantity.zh}不可能（应为 {quantity.limits}）",
            f"an impossible {quantity.en} (must be {quantity.limits})",
            file=self.name,
            row=self.rows[index],
            column=column,
            value=self.columns[column][index],
        )


def read_table(
    raw: RawFile,
    *,
    zh: str,
    required: Iterable[str],
    optional: Iterable[str] = (),
    stems: Iterable[str] = (),
    missing: str = "",
) -> Table:
    """Reads the named columns of a CSV file, or of the first sheet of an Excel workbook.

    Others are ignored, unless they are one of `stems` in an unknown unit. `missing` is one more way in which this kind
    of file writes an empty cell, such as R's `NA`.
    """
    required, optional = tuple(required), tuple(optional)
    if raw.content.startswith(WORKBOOK):
        raw = RawFile(raw.name, workbook_as_csv(raw))
    text = _decode(raw)
    records = _records(raw.name, text)
    frame = pl.read_csv(io.BytesIO(text), has_header=False, infer_schema=False).fill_null("")
    if frame.height != records:
        raise NotATable(
            "引号或换行不成对，分不清行",
            "quotes or line ends do not match, the rows cannot be told apart",
            file=raw.name,
        )

    header = [cell.strip() for cell in frame.row(0)]
    _check_header(raw.name, zh, header, required, optional, stems)

    wanted = [(name, frame.columns[header.index(name)]) for name in (*required, *optional) if name in header]
    body = frame.with_row_index("row", offset=1).slice(1)
    body = body.filter(pl.any_horizontal(pl.col(frame.columns).str.strip_chars() != ""))
    if body.height == 0:
        raise EmptyFile(file=raw.name)
    cells = body.select(pl.col(column).str.strip_chars().alias(name) for name, column in wanted)
    if missing:
        cells = cells.with_columns(pl.all().replace(missing, ""))
    return Table(
        raw.name,
        zh,
        tuple(header),
        tuple(body["row"].to_list()),
        {name: cells[name].to_list() for name in cells.columns},
    )


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Writes a CSV file whose bytes are the same on every machine."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")
    return path


def _decode(raw: RawFile) -> bytes:
    """The content without a byte order mark and trailing blank lines, if it is UTF-8 text at all.

    Another encoding is never guessed: the same bytes are other names in GB18030, Big5 and UTF-8.
    """
    if raw.content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotATable(
            "是 UTF-16 文本，请另存为“CSV UTF-8（逗号分隔）”",
            "is UTF-16 text, save it as “CSV UTF-8 (comma delimited)”",
            file=raw.name,
        )
    try:
        raw.content.decode("utf-8")
    except UnicodeDecodeError as failure:
        row = raw.content.count(b"\n", 0, failure.start) + 1
        raise NotUtf8(file=raw.name, row=row, byte_offset=failure.start) from failure
    content = raw.content.removeprefix(b"\xef\xbb\xbf").rstrip()
    if not content:
        raise EmptyFile(file=raw.name)
    header, line_end, _ = content.partition(b"\n")
    if not line_end and b"\r" in header:
        raise NotATable(
            "行尾只有回车，请另存为 CSV", "lines end in a carriage return only, save it anew", file=raw.name
        )
    if b"," not in header and (found := [one for one in (";", "\t", "，") if one.encode() in header]):
        raise NotATable(
            "列之间要用半角逗号分隔，小数点用句点",
            "columns must be separated by commas, and decimals by a point",
            file=raw.name,
            row=1,
            value=found[0],
        )
    return content + b"\n"


def _records(name: str, content: bytes) -> int:
    """The number of records, each of which has as many cells as the header.

    A row that lost its end (a broken download) would otherwise read as a tree that was not measured. Commas and line
    ends count where the number of quotes before them is even, which is exact for RFC 4180 quoting.
    """
    data = np.frombuffer(content, dtype=np.uint8)
    quotes = np.cumsum(data == ord('"'), dtype=np.int64)
    if quotes[-1] % 2:
        raise NotATable("引号没有闭合", "a quote is never closed", file=name)
    outside = quotes % 2 == 0
    ends = np.flatnonzero((data == ord("\n")) & outside)
    commas = np.cumsum((data == ord(",")) & outside, dtype=np.int64)[ends]
    cells = np.diff(commas, prepend=0) + 1
    starts = np.concatenate(([0], ends[:-1] + 1))
    blank = (ends - starts == 0) | ((ends - starts == 1) & (data[starts] == ord("\r")))
    ragged = np.flatnonzero((cells != cells[0]) & ~blank)
    if ragged.size:
        row = int(ragged[0])
        raise NotATable(
            f"这一行有 {cells[row]} 格，表头有 {cells[0]} 格",
            f"this row has {cells[row]} cells, the header has {cells[0]}",
            file=name,
            row=row + 1,
        )
    return int(ends.size)


def _check_header(
    name: str, zh: str, header: Sequence[str], required: Sequence[str], optional: Sequence[str], stems: Iterable[str]
) -> None:
    for column in header:
        if column and header.count(column) > 1:
            raise NotATable("这一列出现了两次", "this column stands there twice", file=name, row=1, column=column)
    expected = {*required, *optional}
    for stem in stems:
        absent = not any(column in header for column in STEMS[stem].split(" / "))
        for column in header:
            is_one = column == stem or (
                column.startswith(f"{stem}_") and (absent or column.removeprefix(f"{stem}_") in UNITS)
            )
            if is_one and column not in expected:
                raise UnknownUnit(file=name, column=column, expected=STEMS[stem])
    for column in required:
        if column not in header:
            raise MissingColumn(file=name, table=zh, column=column, present=header)
