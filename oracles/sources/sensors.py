"""Sensor readings in plain CSV: `device, time, value`, optionally `received, sequence, longitude, latitude, manual`.

Times are UTC seconds. An empty `value` is a reading without value. `manual` is 1 where a person changed the value.
"""

import numpy as np

from oracles.errors import NotANumber, OutOfRange
from oracles.evidence import RawFile
from oracles.quality import Series
from oracles.sources.tables import Table, read_table


def read_series(raw: RawFile) -> tuple[Series, ...]:
    """One series per device, in the order of the file; devices in the order of their names."""
    optional = ("received", "sequence", "longitude", "latitude", "manual")
    table = read_table(raw, zh="传感器读数表", required=("device", "time", "value"), optional=optional)
    devices = np.array(table.text("device"))
    times = np.array(table.integers("time"), dtype=np.int64)
    values = _floats(table, "value")
    received = np.array(table.integers("received"), dtype=np.int64) if "received" in table else None
    sequence = np.array(table.integers("sequence"), dtype=np.int64) if "sequence" in table else None
    places = None
    if "longitude" in table and "latitude" in table:
        places = np.column_stack([_floats(table, "longitude"), _floats(table, "latitude")])
    manual = np.array([_manual(table, index) for index in range(len(table))]) if "manual" in table else None
    series = []
    for device in sorted(set(devices.tolist())):
        rows = devices == device
        series.append(
            Series(
                device,
                times[rows],
                values[rows],
                None if received is None else received[rows],
                None if sequence is None else sequence[rows],
                None if places is None else places[rows],
                None if manual is None else manual[rows],
            )
        )
    return tuple(series)


def _floats(table: Table, column: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Numbers of either sign; an empty cell is NaN."""
    numbers = np.empty(len(table))
    for index, cell in enumerate(table.columns[column]):
        try:
            numbers[index] = float(cell) if cell else np.nan
        except ValueError:
            raise NotANumber(file=table.name, row=table.rows[index], column=column, value=cell) from None
        if cell and not np.isfinite(numbers[index]):
            raise NotANumber(file=table.name, row=table.rows[index], column=column, value=cell)
    return numbers


def _manual(table: Table, index: int) -> bool:
    cell = table.columns["manual"][index]
    if cell not in ("", "0", "1"):
        raise OutOfRange(
            "应为 0 或 1", "must be 0 or 1", file=table.name, row=table.rows[index], column="manual", value=cell
        )
    return cell == "1"
