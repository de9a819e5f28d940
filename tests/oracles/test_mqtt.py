"""Sensors: what is no frame, crashes of the journal, and a real broker with a collector that is killed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain.embedded import free_port
from oracles.errors import DamagedJournal, Duplicate, OutOfRange
from oracles.evidence import RawFile
from oracles.sources.mqtt import (
    CHECKPOINT,
    CHECKPOINT_FRAMES,
    JOURNAL,
    Journal,
    Numbers,
    Verdict,
    parse_frame,
    read_devices,
    sign_frame,
)

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = 1_750_000_000
DEVICES = {f"D{number}": Ed25519PrivateKey.from_private_bytes(bytes([number + 1]) * 32) for number in range(4)}
KEYS = {device: key.public_key().public_bytes_raw() for device, key in DEVICES.items()}
FRAMES = int(os.environ.get("GONGSHENG_SOAK_FRAMES", "10000"))
"""How many frames go through the broker. GONGSHENG_SOAK_FRAMES=1000000 makes it the soak."""
PATIENCE_SECONDS = 120
"""Without a frame for so long, nothing more will come."""
MOST_BEHIND = 20_000
"""How many frames the broker may hold while the collector is away."""
MOST_MEGABYTES = 300
"""What a collector may take, however many frames there are; the libraries alone take some 150."""


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


# --- The checkpoint -------------------------------------------------------------------------------


def left_by_a_kill(journal: Journal, folder: Path) -> Path:
    """What lies on disk when a process is killed now."""
    shutil.copytree(journal.folder, folder)
    journal.close()
    return folder


def test_a_restart_reads_only_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    first = Journal(tmp_path / "running", KEYS, checkpoint_frames=100)
    for seq in range(1, 251):
        first.take(frame(seq=seq), arrived=NOW + (86_400 if seq > 150 else 0))
        first.flush()
    folder = left_by_a_kill(first, tmp_path / "killed")
    early, _ = sorted(folder.glob(f"*/{JOURNAL}"))
    content = early.read_bytes()
    early.write_bytes(content[:20] + b"zz" + content[22:])  # Where nobody need look any more.
    second = Journal(folder, KEYS)
    assert (second.is_from_checkpoint, second.lines_read) == (True, 50)
    assert second.numbers == first.numbers
    assert [second.take(frame(seq=seq), arrived=NOW + 86_400) for seq in (1, 150, 200, 250)] == [Verdict.DUPLICATE] * 4
    assert second.take(frame(seq=251), arrived=NOW + 86_400) is Verdict.KEPT
    second.close()
    assert Journal(folder, KEYS).lines_read == 0
    (folder / CHECKPOINT).unlink()
    with pytest.raises(DamagedJournal, match="line 1 "):
        Journal(folder, KEYS)


def test_killed_anywhere_between_journal_and_checkpoint_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """The journal cut at any frame or inside one, with any checkpoint that ever was beside it, older or newer."""
    days = [NOW, NOW, NOW, NOW + 86_400, NOW + 86_400, NOW, NOW + 86_400]  # A clock that was set back, too.
    frames = [frame(f"D{index % 2}", 7 - index, NOW + index) for index in range(len(days))]
    written = Journal(tmp_path / "written", KEYS, checkpoint_frames=1)
    states: list[dict[Path, bytes]] = [{}]
    checkpoints: list[bytes | None] = [None]
    for payload, arrived in zip(frames, days, strict=True):
        written.take(payload, arrived=arrived)
        written.flush()
        states.append(
            {path.relative_to(written.folder): path.read_bytes() for path in written.folder.glob(f"*/{JOURNAL}")}
        )
        checkpoints.append((written.folder / CHECKPOINT).read_bytes())
    written.close()
    tried = 0
    for count, state in enumerate(states):
        for checkpoint in checkpoints:
            for half in (b"", b"1750000000 ab"):
                folder = tmp_path / f"{tried}"
                for path, content in state.items():
                    (folder / path).parent.mkdir(parents=True)
                    (folder / path).write_bytes(content + half)
                folder.mkdir(exist_ok=True)
                if checkpoint is not None:
                    (folder / CHECKPOINT).write_bytes(checkpoint)
                opened = Journal(folder, KEYS, checkpoint_frames=3)
                verdicts = [opened.take(payload, arrived=at) for payload, at in zip(frames, days, strict=True)]
                opened.close()
                assert verdicts == [Verdict.DUPLICATE] * count + [Verdict.KEPT] * (len(days) - count)
                assert {path.relative_to(folder): path.read_bytes() for path in folder.glob(f"*/{JOURNAL}")} == states[
                    -1
                ]
                assert Journal(folder, KEYS).numbers == written.numbers
                tried += 1
    assert tried == 8 * 8 * 2


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "no text", "partial", "other journal", "day gone"])
def test_a_checkpoint_that_is_damaged_or_of_another_journal_is_not_believed(tmp_path: Path, damage: str) -> None:
    first = Journal(tmp_path, KEYS)
    for seq in range(1, 6):
        first.take(frame(seq=seq), arrived=NOW + 86_400 * (seq % 2))
    first.close()
    checkpoint, (early, late) = tmp_path / CHECKPOINT, sorted(tmp_path.glob(f"*/{JOURNAL}"))
    content, expected = checkpoint.read_bytes(), 5
    if damage == "bit":
        checkpoint.write_bytes(content.replace(b'"D0":[', b'"D1":['))
    elif damage == "cut":
        checkpoint.write_bytes(content[:-10])
    elif damage == "empty":
        checkpoint.write_bytes(b"")
    elif damage == "no text":
        checkpoint.write_bytes(b"\xff" + content)
    elif damage == "partial":
        checkpoint.rename(tmp_path / f"{CHECKPOINT}.partial")
    elif damage == "other journal":
        lines = late.read_bytes().splitlines(keepends=True)
        late.write_bytes(b"".join([*lines[:-1], b"%d %s\n" % (NOW + 86_400, frame(seq=6).hex().encode())]))
    else:
        early.unlink()
        expected = 3
    assert checkpoint.exists() is (damage != "partial")
    second = Journal(tmp_path, KEYS)
    assert (second.is_from_checkpoint, second.lines_read) == (False, expected)
    assert second.numbers["D0"].count == expected
    assert second.take(frame(seq=5), arrived=NOW) is (Verdict.KEPT if damage == "other journal" else Verdict.DUPLICATE)
    second.close()
    assert Journal(tmp_path, KEYS).is_from_checkpoint


def test_a_damaged_line_after_the_checkpoint_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    first = Journal(tmp_path / "running", KEYS, checkpoint_frames=3)
    for seq in range(1, 6):
        first.take(frame(seq=seq), arrived=NOW)
        first.flush()
    folder = left_by_a_kill(first, tmp_path / "killed")
    (path,) = folder.glob(f"*/{JOURNAL}")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"1750000000 zz\n", lines[4]]))
    with pytest.raises(DamagedJournal, match="line 4 "):
        Journal(folder, KEYS)


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
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
    )
    running = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        running.terminate()
        running.wait(20)


class Field:
    """Devices that publish at QoS 1, many frames at a time: MQTT 3.1.1 by hand, far quicker than a client library."""

    def __init__(self, port: int) -> None:
        self._socket = connected(port)
        self._socket.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05field")
        assert self._receive(4)[:2] == b"\x20\x02"
        self._unanswered = 0
        self._number = 0

    def publish(self, payload: bytes) -> None:
        """Sends a frame; never more than 500 without an answer of the broker."""
        self._number = self._number % 65_535 + 1
        body = b"\x00\x12gongsheng/frames/a" + self._number.to_bytes(2, "big") + payload
        length = bytes([len(body) % 128 | 128, len(body) // 128])
        self._socket.sendall(b"\x32" + length + body)
        self._unanswered += 1
        if self._unanswered >= 500:
            self.settle()

    def settle(self) -> None:
        """Waits for the broker's answers: from then on the frames are its to deliver."""
        self._receive(4 * self._unanswered)
        self._unanswered = 0

    def close(self) -> None:
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def _receive(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            part = self._socket.recv(count - len(received))
            assert part, "the broker hung up"
            received += part
        return received


def connected(port: int) -> socket.socket:
    """A connection to the broker, which may be starting."""
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("the broker does not start")


class Collecting:
    """The collector as a process that is killed and started again; remembers how much memory it took at most."""

    def __init__(self, folder: Path, port: int) -> None:
        devices = folder / "devices.csv"
        devices.write_text("device,key\n" + "".join(f"{device},{key.hex()}\n" for device, key in KEYS.items()))
        self.evidence = folder / "evidence"
        self._where = ("--devices", str(devices), "--evidence", str(self.evidence), "--port", str(port))
        self.kilobytes = 0
        self.kills = 0
        self.said: list[str] = []
        """What each run printed."""
        self._counted: dict[Path, list[int]] = {}
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "oracles", "collect", *self._where],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> None:
        """Kills it in the middle of its work, and starts it again."""
        self._measure()
        self._process.kill()
        self.said.append(self._process.communicate()[0])
        self.kills += 1
        self._start()

    def stop(self) -> None:
        """Ends it as a person does, with Ctrl-C."""
        self._measure()
        self._process.send_signal(signal.SIGINT)
        try:
            self.said.append(self._process.communicate(timeout=30)[0])
        finally:
            self._process.kill()

    def lines(self) -> int:
        """How many whole lines are on disk. A kill may take half a line off the end, never a whole one."""
        for path in self.evidence.glob(f"*/{JOURNAL}"):
            counted = self._counted.setdefault(path, [0, 0])
            with path.open("rb") as file:
                file.seek(counted[0])
                new = file.read()
            whole = new.rfind(b"\n") + 1
            counted[0] += whole
            counted[1] += new.count(b"\n")
        return sum(lines for _, lines in self._counted.values())

    def kept(self) -> Iterator[tuple[str, int]]:
        """What is on disk: device and number of every line."""
        for path in self.evidence.glob(f"*/{JOURNAL}"):
            with path.open("rb") as file:
                for line in file:
                    body = json.loads(bytes.fromhex(line.split()[1].decode())[64:])
                    yield body["device"], body["seq"]

    def _measure(self) -> None:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.kilobytes = max(self.kilobytes, int(line.split()[1]))


