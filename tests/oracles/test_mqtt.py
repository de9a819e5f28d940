"""Sensors: what is no frame, crashes of the journal, and a real broker with a collector that is killed."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from ledger_service.chain.embedded import free_port
from oracles.errors import DamagedJournal, Duplicate, OutOfRange
from oracles.evidence import RawFile
from oracles.sources.mqtt import JOURNAL, Journal, Numbers, Verdict, parse_frame, read_devices, sign_frame

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = 1_750_000_000
DEVICES = {f"D{number}": Ed25519PrivateKey.from_private_bytes(bytes([number + 1]) * 32) for number in range(4)}
KEYS = {device: key.public_key().public_bytes_raw() for device, key in DEVICES.items()}
FRAMES = int(os.environ.get("GONGSHENG_SOAK_FRAMES", "3000"))
"""How many frames go through the broker. GONGSHENG_SOAK_FRAMES=1000000 makes it the soak."""


def frame(device: str = "D0", seq: int = 1, at: int = NOW, *, by: str | None = None) -> bytes:
    return sign_frame(DEVICES[by or device], device=device, seq=seq, at=at, values={"soil": 0.31})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, KEYS)
    yield opened
    opened.close()


# --- Frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"NaN",
        b'{"at":1,"device":"D0","seq":0,"values":{}}',
        b'{"at":1,"device":"D0","seq":true,"values":{}}',
        b'{"at":1,"device":"D0","seq":1.0,"values":{}}',
        b'{"at":-1,"device":"D0","seq":1,"values":{}}',
        b'{"at":1,"device":"","seq":1,"values":{}}',
        b'{"at":1,"device":"D0","seq":1,"values":[]}',
        b'{"at":1,"device":"D0","seq":9007199254740992,"values":{}}',
        b'{"at":1,"device":"D0","seq":1,"values":{},"more":1}',
        b'{"at":1,"device":"D0","seq":1,"values":{"x":"' + b"a" * 5_000 + b'"}}',
    ],
)
def test_what_is_no_frame_is_not_kept(journal: Journal, body: bytes) -> None:
    assert parse_frame(b"s" * 64 + body) is None
    assert journal.take(b"s" * 64 + body, arrived=NOW) is Verdict.MALFORMED


def test_a_frame_needs_the_signature_of_the_device_it_names(journal: Journal) -> None:
    assert journal.take(frame(by="D1"), arrived=NOW) is Verdict.BAD_SIGNATURE
    good = frame()
    assert journal.take(good.replace(b"0.31", b"0.99"), arrived=NOW) is Verdict.BAD_SIGNATURE
    stranger = sign_frame(DEVICES["D0"], device="X", seq=1, at=NOW, values={})
    assert journal.take(stranger, arrived=NOW) is Verdict.UNKNOWN_DEVICE
    assert journal.take(good, arrived=NOW) is Verdict.KEPT


def test_one_sensor_cannot_feed_two_plots() -> None:
    key = KEYS["D0"].hex()
    with pytest.raises(Duplicate, match="belongs to another device"):
        read_devices(RawFile("d.csv", f"device,key\nA,{key}\nB,{key}\n".encode()))
    with pytest.raises(OutOfRange, match="Ed25519"):
        read_devices(RawFile("d.csv", b"device,key\nA,00\n"))
    assert read_devices(RawFile("d.csv", f"device,key\nA,{key}\n".encode())) == {"A": KEYS["D0"]}


@pytest.mark.parametrize(("ahead", "verdict"), [(300, Verdict.KEPT), (301, Verdict.FROM_THE_FUTURE)])
def test_a_clock_may_be_five_minutes_ahead(journal: Journal, ahead: int, verdict: Verdict) -> None:
    assert journal.take(frame(at=NOW + ahead), arrived=NOW) is verdict


def test_late_and_out_of_order_frames_are_kept_and_a_gap_is_known(journal: Journal) -> None:
    for seq in (1, 2, 5, 4, 9):
        assert journal.take(frame(seq=seq, at=NOW + seq), arrived=NOW + 10) is Verdict.KEPT
    assert journal.take(frame(seq=4, at=NOW + 4), arrived=NOW + 11) is Verdict.DUPLICATE
    assert journal.numbers["D0"].missing == 4
    assert journal.late == 1


@given(st.permutations(range(1, 40)), st.integers(0, 39))
def test_numbers_are_known_whatever_their_order(order: list[int], taken: int) -> None:
    numbers = Numbers()
    for number in order[:taken]:
        assert number not in numbers
        numbers.add(number)
    assert [number for number in range(1, 41) if number in numbers] == sorted(order[:taken])
    assert numbers.count == taken
    assert numbers.missing == max(order[:taken], default=0) - taken


def test_one_lost_frame_costs_one_range_however_many_follow() -> None:
    numbers = Numbers()
    for number in range(2, 100_000):
        numbers.add(number)
    assert (len(numbers.starts), numbers.missing) == (1, 1)


# --- The journal ----------------------------------------------------------------------------------


def test_a_journal_that_is_opened_again_knows_its_frames(tmp_path: Path) -> None:
    first = Journal(tmp_path, KEYS)
    for seq in range(1, 6):
        first.take(frame(seq=seq), arrived=NOW + seq)
    first.close()
    second = Journal(tmp_path, KEYS)
    assert second.take(frame(seq=3), arrived=NOW) is Verdict.DUPLICATE
    assert second.take(frame(seq=6), arrived=NOW) is Verdict.KEPT
    second.close()


@pytest.mark.parametrize("cut", [1, 2, 50, 150])
def test_a_last_line_that_was_cut_short_is_taken_off_and_comes_again(tmp_path: Path, cut: int) -> None:
    first = Journal(tmp_path, KEYS)
    first.take(frame(seq=1), arrived=NOW)
    first.take(frame(seq=2), arrived=NOW)
    first.close()
    (path,) = tmp_path.glob(f"*/{JOURNAL}")
    path.write_bytes(path.read_bytes()[:-cut])
    second = Journal(tmp_path, KEYS)
    assert second.take(frame(seq=1), arrived=NOW) is Verdict.DUPLICATE
    assert second.take(frame(seq=2), arrived=NOW) is Verdict.KEPT
    second.close()
    assert path.read_bytes().count(b"\n") == 2


def test_a_damaged_line_that_is_not_the_last_is_refused(tmp_path: Path) -> None:
    first = Journal(tmp_path, KEYS)
    first.take(frame(seq=1), arrived=NOW)
    first.take(frame(seq=2), arrived=NOW)
    first.close()
    (path,) = tmp_path.glob(f"*/{JOURNAL}")
    content = path.read_bytes()
    path.write_bytes(content[:20] + b"zz" + content[22:])
    with pytest.raises(DamagedJournal, match="line 1"):
        Journal(tmp_path, KEYS)


def test_frames_lie_in_the_folder_of_the_day_they_arrived(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEYS)
    journal.take(frame(seq=1), arrived=NOW)
    journal.take(frame(seq=2), arrived=NOW + 86_400)
    journal.close()
    assert sorted(path.parent.name for path in tmp_path.glob(f"*/{JOURNAL}")) == ["2025-06-15", "2025-06-16"]


# --- A real broker --------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """mosquitto on a port of its own; it keeps what a client that is away has not got."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 400\n"
    )
    running = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        running.terminate()
        running.wait(20)


