"""Excel workbooks (.xlsx) as CSV text: the first sheet, every cell as a person sees its value."""

import csv
import io
from datetime import date, datetime, time
from typing import Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from oracles.errors import EmptyFile, NotATable
from oracles.evidence import RawFile

WORKBOOK = b"PK\x03\x04"
"""The first bytes of a workbook, which is a zip archive."""


def workbook_as_csv(raw: RawFile) -> bytes:
    """The first sheet in UTF-8 CSV, rows where they stand in the sheet.

    A formula counts by the value that Excel stored with it; one without a stored value, or with an error, is refused.
    Whole numbers lose the `.0` that Excel does not show; others keep the fewest digits that give the same number.
    """
    try:
        values = openpyxl.load_workbook(io.BytesIO(raw.content), data_only=True)
        formulas = openpyxl.load_workbook(io.BytesIO(raw.content))
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as failure:
        raise NotATable("不是能读的 .xlsx 工作簿", "not a readable .xlsx workbook", file=raw.name) from failure
    sheet, originals = values.worksheets[0], formulas.worksheets[0]
    if sheet.max_row is None or all(cell is None for row in sheet.iter_rows(values_only=True) for cell in row):
        raise EmptyFile(file=raw.name)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row, (shown, original) in enumerate(zip(sheet.iter_rows(), originals.iter_rows(), strict=True), start=1):
        cells = []
        for number, (cell, source) in enumerate(zip(shown, original, strict=True), start=1):
            if (source.data_type == "f" and cell.value is None) or cell.data_type == "e":
                raise NotATable(
                    "公式没有可用的结果，请在 Excel 里重算并保存",
                    "a formula without a usable result, recalculate and save in Excel",
                    file=raw.name,
                    row=row,
                    column=get_column_letter(number),
                    value=str(source.value),
                )
            cells.append(_text(cell.value))
        writer.writerow(cells)
    return text.getvalue().encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