def test_frames_through_a_broker_and_kills_arrive_once(tmp_path: Path, broker: int) -> None:
    """Shuffled, with duplicates and forgeries; the collector is killed again and again, and nothing is lost."""
    random = Random(3)
    order = [number for number in range(FRAMES) for _ in range(2 if random.random() < 0.05 else 1)]
    order.sort(key=lambda number: number + 20 * random.random())
    kills = 2 + FRAMES // 100_000
    moments = [FRAMES * (kill + 1) // (kills + 1) for kill in range(kills)]
    at = int(time.time())
    collector, field = Collecting(tmp_path, broker), Field(broker)

    def attend() -> int:
        """Kills the collector in the middle of its work, whenever it has come so far."""
        lines = collector.lines()
        if moments and lines >= moments[0]:
            moments.pop(0)
            collector.kill()
        return lines

    started = time.monotonic()
    try:
        while not collector.lines():  # Until the subscription stands, what is published goes nowhere.
            assert time.monotonic() - started < PATIENCE_SECONDS
            field.publish(frame("D3", 10**7, at))
            field.settle()
            time.sleep(0.2)
        started = time.monotonic()
        for index, number in enumerate(order):
            device, seq = f"D{number % 4}", number // 4 + 1
            if index % 97 == 0:
                field.publish(frame(device, 10**8 + seq, at, by="D1" if device == "D0" else "D0"))
            field.publish(frame(device, seq, at))
            while index % 500 == 499 and attend() < number - MOST_BEHIND:
                time.sleep(0.05)
        field.settle()
        lines, progress = 0, time.monotonic()
        while lines < FRAMES + 1 and time.monotonic() - progress < PATIENCE_SECONDS:
            if (now := attend()) > lines:
                lines, progress = now, time.monotonic()
            time.sleep(0.1)
        seconds = time.monotonic() - started
    finally:
        field.close()
        collector.stop()
    print(
        f"{FRAMES:,} frames in {seconds:.1f} s ({FRAMES / seconds:,.0f} a second), {collector.kills} kills,"
        f" at most {collector.kilobytes / 1024:,.0f} MB, last run: {' '.join(collector.said[-1].split())}"
    )
    read = [
        int(lines.replace(",", "")) for lines in re.findall(r"([\d,]+) lines of the journal", "".join(collector.said))
    ]
    assert len(read) == kills + 1
    assert max(read) < 2 * CHECKPOINT_FRAMES
    arrived = Counter(collector.kept())
    assert set(arrived.values()) == {1}
    assert len(arrived) == FRAMES + 1
    assert all((f"D{number % 4}", number // 4 + 1) in arrived for number in range(FRAMES))
    assert collector.kills == kills
    assert collector.kilobytes < MOST_MEGABYTES * 1024
