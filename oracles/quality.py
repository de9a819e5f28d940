"""Quality flags of sensor series and other monitoring data: what is wrong, as bits, and why data were refused.

Each check is a function of a series and its limits; it returns a mask of readings, or nothing. A flag that makes a
reading useless stands in `REFUSING`; the others are told, and stand in the report's `qcFlags`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from oracles.errors import InvalidReading

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation × this is the standard deviation of a normal distribution."""


class Flag(IntFlag):
    """What may be wrong with a reading. Values are bits of `qcFlags` in a report and never change."""

    MISSING = 1 << 0
    """No reading where one was due."""
    GAP_FILLED = 1 << 1
    """A value that was computed, not measured."""
    RANGE = 1 << 2
    """Outside what is physically possible."""
    SPIKE = 1 << 3
    """Far from its neighbours, by the Hampel filter."""
    FLAT_LINE = 1 << 4
    """The same value again and again: a stuck sensor."""
    DUPLICATE = 1 << 5
    """The same frame or moment twice."""
    CLOCK_DRIFT = 1 << 6
    """The device's clock is far from that of the receiver."""
    CROSS_SENSOR = 1 << 7
    """Far from what other sensors nearby say."""
    MOVED = 1 << 8
    """The device is not where it was registered."""
    CALIBRATION_EXPIRED = 1 << 9
    """Measured after the calibration ran out."""
    SEQUENCE_GAP = 1 << 10
    """Frames before this one never came."""
    CLOUD = 1 << 11
    """Clouds over too much of the parcel."""
    MANUAL_OVERRIDE = 1 << 12
    """A person changed the value."""
    TOO_REGULAR = 1 << 13
    """Too regular for nature: invented, or copied."""
    UNSIGNED_LABORATORY = 1 << 14
    """A laboratory report without a valid signature."""


REFUSING = (
    Flag.MISSING
    | Flag.RANGE
    | Flag.SPIKE
    | Flag.FLAT_LINE
    | Flag.DUPLICATE
    | Flag.CLOCK_DRIFT
    | Flag.MOVED
    | Flag.CLOUD
    | Flag.TOO_REGULAR
    | Flag.UNSIGNED_LABORATORY
)
"""A reading with any of these is not used."""

