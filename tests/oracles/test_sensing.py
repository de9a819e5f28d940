"""A figure from sensors: what keeps it from being reported, then what it is."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oracles.errors import (
    DamagedJournal,
    InvalidMonitoring,
    InvalidParameters,
    InvalidRequest,
    NothingMeasured,
    TooFewPlots,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.quality import Flag
from oracles.sensing import Sensing, monitor_sensors
from oracles.sources.mqtt import sign_frame
from oracles.sources.sensors import read_frame_series, read_limits, read_stations

START = 1_751_241_600
LIMITS = "least = -30\nmost = 50\ninterval = 1800\nresolution = 0.1\n"
KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([ord(name)]) * 32) for name in "AB"}
DEVICES = "device,key\n" + "".join(
    f"{name},{key.public_key().public_bytes_raw().hex()}\n" for name, key in KEYS.items()
)

Sense = Callable[..., Sensing]


def values(seed: int, moments: int = 96) -> list[float]:
    random = np.random.default_rng(seed)
    return [round(18 + 5 * math.sin(n / 7) + random.normal(0, 0.3), 1) for n in range(moments)]


def table(*devices: list[float | None]) -> str:
    rows = [
        f"{'ABCD'[index]},{START + 1_800 * n},{'' if value is None else value}"
        for index, series in enumerate(devices)
        for n, value in enumerate(series)
    ]
    return "device,time,value\n" + "\n".join(rows) + "\n"


@pytest.fixture
def sense(csv_file: Callable[[str, str], Path]) -> Sense:
    """Two days of readings; any file may be another, None leaves it out."""

    def monitor(**other: object) -> Sensing:
        files: dict[str, object] = {"readings": table(values(1), values(2)), "limits": LIMITS}
        roles = ("readings", "limits", "frames", "devices", "stations", "policy")
        files |= {role: other.pop(role) for role in roles if role in other}
        paths = {role: csv_file(f"{role}.txt", str(text)) for role, text in files.items() if text is not None}
        settings = {"subject": "air-1", "period_start": START, "period_end": START + 2 * 86_400, **other}
        return monitor_sensors(**paths, **settings)  # type: ignore[arg-type]

    return monitor


@pytest.mark.parametrize(
    ("other", "kind", "words"),
    [
        ({"period_end": START}, InvalidMonitoring, f"{START} to {START}"),
        ({"readings": None}, InvalidRequest, "either readings"),
        ({"frames": "x"}, InvalidRequest, "either readings"),
        ({"readings": None, "frames": "x"}, InvalidRequest, "either readings"),
        ({"scale": 0}, InvalidRequest, "at least 1, not 0"),
        ({"fill": -1}, InvalidRequest, "negative: -1"),
        ({"limits": "least = 1"}, InvalidParameters, "limits"),
        ({"readings": table(values(1))}, TooFewPlots, "1 plot"),
        ({"period_start": START + 3 * 86_400, "period_end": START + 4 * 86_400}, NothingMeasured, "no reading"),
    ],
)
def test_what_cannot_be_a_figure_is_refused(
    sense: Sense, other: dict[str, object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        sense(**other)


@pytest.mark.parametrize(
    "text",
    [
        "least = [",
        "least = 0\nmost = 1\ninterval = 1800\n",
        "least = 1\nmost = 0\ninterval = 1800\nresolution = 0.1",
        'least = "0"\nmost = 1\ninterval = 1800\nresolution = 0.1',
        "least = 0\nmost = 1\ninterval = 1.5\nresolution = 0.1",
        "least = 0\nmost = 1\ninterval = 1800\nresolution = 0.1\ncolour = 3",
    ],
)
def test_limits_that_cannot_be_right_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameters):
        read_limits(RawFile("limits.toml", text.encode()))


def test_the_mean_of_devices_is_rounded_down_and_its_half_width_up(sense: Sense) -> None:
    sensed = sense()
    means = [math.fsum(values(seed)) / 96 for seed in (1, 2)]
    assert sensed.refusal is None
    assert sensed.value == math.floor(1_000 * sum(means) / 2)
    assert sensed.uncertainty == math.ceil(6.313751514675043 * abs(means[0] - means[1]) / 2 * 1_000)
    assert sensed.qc_flags == 0


def test_a_refused_reading_does_not_count_and_sets_its_bit(sense: Sense) -> None:
    planted = [*values(1)]
    planted[30] = 99.0
    sensed = sense(readings=table(planted, values(2)))
    assert sensed.qc_flags & Flag.RANGE
    clean = sense()
    assert abs(sensed.value - clean.value) < 100
    assert sensed.devices[0].usable == 95


@pytest.mark.parametrize(("lost", "is_refused"), [(19, False), (20, True)])
def test_a_device_that_was_silent_for_a_fifth_of_the_period_is_refused(
    sense: Sense, lost: int, is_refused: bool
) -> None:
    """96 moments are due; with 77 there are 80.2 %, with 76 there are 79.2 %."""
    quiet = [None if 10 <= n < 10 + lost else value for n, value in enumerate(values(1))]
    sensed = sense(readings=table(quiet, values(2)))
    assert (sensed.refusal is not None) == is_refused
    assert (sensed.value == 0) == is_refused
    assert sense(readings=table(quiet, values(2)), policy="least_usable_share = 0.5").refusal is None


def test_short_gaps_are_filled_where_that_was_asked_for_and_said_to_be(sense: Sense) -> None:
    gappy = [value for n, value in enumerate(values(1)) if n not in (50, 51)]
    times = [START + 1_800 * n for n in range(96) if n not in (50, 51)]
    text = table(values(1), values(2)).splitlines()
    rows = [text[0], *(f"A,{time},{value}" for time, value in zip(times, gappy, strict=True)), *text[97:]]
    sensed = sense(readings="\n".join(rows) + "\n")
    assert (sensed.qc_flags, sensed.devices[0].usable) == (Flag.MISSING, 94)
    filled = sense(readings="\n".join(rows) + "\n", fill=2)
    assert (filled.qc_flags, filled.devices[0].usable) == (Flag.MISSING | Flag.GAP_FILLED, 96)
    assert sense(readings="\n".join(rows) + "\n", fill=1).devices[0].usable == 94


def test_a_device_that_moved_refuses_the_figure_and_an_old_calibration_is_told(sense: Sense) -> None:
    rows = table(values(1), values(2)).splitlines()
    placed = "\n".join([f"{rows[0]},longitude,latitude", *(f"{row},102.71,25.04" for row in rows[1:])]) + "\n"
    stations = "device,longitude,latitude,calibrated_until\nA,102.71,25.04,2025-06-30\nB,102.71,25.04,\n"
    sensed = sense(readings=placed, stations=stations)
    assert (sensed.refusal, sensed.qc_flags) == (None, Flag.CALIBRATION_EXPIRED)
    moved = sense(readings=placed, stations=stations.replace("A,102.71", "A,102.72"))
    assert moved.refusal is not None
    assert "moved device" in moved.refusal
    assert moved.value == 0


def test_what_is_registered_of_a_device_is_read() -> None:
    stations = read_stations(RawFile("s", b"device,longitude,latitude,calibrated_until\nA,102.5,25,2025-06-30\nB,,,\n"))
    assert stations["A"].place == (102.5, 25.0)
    assert stations["A"].calibrated_until == 1_751_241_600
    assert (stations["B"].place, stations["B"].calibrated_until) == (None, None)


# --- Frames ---------------------------------------------------------------------------------------


def line(device: str, seq: int, value: object = 1.5, *, by: str | None = None) -> bytes:
    frame = sign_frame(
        KEYS[by or device],
        device=device,
        seq=seq,
        at=START + seq,
        values={"air": value},  # type: ignore[dict-item]
    )
    return b"%d %s\n" % (START + seq + 5, frame.hex().encode())


def frames(*lines: bytes) -> RawFile:
    return RawFile("f.frames", b"".join(lines))


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        ((line("A", 1), b"nonsense\n"), 2),
        ((line("A", 1), line("A", 1)), 2),
        ((line("A", 1, by="B"),), 1),
        ((line("A", 1), line("B", 1)[:-20]), 2),
    ],
)
def test_a_journal_with_a_frame_that_no_device_sent_is_refused(lines: tuple[bytes, ...], at: int) -> None:
    with pytest.raises(DamagedJournal) as refused:
        read_frame_series(frames(*lines), RawFile("d", DEVICES.encode()), "air")
    assert refused.value.line == at


def test_a_quantity_that_no_frame_has_is_refused() -> None:
    with pytest.raises(UnknownReference):
        read_frame_series(frames(line("A", 1)), RawFile("d", DEVICES.encode()), "soil")


def test_frames_become_series_in_the_order_they_were_measured() -> None:
    journal = frames(line("B", 1), line("A", 3), line("A", 1, 2.5), line("A", 2, None), line("A", 4, True))
    first, second = read_frame_series(journal, RawFile("d", DEVICES.encode()), "air")
    assert (first.device, second.device) == ("A", "B")
    assert first.times.tolist() == [START + n for n in (1, 2, 3, 4)]
    assert first.values[[0, 2]].tolist() == [2.5, 1.5]
    assert np.isnan(first.values[[1, 3]]).all()
    assert first.received is not None
    assert first.received.tolist() == [START + n + 5 for n in (1, 2, 3, 4)]
    assert first.places is None
