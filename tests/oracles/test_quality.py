"""Quality flags: each found where it was planted, and how often each speaks up on clean data."""

import math
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from oracles.commands import app
from oracles.errors import InvalidReading, NotANumber, OutOfRange
from oracles.evidence import RawFile
from oracles.quality import (
    FLAG_NAMES,
    REFUSING,
    Checked,
    Flag,
    Limits,
    Series,
    check,
    fill_gaps,
    laboratory,
)
from oracles.quality_report import CLEAN_READINGS, FALSE_ALARMS, render
from oracles.sources.sensors import read_series

HALF_HOUR = 1_800
START = 1_750_000_000 // HALF_HOUR * HALF_HOUR
LIMITS = Limits(least=-30.0, most=50.0, interval_seconds=HALF_HOUR, resolution=0.1)
HOME = (102.71, 25.04)


def clean(seed: int = 1, *, days: int = 60, offset: float = 0.0) -> Series:
    """Air temperature as a good sensor gives it: a daily course, weather that wanders, noise, a tenth of a degree.

    Frames arrive within seconds; the GNSS strays by some metres.
    """
    random = np.random.default_rng(seed)
    weather = np.random.default_rng(99)
    n = days * 48
    hours = np.arange(n) / 2
    wander = np.zeros(n)
    steps = weather.normal(0, 0.35, n)
    for index in range(1, n):
        wander[index] = 0.97 * wander[index - 1] + steps[index]
    values = 18 + 6 * np.sin(2 * math.pi * (hours - 9) / 24) + wander + random.normal(0, 0.25, n) + offset
    times = START + HALF_HOUR * np.arange(n)
    metres = random.normal(0, 5, (n, 2)) / 111_000
    return Series(
        f"T{seed}",
        times,
        np.round(values, 1),
        times + random.integers(1, 20, n),
        np.arange(1, n + 1),
        np.array(HOME) + metres,
        np.zeros(n, dtype=bool),
    )


def checked(series: Series, **more) -> Checked:
    options = {"neighbours": [clean(2, offset=0.6), clean(3, offset=-0.4)], "registered_at": HOME, **more}
    return check(series, LIMITS, **options)


def found(result: Checked, flag: Flag) -> list[int]:
    return np.flatnonzero(result.flags & int(flag)).tolist()


def with_values(series: Series, where: slice | list[int], values) -> Series:
    changed = series.values.copy()
    changed[where] = values
    return replace(series, values=changed)


# --- False alarms ---------------------------------------------------------------------------------


def test_false_alarms_on_clean_data_are_rarer_than_one_in_a_thousand() -> None:
    """Forty sensors over two months: the page states these very numbers."""
    rates = dict.fromkeys(Flag, 0)
    readings = 0
    for seed in range(10, 50):
        result = checked(clean(seed))
        readings += len(result.series)
        for flag, count in result.counts().items():
            rates[flag] += count
    assert readings == CLEAN_READINGS
    assert {flag: count for flag, count in rates.items() if count} == FALSE_ALARMS
    assert max(rates.values()) / readings < 0.001


def test_a_saturated_or_dry_sensor_is_not_stuck() -> None:
    """Rain is zero for days; that is a limit, not a fault."""
    rain = Limits(least=0.0, most=200.0, interval_seconds=HALF_HOUR, resolution=0.2)
    values = np.zeros(480)
    values[100:103] = (0.4, 1.2, 0.6)
    series = Series("R", START + HALF_HOUR * np.arange(480), values)
    assert found(check(series, rain), Flag.FLAT_LINE) == []


# --- Planted faults -------------------------------------------------------------------------------


def test_a_reading_without_value_and_moments_without_reading_are_missing() -> None:
    series = with_values(clean(), [7], math.nan)
    keep = np.ones(len(series), dtype=bool)
    keep[100:104] = False
    short = Series("T1", series.times[keep], series.values[keep])
    result = check(short, LIMITS)
    assert found(result, Flag.MISSING) == [7]
    assert result.gaps.tolist() == [START + HALF_HOUR * index for index in range(100, 104)]
    assert result.counts()[Flag.MISSING] == 5


@pytest.mark.parametrize("value", [-30.1, 50.1, math.inf, -math.inf, 1e9])
def test_what_is_physically_impossible_is_out_of_range(value: float) -> None:
    assert found(checked(with_values(clean(), [50], value)), Flag.RANGE) == [50]


@pytest.mark.parametrize("value", [-30.0, 50.0])
def test_a_reading_at_a_limit_is_in_range(value: float) -> None:
    assert found(checked(with_values(clean(), [50], value)), Flag.RANGE) == []


def test_a_spike_is_found_and_its_neighbours_are_not() -> None:
    assert found(checked(with_values(clean(), [700, 1_500], [42.0, -12.0])), Flag.SPIKE) == [700, 1_500]


def test_a_front_that_stays_is_no_spike() -> None:
    series = clean()
    assert found(checked(with_values(series, slice(900, None), series.values[900:] - 8)), Flag.SPIKE) == []


