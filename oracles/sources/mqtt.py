"""Sensors over MQTT: signed frames into an append-only journal, nothing lost, nothing twice, also after a crash.

A frame is one MQTT payload: 64 bytes of Ed25519 signature over what follows, a JSON object `device, seq, at, values`.
`seq` counts a device's frames from 1, `at` is when it measured, in UTC seconds. The broker keeps what it could not
deliver (a persistent session, QoS 1), and a frame is acknowledged only after it is on disk: a crash between the two
brings it again, and the journal knows it. One `fsync` serves all frames that the broker had ready (group commit), so
durability costs little per frame. Frames may come late and out of order; each device's numbers tell what is missing.

The journal of a day is text, a line per frame: when it arrived, and the frame in hex. So a frame is a row of a file,
and the day's evidence root, which `gongsheng oracle anchor` brings to the chain, leads to it.

Beside the days lies a checkpoint: the numbers of every device, and how long each day's file was when they were so. A
restart reads only what came after it. The journal is flushed before the checkpoint is written, so a checkpoint that
speaks of more than the files hold, or of other bytes, belongs to another journal; then the whole journal is read.
"""

import hashlib
import json
import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import paho.mqtt.client as mqtt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from paho.mqtt.enums import CallbackAPIVersion

from ledger_service.files import write_whole
from oracles.errors import DamagedJournal, OutOfRange
from oracles.evidence import RawFile
from oracles.sources.tables import read_table
from oracles.times import utc_date

SIGNATURE_BYTES = 64
MOST_FRAME_BYTES = 4_096
MOST_NUMBER = 2**53 - 1
JOURNAL = "sensors.frames"
CHECKPOINT = "sensors.checkpoint"
CHECKPOINT_FRAMES = 5_000
"""After so many new frames a checkpoint is written; about as many lines a restart reads."""
MARK_BYTES = 4_096
"""So many bytes before the mark of a checkpoint are compared: whole signatures, which no other journal has."""


class Verdict(StrEnum):
    """What became of a frame."""

    KEPT = "kept"
    """New, signed, written down."""
    DUPLICATE = "duplicate"
    """Known already; only acknowledged."""
    UNKNOWN_DEVICE = "unknown device"
    """Of a device that is not registered."""
    BAD_SIGNATURE = "bad signature"
    """Not signed by the device it names."""
    MALFORMED = "malformed"
    """Not a frame."""
    FROM_THE_FUTURE = "from the future"
    """Measured, by the device's clock, long after it arrived."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One measurement of one device. Its values stay the text they came as: what is signed is what is kept."""

    device: str
    seq: int
    at: int
    payload: bytes = field(repr=False)

    @property
    def values(self) -> dict[str, Any]:
        """The measured quantities by name."""
        content: dict[str, Any] = json.loads(self.payload[SIGNATURE_BYTES:])["values"]
        return content


@dataclass(slots=True)
class Numbers:
    """The numbers a device has used, as ranges: one more for every gap, however many frames there are.

    `starts` and `ends` are those of the ranges, ends excluded, ascending, never touching.
    """

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self.starts, number) - 1
        return index >= 0 and number < self.ends[index]

    def add(self, number: int) -> None:
        """Adds a number that is not there."""
        index = bisect_right(self.starts, number)
        joins_left = index > 0 and self.ends[index - 1] == number
        joins_right = index < len(self.starts) and self.starts[index] == number + 1
        if joins_left and joins_right:
            self.ends[index - 1] = self.ends.pop(index)
            self.starts.pop(index)
        elif joins_left:
            self.ends[index - 1] += 1
        elif joins_right:
            self.starts[index] = number
        else:
            self.starts.insert(index, number)
            self.ends.insert(index, number + 1)

    @property
    def count(self) -> int:
        return sum(self.ends) - sum(self.starts)

    @property
    def missing(self) -> int:
        """How many numbers from 1 to the highest never came."""
        return self.ends[-1] - 1 - self.count if self.ends else 0


