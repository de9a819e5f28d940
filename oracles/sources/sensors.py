"""Sensor readings in plain CSV: `device, time, value`, optionally `received, sequence, longitude, latitude, manual`.

Times are UTC seconds. An empty `value` is a reading without value. `manual` is 1 where a person changed the value. A
journal of signed frames (`oracles.sources.mqtt`) gives the same series. Limits are TOML: `least, most, interval,
resolution`, and any other of `Limits`. Stations are a CSV `device`, optionally `longitude, latitude` where it was
registered, and `calibrated_until`, a day.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from oracles.errors import InvalidParameters, InvalidReading, NotANumber, OutOfRange, UnknownReference
from oracles.evidence import RawFile
from oracles.quality import Checked, Limits, Series, check
from oracles.sources.mqtt import read_frames
from oracles.sources.tables import Table, read_table
from oracles.times import utc_seconds


@dataclass(frozen=True, slots=True)
class Station:
    """What is registered of a device: its place in degrees, longitude first, and until when it is calibrated."""

    place: tuple[float, float] | None
    calibrated_until: int | None


def read_stations(raw: RawFile) -> dict[str, Station]:
    """Reads what is registered of every device."""
    optional = ("longitude", "latitude", "calibrated_until")
    table = read_table(raw, zh="测站表", required=("device",), optional=optional)
    table.refuse_repeats("device", "这个设备出现了两次", "this device stands there twice")
    places = None
    if "longitude" in table and "latitude" in table:
        places = np.column_stack([_floats(table, "longitude"), _floats(table, "latitude")]).tolist()
    stations = {}
    for index, device in enumerate(table.text("device")):
        place = None if places is None or not all(map(math.isfinite, places[index])) else tuple(places[index])
        until = None
        if "calibrated_until" in table and table.columns["calibrated_until"][index]:
            until = utc_seconds(table.day("calibrated_until", index))
        stations[device] = Station(place, until)
    return stations


_NAMES = {"interval": "interval_seconds"}


def read_limits(raw: RawFile) -> Limits:
    """Reads the limits of one quantity."""
    try:
        given = tomllib.loads(raw.content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise InvalidParameters(raw.name, f"不是 TOML：{failure}", f"not TOML: {failure}") from failure
    named = {_NAMES.get(name, name): value for name, value in given.items()}
    types = {field.name: field.type for field in fields(Limits)}
    for name, value in named.items():
        if name not in types:
            raise InvalidParameters(raw.name, f"不认识的设置 {name}", f"an unknown setting {name}")
        if isinstance(value, bool) or not isinstance(value, int if types[name] is int else int | float):
            raise InvalidParameters(raw.name, f"{name} 不是数字", f"{name} is not a number of its kind")
    try:
        return Limits(**named)
    except TypeError as failure:
        raise InvalidParameters(
            raw.name, "须有 least、most、interval、resolution", "least, most, interval and resolution are needed"
        ) from failure
    except InvalidReading as failure:
        raise InvalidParameters(raw.name, failure.zh, failure.en) from failure


def check_all(series: Sequence[Series], limits: Limits, stations: Mapping[str, Station]) -> tuple[Checked, ...]:
    """Every check on every series, the others being its neighbours."""
    return tuple(
        check(
            one,
            limits,
            neighbours=[other for other in series if other is not one],
            registered_at=stations[one.device].place if one.device in stations else None,
            calibrated_until=stations[one.device].calibrated_until if one.device in stations else None,
        )
        for one in series
    )


def read_frame_series(journal: RawFile, devices: RawFile, quantity: str) -> tuple[Series, ...]:
    """One series per device of one quantity in a journal of signed frames, in the order in which they were measured.

    A frame that its device has not signed does not belong in a journal: the file is refused. `longitude` and `latitude`
    among the values are the place of the frame.
    """
    by_device: dict[str, list[tuple[int, int, int, float, float, float]]] = {}
    for arrived, frame in read_frames(journal, devices):
        if quantity not in frame.values:
            continue
        cells = [_number(frame.values.get(name)) for name in (quantity, "longitude", "latitude")]
        by_device.setdefault(frame.device, []).append((frame.at, frame.seq, arrived, cells[0], cells[1], cells[2]))
    if not by_device:
        raise UnknownReference(
            "没有这个量的读数", "no frame has this quantity", file=journal.name, column="values", value=quantity
        )
    series = []
    for device, rows in sorted(by_device.items()):
        columns = [np.array(column) for column in zip(*sorted(rows), strict=True)]
        places = np.column_stack(columns[4:]).astype(np.float64)
        series.append(
            Series(
                device,
                columns[0].astype(np.int64),
                columns[3].astype(np.float64),
                columns[2].astype(np.int64),
                columns[1].astype(np.int64),
                None if np.isnan(places).all() else places,
            )
        )
    return tuple(series)


def _number(value: object) -> float:
    """A measured number; anything else, such as null, is a reading without value."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return math.nan
    return float(value)


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