@pytest.mark.parametrize(("length", "is_found"), [(11, False), (12, True), (200, True)])
def test_a_stuck_sensor_is_found_from_twelve_readings_on(length: int, is_found: bool) -> None:
    series = with_values(clean(), slice(600, 600 + length), 23.4)
    flags = found(checked(series), Flag.FLAT_LINE)
    assert (set(range(600, 600 + length)) <= set(flags)) == is_found
    assert all(599 <= index <= 600 + length for index in flags)


def test_the_second_reading_of_a_moment_is_a_duplicate() -> None:
    series = clean()
    times = series.times.copy()
    times[31] = times[30]
    assert found(checked(replace(series, times=times)), Flag.DUPLICATE) == [31]


def test_a_clock_that_runs_ahead_or_behind_drifts_and_late_delivery_does_not() -> None:
    series = clean()
    assert series.received is not None
    assert len(found(checked(replace(series, received=series.times - 301)), Flag.CLOCK_DRIFT)) == len(series)
    assert len(found(checked(replace(series, received=series.times + 4_000)), Flag.CLOCK_DRIFT)) == len(series)
    late = series.received.copy()
    late[:500] = series.times[600]
    assert found(checked(replace(series, received=late)), Flag.CLOCK_DRIFT) == []
    ahead = series.received.copy()
    ahead[9] = series.times[9] - 301
    assert found(checked(replace(series, received=ahead)), Flag.CLOCK_DRIFT) == [9]


def test_a_sensor_that_leaves_its_neighbours_disagrees() -> None:
    series = clean()
    away = with_values(series, slice(1_000, 1_100), series.values[1_000:1_100] + 6)
    assert found(checked(away), Flag.CROSS_SENSOR) == list(range(1_000, 1_100))


def test_one_neighbour_decides_nothing() -> None:
    series = with_values(clean(), slice(100, 200), 45.0)
    assert found(checked(series, neighbours=[clean(2)]), Flag.CROSS_SENSOR) == []


@pytest.mark.parametrize(("metres", "is_found"), [(30, False), (80, True), (5_000, True)])
def test_a_device_that_was_carried_away_has_moved(metres: float, is_found: bool) -> None:
    series = clean()
    places = np.tile(np.array(HOME), (len(series), 1))
    places[40:60, 1] += metres / 111_195
    assert found(checked(replace(series, places=places)), Flag.MOVED) == (list(range(40, 60)) if is_found else [])


def test_readings_after_the_calibration_ran_out_are_told() -> None:
    result = checked(clean(), calibrated_until=START + HALF_HOUR * 2_877)
    assert found(result, Flag.CALIBRATION_EXPIRED) == [2_878, 2_879]
    assert result.usable[2_878]


def test_a_gap_in_the_sequence_is_told_whatever_the_order() -> None:
    series = clean()
    assert series.sequence is not None
    sequence = series.sequence.copy()
    sequence[50:] += 3
    sequence[[60, 61]] = sequence[[61, 60]]
    assert found(checked(replace(series, sequence=sequence)), Flag.SEQUENCE_GAP) == [50]


def test_a_value_that_a_person_changed_is_told() -> None:
    series = clean()
    overridden = np.zeros(len(series), dtype=bool)
    overridden[5] = True
    assert found(checked(replace(series, overridden=overridden)), Flag.MANUAL_OVERRIDE) == [5]


def test_one_day_copied_over_another_is_too_regular() -> None:
    """One sample shown as a series: the original is kept, the copies are refused."""
    series = clean()
    day = series.values[480:528]
    copied = with_values(series, slice(960, 1_104), np.tile(day, 3))
    flags = found(checked(copied), Flag.TOO_REGULAR)
    assert set(range(960, 1_104)) <= set(flags)
    assert not set(range(480, 528)) & set(flags)


def test_a_line_drawn_with_a_ruler_is_too_regular() -> None:
    ruled = with_values(clean(), slice(960, 1_060), 10 + 0.1 * np.arange(100))
    assert set(range(960, 1_060)) <= set(found(checked(ruled), Flag.TOO_REGULAR))


def test_a_laboratory_report_needs_the_signature_of_the_laboratory() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    content = b"sample,carbon_percent\nA,1.94\n"
    signature = key.sign(content)
    assert laboratory(content, signature, public) == Flag(0)
    for wrong in (
        (content, None, public),
        (content.replace(b"1.94", b"2.94"), signature, public),
        (content, signature[:-1], public),
        (content, signature, Ed25519PrivateKey.generate().public_key().public_bytes_raw()),
        (content, signature, b"short"),
    ):
        assert laboratory(*wrong) == Flag.UNSIGNED_LABORATORY