def sign_frame(key: Ed25519PrivateKey, *, device: str, seq: int, at: int, values: Mapping[str, float]) -> bytes:
    """A frame as a device sends it."""
    body = json.dumps({"at": at, "device": device, "seq": seq, "values": dict(values)}, separators=(",", ":")).encode()
    return key.sign(body) + body


def parse_frame(payload: bytes) -> Frame | None:
    """A frame, or None if it is none. Its signature is not checked here."""
    if not SIGNATURE_BYTES < len(payload) <= MOST_FRAME_BYTES:
        return None
    try:
        body = json.loads(payload[SIGNATURE_BYTES:])
        device, seq, at, values = body["device"], body["seq"], body["at"], body["values"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = all(type(number) is int and 0 < number <= MOST_NUMBER for number in (seq, at))
    if not (whole and isinstance(device, str) and device and isinstance(values, dict) and len(body) == 4):
        return None
    return Frame(device, seq, at, payload)


def read_devices(raw: RawFile) -> dict[str, bytes]:
    """Each device's public key: `device, key`, 64 hexadecimal digits. One key belongs to one device."""
    table = read_table(raw, zh="设备表", required=("device", "key"))
    table.refuse_repeats("device", "这个设备出现了两次", "this device stands there twice")
    table.refuse_repeats("key", "这个公钥属于另一设备", "this key belongs to another device")
    keys = {}
    for row, device, key in zip(table.rows, table.text("device"), table.text("key"), strict=True):
        try:
            keys[device] = bytes.fromhex(key)
        except ValueError:
            keys[device] = b""
        if len(keys[device]) != 32:
            raise OutOfRange(
                "不是 Ed25519 公钥", "not an Ed25519 public key", file=raw.name, row=row, column="key", value=key
            )
    return keys


def read_frames(journal: RawFile, devices: RawFile) -> Iterator[tuple[int, Frame]]:
    """The frames of a journal with their time of arrival; one that its device has not signed, or that stands there
    twice, is refused: it was not the collector that wrote it.
    """
    keys = {device: Ed25519PublicKey.from_public_bytes(key) for device, key in read_devices(devices).items()}
    seen: set[tuple[str, int]] = set()
    for number, line in enumerate(journal.content.splitlines(), start=1):
        try:
            arrived, payload = line.split(b" ", 1)
            frame = parse_frame(bytes.fromhex(payload.decode()))
            at = int(arrived)
        except ValueError:
            raise DamagedJournal(journal.name, number) from None
        if frame is None or frame.device not in keys or (frame.device, frame.seq) in seen:
            raise DamagedJournal(journal.name, number)
        try:
            keys[frame.device].verify(frame.payload[:SIGNATURE_BYTES], frame.payload[SIGNATURE_BYTES:])
        except InvalidSignature:
            raise DamagedJournal(journal.name, number) from None
        seen.add((frame.device, frame.seq))
        yield at, frame


@dataclass(frozen=True, slots=True)
class Mark:
    """How long a day's file was, and the SHA-256 of its last bytes up to there."""

    length: int
    sha256: str

    @classmethod
    def of(cls, path: Path, length: int) -> "Mark":
        """The mark at `length`, or where a shorter file ends."""
        with path.open("rb") as file:
            file.seek(max(0, length - MARK_BYTES))
            last = file.read(min(length, MARK_BYTES))
            return cls(min(length, os.fstat(file.fileno()).st_size), hashlib.sha256(last).hexdigest())


class Journal:
    """The frames on disk, a file per day of arrival, and what is known of every device. One process at a time."""

    def __init__(
        self,
        folder: Path,
        keys: Mapping[str, bytes],
        *,
        clock_seconds: int = 300,
        checkpoint_frames: int = CHECKPOINT_FRAMES,
    ) -> None:
        """Opens a journal and reads what came after its checkpoint, or all of it. A last line that a crash cut short
        is taken off: it was never acknowledged, so the broker brings its frame again.

        Args:
            folder: The evidence folder, with a folder per day.
            keys: Each device's Ed25519 public key, 32 bytes.
            clock_seconds: How far a device's clock may be ahead.
            checkpoint_frames: A checkpoint is written after so many new frames.
        """
        self.folder = folder
        self.clock_seconds = clock_seconds
        self.numbers: dict[str, Numbers] = {}
        self.verdicts: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
        self.late = 0
        self.lines_read = 0
        """How many lines were read to open it."""
        self._keys = {device: Ed25519PublicKey.from_public_bytes(key) for device, key in keys.items()}
        self._newest: dict[str, int] = {}
        self._day = ""
        self._file: IO[bytes] | None = None
        self._is_dirty = False
        self._lengths: dict[str, int] = {}
        self._marks: dict[str, Mark] = {}
        self._checkpoint_frames = self._due = checkpoint_frames
        self._unmarked = 0
        self.is_from_checkpoint = self._resume()
        """Whether a checkpoint was there, and fitted the files."""
        for path in sorted(folder.glob(f"*/{JOURNAL}")):
            self._replay(path)
        if self._unmarked >= checkpoint_frames:
            self._mark()

    def take(self, payload: bytes, *, arrived: int) -> Verdict:
        """Judges a frame and writes a new one down. It is on disk only after `flush`."""
        verdict = self._judge(payload, arrived)
        self.verdicts[verdict] += 1
        return verdict

    def flush(self) -> None:
        """Returns when everything taken so far is on disk."""
        if self._file is not None and self._is_dirty:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._is_dirty = False
        if self._unmarked >= self._due:
            self._mark()

    def close(self) -> None:
        self._close_file()
        if self._unmarked:
            self._mark()

    def _close_file(self) -> None:
        if self._file is not None:
            self.flush()
            self._file.close()
            self._file = None

    def _judge(self, payload: bytes, arrived: int) -> Verdict:
        frame = parse_frame(payload)
        if frame is None:
            return Verdict.MALFORMED
        key = self._keys.get(frame.device)
        if key is None:
            return Verdict.UNKNOWN_DEVICE
        try:
            key.verify(payload[:SIGNATURE_BYTES], payload[SIGNATURE_BYTES:])
        except InvalidSignature:
            return Verdict.BAD_SIGNATURE
        numbers = self.numbers.setdefault(frame.device, Numbers())
        if frame.seq in numbers:
            return Verdict.DUPLICATE
        if frame.at > arrived + self.clock_seconds:
            return Verdict.FROM_THE_FUTURE
        self._write(arrived, payload)
        self._know(frame)
        return Verdict.KEPT

    def _know(self, frame: Frame) -> None:
        self.numbers.setdefault(frame.device, Numbers()).add(frame.seq)
        newest = self._newest.get(frame.device, 0)
        self.late += frame.at < newest
        self._newest[frame.device] = max(newest, frame.at)
        self._unmarked += 1

    def _write(self, arrived: int, payload: bytes) -> None:
        day = utc_date(arrived).isoformat()
        if day != self._day or self._file is None:
            self._close_file()
            path = self.folder / day / JOURNAL
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file, self._day = path.open("ab"), day
            for folder in (path.parent, self.folder):
                _sync_folder(folder)
        self._lengths[day] = self._lengths.get(day, 0) + self._file.write(
            b"%d %s\n" % (arrived, payload.hex().encode())
        )
        self._is_dirty = True

    def _mark(self) -> None:
        """Writes the checkpoint. Everything that it says is on disk already."""
        for day, length in self._lengths.items():
            if day not in self._marks or self._marks[day].length != length:
                self._marks[day] = Mark.of(self.folder / day / JOURNAL, length)
        content = json.dumps(
            {
                "devices": {
                    device: [self._newest[device], known.starts, known.ends]
                    for device, known in self.numbers.items()
                    if known.starts
                },
                "files": {day: [mark.length, mark.sha256] for day, mark in self._marks.items()},
                "late": self.late,
            },
            separators=(",", ":"),
        )
        write_whole(self.folder / CHECKPOINT, f"{_checkpoint_digest(content)} {content}\n")
        self._unmarked = 0
        # Where many frames are missing a checkpoint is long; it is written less often then, so that it costs no more.
        self._due = max(self._checkpoint_frames, sum(len(known.starts) for known in self.numbers.values()))

    def _resume(self) -> bool:
        """Takes over what the checkpoint knows, if it is whole and every file still has the bytes before its mark."""
        try:
            digest, _, content = (self.folder / CHECKPOINT).read_text("utf-8").rstrip("\n").partition(" ")
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        if _checkpoint_digest(content) != digest:
            return False
        known = json.loads(content)
        marks = {day: Mark(*mark) for day, mark in known["files"].items()}
        for day, mark in marks.items():
            path = self.folder / day / JOURNAL
            if not path.exists() or Mark.of(path, mark.length) != mark:
                return False
        for device, (newest, starts, ends) in known["devices"].items():
            self.numbers[device] = Numbers(starts, ends)
            self._newest[device] = newest
        self.late = known["late"]
        self._marks = marks
        self._lengths = {day: mark.length for day, mark in marks.items()}
        return True

    def _replay(self, path: Path) -> None:
        """Reads a day's file from its mark on, or all of it."""
        mark = self._lengths.get(path.parent.name, 0)
        with path.open("r+b") as file:
            file.seek(mark)
            whole = mark
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                try:
                    frame = parse_frame(bytes.fromhex(line.split(b" ", 1)[1].decode()))
                except (IndexError, ValueError):
                    frame = None
                if frame is None:
                    file.seek(0)
                    raise DamagedJournal(str(path), file.read(mark).count(b"\n") + number)
                self._know(frame)
                self.lines_read += 1
            file.truncate(whole)
            # A killed process may have left lines that are not on disk; they count from now on.
            os.fsync(file.fileno())
            self._lengths[path.parent.name] = whole


def _checkpoint_digest(content: str) -> str:
    """Of the content and its format, so that a checkpoint of another format is none."""
    return hashlib.sha256(f"{CHECKPOINT} 1 {content}".encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    """A file that is on disk is lost all the same if its name is not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Collector:
    """Takes frames from a broker into a journal. The journal is flushed before the broker is told.

    It reads until nothing is ready or `batch` frames wait, then flushes once and acknowledges them all. A broker that
    sends no more than its window (20 by default in mosquitto) without an answer is answered as soon as it falls silent.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        host: str,
        port: int,
        client_id: str,
        topic: str,
        now: Callable[[], float],
        batch: int = 1_000,
    ) -> None:
        self.journal = journal
        self.topic = topic
        self._now = now
        self._batch = batch
        self._waiting: list[tuple[int, int]] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True
        )
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect(host, port, keepalive=30)

    def run(self, stop: Callable[[], bool], *, poll_seconds: float = 0.05) -> None:
        """Works until `stop` says so; lost connections are made again."""
        while not stop():
            if self._client.loop(timeout=poll_seconds) != mqtt.MQTT_ERR_SUCCESS and not stop():
                self._waiting.clear()  # Never acknowledged on this connection; the broker brings them again.
                self._reconnect()
            self._read_what_is_ready()
            if self._waiting:
                self._acknowledge()

    def close(self) -> None:
        self._acknowledge()
        self._client.disconnect()
        self._client.loop(timeout=0.05)

    def _read_what_is_ready(self) -> None:
        """Without waiting: `loop` gives a single packet at a time, and asks the system whether there is one."""
        while 0 < len(self._waiting) < self._batch:
            before = len(self._waiting)
            if self._client.loop_read() != mqtt.MQTT_ERR_SUCCESS or len(self._waiting) == before:
                return

    def _reconnect(self) -> None:
        try:
            self._client.reconnect()
        except OSError:
            threading.Event().wait(0.2)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(self.topic, qos=1)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.journal.take(bytes(message.payload), arrived=int(self._now()))
        self._waiting.append((message.mid, message.qos))

    def _acknowledge(self) -> None:
        self.journal.flush()
        for mid, qos in self._waiting:
            self._client.ack(mid, qos)
        self._waiting.clear()