FLAG_NAMES: Mapping[Flag, tuple[str, str]] = {
    Flag.MISSING: ("缺测", "missing"),
    Flag.GAP_FILLED: ("插补", "gap-filled"),
    Flag.RANGE: ("超出物理范围", "outside the physical range"),
    Flag.SPIKE: ("尖峰（Hampel）", "spike (Hampel filter)"),
    Flag.FLAT_LINE: ("数值不变", "flat line"),
    Flag.DUPLICATE: ("重复", "duplicate"),
    Flag.CLOCK_DRIFT: ("时钟漂移", "clock drift"),
    Flag.CROSS_SENSOR: ("与邻近传感器不符", "disagrees with sensors nearby"),
    Flag.MOVED: ("设备移动", "moved device"),
    Flag.CALIBRATION_EXPIRED: ("校准过期", "calibration expired"),
    Flag.SEQUENCE_GAP: ("序号缺口", "gap in the sequence"),
    Flag.CLOUD: ("云量过大", "too cloudy"),
    Flag.MANUAL_OVERRIDE: ("人工改动", "manual override"),
    Flag.TOO_REGULAR: ("过于规则", "too regular for nature"),
    Flag.UNSIGNED_LABORATORY: ("化验报告未签名", "unsigned laboratory report"),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """When a check speaks up. The defaults are those whose false alarms the tests measure."""

    least: float
    most: float
    interval_seconds: int
    resolution: float
    """The last digit of the sensor; a stuck sensor repeats a value to that digit."""
    hampel_half_window: int = 5
    hampel_sigmas: float = 6.0
    flat_readings: int = 12
    clock_seconds: int = 300
    cross_sigmas: float = 6.0
    moved_metres: float = 50.0
    regular_readings: int = 48

    def __post_init__(self) -> None:
        if not (self.least < self.most and self.interval_seconds >= 1 and self.resolution > 0):
            raise InvalidReading("质控界限", "limits", f"{self.least}–{self.most}", "least < most, interval ≥ 1 s")


@dataclass(frozen=True, slots=True)
class Series:
    """The readings of one sensor in the order they were taken. Times are UTC seconds; NaN is a reading without value.

    `received` is when each arrived, `sequence` its number, `places` longitude and latitude where the device has a GNSS.
    """

    device: str
    times: NDArray[np.int64]
    values: Array
    received: NDArray[np.int64] | None = None
    sequence: NDArray[np.int64] | None = None
    places: Array | None = None
    overridden: Mask | None = None

    def __post_init__(self) -> None:
        columns = (self.values, self.received, self.sequence, self.places, self.overridden)
        for column in columns:
            if column is not None and len(column) != len(self.times):
                raise InvalidReading("序列长度", "length of a column", len(column), str(len(self.times)))

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Checked:
    """A series with the flags of every reading; `gaps` are moments at which a reading was due and none came."""

    series: Series
    flags: NDArray[np.int64]
    gaps: NDArray[np.int64] = field(repr=False)

    @property
    def usable(self) -> Mask:
        """Readings that may be used."""
        return np.asarray((self.flags & int(REFUSING)) == 0)

    def counts(self) -> dict[Flag, int]:
        """How many readings have each flag; missing ones count the moments without a reading too."""
        counted = {flag: int(np.count_nonzero(self.flags & int(flag))) for flag in Flag}
        counted[Flag.MISSING] += len(self.gaps)
        return counted

    def summary(self) -> Flag:
        """All flags together: `qcFlags` of a report that rests on this series."""
        together = int(np.bitwise_or.reduce(self.flags)) if len(self.flags) else 0
        return Flag(together | (int(Flag.MISSING) if len(self.gaps) else 0))


def check(
    series: Series,
    limits: Limits,
    *,
    neighbours: Sequence[Series] = (),
    registered_at: tuple[float, float] | None = None,
    calibrated_until: int | None = None,
) -> Checked:
    """Every check on one series."""
    flags = np.zeros(len(series), dtype=np.int64)

    def mark(flag: Flag, mask: Mask) -> None:
        flags[mask] |= int(flag)

    values = series.values
    mark(Flag.MISSING, np.isnan(values))
    out = out_of_range(values, limits)
    mark(Flag.RANGE, out)
    sane = np.where(out, np.nan, values)
    mark(Flag.SPIKE, spikes(sane, limits))
    mark(Flag.FLAT_LINE, flat_lines(sane, limits))
    mark(Flag.DUPLICATE, duplicates(series.times))
    mark(Flag.TOO_REGULAR, too_regular(sane, limits))
    if series.received is not None:
        mark(Flag.CLOCK_DRIFT, clock_drift(series.times, series.received, limits))
    if series.sequence is not None:
        mark(Flag.SEQUENCE_GAP, sequence_gaps(series.sequence))
    if series.overridden is not None:
        mark(Flag.MANUAL_OVERRIDE, series.overridden)
    if neighbours:
        mark(Flag.CROSS_SENSOR, cross_sensor(series, neighbours, limits))
    if registered_at is not None and series.places is not None:
        mark(Flag.MOVED, moved(series.places, registered_at, limits))
    if calibrated_until is not None:
        mark(Flag.CALIBRATION_EXPIRED, series.times > calibrated_until)
    return Checked(series, flags, missing_moments(series.times, limits))


def out_of_range(values: Array, limits: Limits) -> Mask:
    """Readings beyond the physical limits; infinite ones too, missing ones not."""
    return ~np.isnan(values) & ~((values >= limits.least) & (values <= limits.most))


def spikes(values: Array, limits: Limits) -> Mask:
    """The Hampel filter: readings farther than `hampel_sigmas` from the median of their window.

    The scale is the median absolute deviation of the window, at least the sensor's resolution (Hampel 1974; Pearson
    2002, IEEE Transactions on Control Systems Technology 10, 55–63).
    """
    half = limits.hampel_half_window
    if len(values) < 2 * half + 1:
        return np.zeros(len(values), dtype=bool)
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    known = ~np.isnan(values)
    result = np.zeros(len(values), dtype=bool)
    if not known.any():
        return result
    inner = windows[known]
    median = np.nanmedian(inner, axis=1)
    scale = MAD_TO_SIGMA * np.nanmedian(np.abs(inner - median[:, None]), axis=1)
    result[known] = np.abs(values[known] - median) > limits.hampel_sigmas * np.maximum(scale, limits.resolution)
    return result


def flat_lines(values: Array, limits: Limits) -> Mask:
    """Runs of `flat_readings` or more that do not differ by half of the sensor's last digit.

    A value at a limit, such as no rain or a saturated soil, may stay as long as it likes.
    """
    still = np.abs(np.diff(values)) < limits.resolution / 2
    at_limit = (values <= limits.least + limits.resolution / 2) | (values >= limits.most - limits.resolution / 2)
    result = np.zeros(len(values), dtype=bool)
    start = 0
    for index in range(len(values)):
        if index and not still[index - 1]:
            start = index
        if index - start + 1 >= limits.flat_readings and not at_limit[start]:
            result[start : index + 1] = True
    return result


def duplicates(times: NDArray[np.int64]) -> Mask:
    """Readings of a moment that has one already; the first is kept."""
    _, first = np.unique(times, return_index=True)
    result = np.ones(len(times), dtype=bool)
    result[first] = False
    return result


def missing_moments(times: NDArray[np.int64], limits: Limits) -> NDArray[np.int64]:
    """Moments between the first and the last reading at which one was due: gaps of over one and a half intervals."""
    ordered = np.unique(times)
    moments: list[int] = []
    for index in np.flatnonzero(np.diff(ordered) > 1.5 * limits.interval_seconds):
        due = round((ordered[index + 1] - ordered[index]) / limits.interval_seconds) - 1
        moments += [int(ordered[index]) + (step + 1) * limits.interval_seconds for step in range(due)]
    return np.array(moments, dtype=np.int64)


def clock_drift(times: NDArray[np.int64], received: NDArray[np.int64], limits: Limits) -> Mask:
    """Readings from the future, and all readings if even the quickest arrived long after its time.

    A device that was out of reach delivers late, which is no drift: it also delivers some on time.
    """
    delay = received - times
    if not len(delay):
        return np.zeros(0, dtype=bool)
    slow = bool(delay.min() > limits.clock_seconds)
    return (delay < -limits.clock_seconds) | slow


def sequence_gaps(sequence: NDArray[np.int64]) -> Mask:
    """Readings before which numbers are missing, whatever the order of arrival."""
    ordered = np.unique(sequence)
    after_gap = ordered[1:][np.diff(ordered) > 1]
    return np.isin(sequence, after_gap)


def cross_sensor(series: Series, neighbours: Sequence[Series], limits: Limits) -> Mask:
    """Readings whose difference from the median of the neighbours at that moment is unusual for this sensor.

    Sensors differ by place, so what counts is the difference from the usual difference, on the scale of its median
    absolute deviation. At least two neighbours must speak.
    """
    table = np.full((len(neighbours), len(series)), np.nan)
    for row, other in enumerate(neighbours):
        known = dict(zip(other.times.tolist(), other.values.tolist(), strict=True))
        table[row] = [known.get(moment, math.nan) for moment in series.times.tolist()]
    spoken = np.count_nonzero(~np.isnan(table), axis=0) >= 2
    result = np.zeros(len(series), dtype=bool)
    comparable = spoken & ~np.isnan(series.values)
    if np.count_nonzero(comparable) < 2 * limits.hampel_half_window + 1:
        return result
    difference = series.values[comparable] - np.nanmedian(table[:, comparable], axis=0)
    usual = np.median(difference)
    scale = max(MAD_TO_SIGMA * float(np.median(np.abs(difference - usual))), limits.resolution)
    result[comparable] = np.abs(difference - usual) > limits.cross_sigmas * scale
    return result


def moved(places: Array, registered_at: tuple[float, float], limits: Limits) -> Mask:
    """Readings taken farther from the registered place than a device can stray; a missing fix says nothing."""
    longitude, latitude = np.radians(places[:, 0]), np.radians(places[:, 1])
    home_longitude, home_latitude = (math.radians(angle) for angle in registered_at)
    haversine = (
        np.sin((latitude - home_latitude) / 2) ** 2
        + np.cos(latitude) * math.cos(home_latitude) * np.sin((longitude - home_longitude) / 2) ** 2
    )
    return np.asarray(2 * 6_371_000 * np.arcsin(np.sqrt(haversine)) > limits.moved_metres)


def too_regular(values: Array, limits: Limits) -> Mask:
    """Series that nature does not make: one day copied over others, or steps of one size without any noise.

    A block of `regular_readings` readings that repeats an earlier block to the last digit, and changes in it, was
    copied. A block whose second differences are all zero, but which rises or falls, was drawn with a ruler.
    """
    length = limits.regular_readings
    result = np.zeros(len(values), dtype=bool)
    if len(values) < length:
        return result
    digits = np.round(values / limits.resolution)
    seen: dict[bytes, int] = {}
    for start in range(len(values) - length + 1):
        block = digits[start : start + length]
        if np.isnan(block).any():
            continue
        steps = np.diff(block)
        changing = np.count_nonzero(steps) >= length // 4
        if changing and not np.diff(steps).any():
            result[start : start + length] = True
        key = block.tobytes()
        if changing and key in seen and start - seen[key] >= length:
            result[start : start + length] = True
        seen.setdefault(key, start)
    return result


def laboratory(content: bytes, signature: bytes | None, key: bytes) -> Flag:
    """The flag of a laboratory report: nothing if the laboratory's Ed25519 key signed exactly this content."""
    if signature is None:
        return Flag.UNSIGNED_LABORATORY
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return Flag.UNSIGNED_LABORATORY
    return Flag(0)


def fill_gaps(checked: Checked, limits: Limits, *, most_moments: int) -> Checked:
    """Fills gaps of up to `most_moments` between usable readings on a straight line, and flags what it filled.

    Longer gaps stay gaps. Refused readings are replaced too, if there is a usable one on both sides near enough.
    """
    good = np.flatnonzero(checked.usable)
    times, values = checked.series.times[good], checked.series.values[good]
    filled_times: list[int] = []
    for index in np.flatnonzero(np.diff(times) > 1.5 * limits.interval_seconds):
        due = round((times[index + 1] - times[index]) / limits.interval_seconds) - 1
        if due <= most_moments:
            filled_times += [int(times[index]) + (step + 1) * limits.interval_seconds for step in range(due)]
    added = np.array(filled_times, dtype=np.int64)
    all_times = np.concatenate([times, added])
    all_values = np.concatenate([values, np.interp(added, times, values)]) if len(added) else values
    flags = np.concatenate([checked.flags[good], np.full(len(added), int(Flag.GAP_FILLED), dtype=np.int64)])
    order = np.argsort(all_times, kind="stable")
    series = Series(checked.series.device, all_times[order], all_values[order])
    return Checked(series, flags[order], missing_moments(series.times, limits))