def test_short_gaps_are_filled_and_flagged_and_long_ones_are_left() -> None:
    series = clean()
    keep = np.ones(len(series), dtype=bool)
    keep[100:103] = False
    keep[500:520] = False
    gappy = Series("T1", series.times[keep], series.values[keep])
    filled = fill_gaps(check(gappy, LIMITS), LIMITS, most_moments=4)
    assert len(filled.series) == len(gappy) + 3
    assert [int(filled.series.times[index]) for index in found(filled, Flag.GAP_FILLED)] == [
        START + HALF_HOUR * index for index in (100, 101, 102)
    ]
    assert len(filled.gaps) == 20
    ends = (series.values[99], series.values[103])
    assert min(ends) <= filled.series.values[101] <= max(ends)


# --- Flags, series and the page -------------------------------------------------------------------


def test_bits_of_flags_never_change() -> None:
    assert [flag.value for flag in Flag] == [1 << bit for bit in range(15)]
    assert set(FLAG_NAMES) == set(Flag)
    assert Flag.MANUAL_OVERRIDE not in REFUSING


def test_flags_of_a_series_are_those_of_its_report() -> None:
    result = checked(with_values(clean(), [50, 90], [99.0, math.nan]))
    assert result.summary() & (Flag.RANGE | Flag.MISSING) == Flag.RANGE | Flag.MISSING
    assert checked(clean(21)).summary() & ~(Flag.SPIKE | Flag.CROSS_SENSOR) == Flag(0)


def test_an_empty_series_has_no_flags() -> None:
    empty = Series("T", np.array([], dtype=np.int64), np.array([]))
    assert check(empty, LIMITS).summary() == Flag(0)


def test_columns_of_different_lengths_and_limits_that_cross_are_refused() -> None:
    with pytest.raises(InvalidReading):
        Series("T", np.array([1]), np.array([1.0, 2.0]))
    with pytest.raises(InvalidReading):
        Limits(least=1.0, most=1.0, interval_seconds=60, resolution=0.1)


def test_the_page_says_which_data_were_refused_and_why() -> None:
    page = render([checked(with_values(clean(), [50], 99.0))], title="<b>样地 7</b>")
    assert "<b>样地" not in page
    assert "超出物理范围" in page
    assert "<polyline" in page
    assert page.count("stroke='#b00020'") == 1
    assert page == render([checked(with_values(clean(), [50], 99.0))], title="<b>样地 7</b>")
    assert "no usable reading" in render([check(with_values(clean(), slice(None), 99.0), LIMITS)], title="x")


class Page(HTMLParser):
    """Reads a page as strictly as it can: every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "path", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed at once."""

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_stands_alone_and_speaks_chinese_first() -> None:
    text = render([checked(with_values(clean(), [50], 99.0)), checked(clean(5))], title="<样地 & 7>")
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert "<样地 & 7>" in "".join(page.text)
    assert "lang='zh-CN'" in text
    assert "charset='utf-8'" in text
    assert "Noto Sans CJK SC" in text
    assert "http" not in text  # Nothing is loaded from anywhere.
    assert "误报率" in text
    text.encode("utf-8").decode("utf-8")


def test_every_plot_of_the_page_is_an_image_that_an_xml_reader_takes() -> None:
    text = render([checked(with_values(clean(), [50], 99.0))], title="x")
    plot = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    assert plot.attrib["viewBox"] == "0 0 960 220"
    lines = [line.attrib["points"].split() for line in plot.iter("polyline")]
    assert [len(line) for line in lines] == [50, 60 * 48 - 51], "the line breaks where a reading was refused"
    points = [tuple(map(float, point.split(","))) for line in lines for point in line]
    assert all(0 <= x <= 960 and 0 <= y <= 220 for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_readings_are_read_and_checked_from_the_command_line(
    csv_file: Callable[[str, str], Path], tmp_path: Path
) -> None:
    series = clean(days=3)
    rows = [f"T1,{time},{value},{time + 3}" for time, value in zip(series.times, series.values, strict=True)]
    rows[20] = f"T1,{series.times[20]},,{series.times[20] + 3}"
    rows[30] = f"T1,{series.times[30]},-40,{series.times[30] + 3}"
    path = csv_file("t.csv", "device,time,value,received\n" + "\n".join(rows) + "\n")
    options = ["--least", "-30", "--most", "50", "--interval", "1800", "--resolution", "0.1"]
    asked = ["quality", "--readings", str(path), "--out", str(tmp_path / "q.html"), *options]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.stderr
    assert "refused 2" in result.stdout
    assert "缺测" in (tmp_path / "q.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("row", "kind"),
    [("T,1,warm,", NotANumber), ("T,1,nan,", NotANumber), ("T,soon,1,", NotANumber), ("T,1,1,yes", OutOfRange)],
)
def test_readings_that_are_none_are_refused(row: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read_series(RawFile("t.csv", f"device,time,value,manual\n{row}\n".encode()))


def test_series_are_read_by_device() -> None:
    text = "device,time,value,sequence,longitude,latitude,manual\nB,1,2.5,1,102,25,1\nA,1,,7,102,25,\n"
    first, second = read_series(RawFile("t.csv", text.encode()))
    assert (first.device, second.device) == ("A", "B")
    assert math.isnan(first.values[0])
    assert second.overridden is not None
    assert second.overridden.tolist() == [True]