def collector(tmp_path: Path, port: int) -> subprocess.Popen[bytes]:
    devices = tmp_path / "devices.csv"
    devices.write_text("device,key\n" + "".join(f"{device},{key.hex()}\n" for device, key in KEYS.items()))
    where = ("--devices", str(devices), "--evidence", str(tmp_path / "evidence"), "--port", str(port))
    return subprocess.Popen(
        [sys.executable, "-m", "oracles", "collect", *where],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kept(tmp_path: Path) -> list[tuple[str, int]]:
    """What is on disk: device and number of every whole line."""
    found = []
    for path in (tmp_path / "evidence").glob(f"*/{JOURNAL}"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                body = json.loads(bytes.fromhex(line.split()[1].decode())[64:])
                found.append((body["device"], body["seq"]))
    return found


def test_frames_through_a_broker_and_kills_arrive_once(tmp_path: Path, broker: int) -> None:
    """Shuffled, with duplicates and forgeries; the collector is killed twice, and nothing is lost."""
    random = Random(3)
    sent = [(f"D{number % 4}", number // 4 + 1) for number in range(FRAMES)]
    order = [*sent, *random.sample(sent, FRAMES // 20)]
    order.sort(key=lambda one: one[1] + 5 * random.random())
    at = int(time.time())
    first = collector(tmp_path, broker)
    publisher = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="field")
    publisher.max_inflight_messages_set(50)
    for _ in range(50):
        try:
            publisher.connect("127.0.0.1", broker)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    publisher.loop_start()
    running = first
    try:
        started = time.monotonic()
        while not kept(tmp_path):  # Until the subscription stands, what is published goes nowhere.
            assert time.monotonic() - started < 60
            publisher.publish("gongsheng/frames/a", frame("D3", 10**6, at), qos=1).wait_for_publish(10)
            time.sleep(0.2)
        for index, (device, seq) in enumerate(order):
            by = "D1" if index % 97 == 0 and device == "D0" else None
            if by:
                publisher.publish("gongsheng/frames/a", frame(device, 10**7 + seq, at, by=by), qos=1)
            info = publisher.publish("gongsheng/frames/a", frame(device, seq, at), qos=1)
            if index % 50 == 49:
                info.wait_for_publish(60)
            if index in (len(order) // 3, 2 * len(order) // 3):
                os.kill(running.pid, signal.SIGKILL)
                running.wait()
                running = collector(tmp_path, broker)
        started = time.monotonic()
        while len(kept(tmp_path)) < FRAMES + 1 and time.monotonic() - started < 60 + FRAMES / 200:
            time.sleep(0.3)
    finally:
        publisher.disconnect()
        publisher.loop_stop()
        running.send_signal(signal.SIGINT)
        try:
            running.wait(20)
        finally:
            running.kill()
            running.wait()
    arrived = kept(tmp_path)
    assert len(arrived) == len(set(arrived))
    assert set(arrived) == {*sent, ("D3", 10**6)}
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600_000
