"""Everything a report was computed from, in one archive, so that anyone can compute it again.

A bundle is a tar file: `job.json`, which says what was computed and with which settings, and every raw file as it was
delivered under `evidence/`. The same job gives the same bytes on every machine. The evidence root of a report is the
RFC 6962 root over the raw files, over the lines of each, over the job and over the archive itself: whoever has a report
can tell whether an archive is the one it was computed from, and whether a line of a file was in it.
"""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from oracles.errors import InvalidBundle, InvalidRequest
from oracles.evidence import RawFile, inclusion_proof, merkle_root, read_raw, root_of_proof, verify_inclusion
from oracles.findings import Finding
from oracles.methodologies.methodology import digest_of
from oracles.monitoring import monitor_csv, monitor_fia
from oracles.periods import Monitoring
from oracles.registers import RegisterColumns
from oracles.sensing import Sensing, monitor_sensors
from oracles.sources import fia
from oracles.sources.csv_trees import read_account_list
from oracles.supply import Role, SupplyWeights, weigh_supply
from pyo3_core import Register

JOB_NAME = "job.json"
BUNDLE_NAME = "bundle.tar"
EVIDENCE_FOLDER = "evidence"
ROWS_SUFFIX = "#rows"
MOST_BYTES = 2_000_000_000
"""A larger archive is refused before it is read."""

TEXT_SETTINGS = ("subject", "equation", "methodology", "heights", "environment", "quantity")
"""Settings that are text; all others are whole numbers."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to compute: a kind of computation, its settings, and its raw files by role."""

    kind: str
    settings: Mapping[str, str | int]
    files: Mapping[str, RawFile]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidRequest(
                f"没有这种计算：{self.kind}（有：{', '.join(KINDS)}）",
                f"no such computation: {self.kind} (there are: {', '.join(KINDS)})",
            )
        needs = KINDS[self.kind].needs
        for what, given, least, most in (
            ("file", self.files, needs.files, (*needs.files, *needs.optional_files)),
            ("setting", self.settings, needs.settings, (*needs.settings, *needs.optional_settings)),
        ):
            if missing := [name for name in least if name not in given]:
                raise InvalidRequest(f"{self.kind} 缺少 {missing[0]}", f"{self.kind} needs the {what} {missing[0]}")
            if unknown := [name for name in given if name not in most]:
                raise InvalidRequest(f"{self.kind} 不用 {unknown[0]}", f"{self.kind} has no {what} {unknown[0]}")
        for name, value in self.settings.items():
            is_text = name in TEXT_SETTINGS
            if type(value) is not (str if is_text else int):
                zh, en = ("文字", "text") if is_text else ("整数", "a whole number")
                raise InvalidRequest(
                    f"设置 {name} 应为{zh}，不是 {value!r}", f"setting {name} must be {en}, not {value!r}"
                )

    def to_json(self) -> bytes:
        """The job in canonical JSON, with the name and hash of every file."""
        return _canonical(
            {
                "files": {role: {"name": file.name, "sha256": file.sha256.hex()} for role, file in self.files.items()},
                "kind": self.kind,
                "settings": dict(self.settings),
                "version": 1,
            }
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What reporters of one round must agree on, to the last bit; times are UTC seconds.

    `qc_flags` are the bits of the quality `findings`. `refusal` says why nothing may be reported. `columns` are the
    leaves of the register, if there is one.
    """

    subject: str
    period_start: int
    period_end: int
    observed_at: int
    value: int
    uncertainty: int
    share_root: bytes
    share_count: int
    evidence_root: bytes
    methodology: bytes
    qc_flags: int = 0
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    refusal: str | None = None
    columns: RegisterColumns | None = field(default=None, repr=False, compare=False)

    @property
    def digest(self) -> bytes:
        """Keccak-256 of the canonical JSON of all figures: identical wherever the bundle is computed again."""
        return digest_of(self.to_mapping())

    def to_mapping(self) -> dict[str, str | int]:
        """The figures by name; numbers beyond 53 bits stay exact as text."""
        return {
            "evidence_root": f"0x{self.evidence_root.hex()}",
            "methodology": f"0x{self.methodology.hex()}",
            "observed_at": self.observed_at,
            "period_end": self.period_end,
            "period_start": self.period_start,
            "qc_flags": self.qc_flags,
            "share_count": self.share_count,
            "share_root": f"0x{self.share_root.hex()}",
            "subject": self.subject,
            "uncertainty": str(self.uncertainty),
            "value": str(self.value),
        }


def make_job(kind: str, settings: Mapping[str, str | int], paths: Mapping[str, Path]) -> Job:
    """Reads the files of a job, once."""
    return Job(kind, settings, {role: read_raw(path, role=role) for role, path in paths.items()})


def pack(job: Job) -> bytes:
    """The archive of a job: members in the order of their names, without times, owners or compression."""
    members = {JOB_NAME: job.to_json()}
    members |= {f"{EVIDENCE_FOLDER}/{file.name}": file.content for file in job.files.values()}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def unpack(archive: bytes, *, name: str = BUNDLE_NAME) -> Job:
    """The job in an archive. Anything that packing it again would not give, byte for byte, is refused."""
    if len(archive) > MOST_BYTES:
        raise InvalidBundle(name, "太大", "too large")
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None or entry.name in members:
                    raise InvalidBundle(
                        name, f"成员 {entry.name} 不是普通文件", f"member {entry.name} is no plain file"
                    )
                members[entry.name] = content.read()
        described = json.loads(members[JOB_NAME])
        files = {
            role: RawFile(file["name"], members[f"{EVIDENCE_FOLDER}/{file['name']}"])
            for role, file in described["files"].items()
        }
        job = Job(described["kind"], described["settings"], files)
    except (tarfile.TarError, KeyError, TypeError, ValueError, EOFError) as failure:
        raise InvalidBundle(name, "读不懂", f"cannot be understood ({type(failure).__name__})") from failure
    if pack(job) != archive:
        raise InvalidBundle(
            name, "与其任务描述不一致", "does not hold exactly what its job says: a file was changed, added or taken"
        )
    return job


def run(job: Job) -> tuple[Result, bytes]:
    """Computes a job. Returns its result and its archive, whose hash is under the result's evidence root."""
    archive = pack(job)
    return KINDS[job.kind].compute(job, merkle_root([entry for _, entry in _entries(job, archive)])), archive


def reproduce(archive: bytes, *, name: str = BUNDLE_NAME) -> Result:
    """Computes an archive again."""
    return run(unpack(archive, name=name))[0]


# --- From a report back to a row ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineProof:
    """That a line stands in a file under the evidence root of a report. Lines count from 1, the header being line 1."""

    file: str
    line: int
    content: bytes
    lines: int
    lines_proof: tuple[bytes, ...]
    index: int
    entries: int
    entries_proof: tuple[bytes, ...]

    def holds(self, evidence_root: bytes) -> bool:
        """Whether the line was in the evidence of that report."""
        rows_root = root_of_proof(self.content, index=self.line - 1, size=self.lines, proof=self.lines_proof)
        if rows_root is None:
            return False
        entry = rows_entry(self.file, rows_root)
        return verify_inclusion(
            entry, index=self.index, size=self.entries, proof=self.entries_proof, root=evidence_root
        )

    def to_json(self) -> str:
        return json.dumps(
            {
                "content": self.content.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode(),
                "content_hex": self.content.hex(),
                "entries": self.entries,
                "entries_proof": [node.hex() for node in self.entries_proof],
                "file": self.file,
                "index": self.index,
                "line": self.line,
                "lines": self.lines,
                "lines_proof": [node.hex() for node in self.lines_proof],
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str, *, name: str) -> "LineProof":
        try:
            given = json.loads(text)
            return cls(
                file=str(given["file"]),
                line=int(given["line"]),
                content=bytes.fromhex(given["content_hex"]),
                lines=int(given["lines"]),
                lines_proof=tuple(bytes.fromhex(node) for node in given["lines_proof"]),
                index=int(given["index"]),
                entries=int(given["entries"]),
                entries_proof=tuple(bytes.fromhex(node) for node in given["entries_proof"]),
            )
        except (KeyError, TypeError, ValueError) as failure:
            raise InvalidBundle(name, "不是行证明", "not a proof of a line") from failure


def prove_line(archive: bytes, file: str, line: int, *, name: str = BUNDLE_NAME) -> LineProof:
    """Proves that a line of a file was in the evidence."""
    job = unpack(archive, name=name)
    raw = next((one for one in job.files.values() if one.name == file), None)
    if raw is None:
        known = ", ".join(sorted(one.name for one in job.files.values()))
        raise InvalidRequest(f"没有文件 {file}（有：{known}）", f"no file {file} (there are: {known})")
    lines = lines_of(raw.content)
    if not 1 <= line <= len(lines):
        raise InvalidRequest(f"{file} 没有第 {line} 行", f"{file} has no line {line}")
    entries = _entries(job, archive)
    index = [entry_name for entry_name, _ in entries].index(f"{file}{ROWS_SUFFIX}")
    return LineProof(
        file=file,
        line=line,
        content=lines[line - 1],
        lines=len(lines),
        lines_proof=inclusion_proof(lines, line - 1),
        index=index,
        entries=len(entries),
        entries_proof=inclusion_proof([entry for _, entry in entries], index),
    )


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a file without their ends; what follows the last line end is a line if it is not empty."""
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def rows_entry(name: str, root: bytes) -> bytes:
    """The leaf that stands for all lines of a file."""
    return f"{name}{ROWS_SUFFIX}".encode() + b"\x00" + root


def evidence_entries(files: Sequence[RawFile]) -> list[tuple[str, bytes]]:
    """Two leaves for each file, its content and its lines, in the order of their names."""
    entries = [(file.name, file.entry) for file in files]
    entries += [
        (f"{file.name}{ROWS_SUFFIX}", rows_entry(file.name, merkle_root(lines_of(file.content)))) for file in files
    ]
    return sorted(entries)


def _entries(job: Job, archive: bytes) -> list[tuple[str, bytes]]:
    files = list(job.files.values())
    if repeated := [name for name, count in Counter(file.name for file in files).items() if count > 1]:
        raise InvalidRequest(f"两份证据同名：{repeated[0]}", f"two pieces of evidence have one name: {repeated[0]}")
    return sorted(
        [
            *evidence_entries(files),
            *((file.name, file.entry) for file in (RawFile(JOB_NAME, job.to_json()), RawFile(BUNDLE_NAME, archive))),
        ]
    )


# --- Kinds of computation -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a job of one kind must and may have."""

    files: tuple[str, ...]
    optional_files: tuple[str, ...]
    settings: tuple[str, ...]
    optional_settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A computation: what it needs, and the function."""

    needs: _Needs
    compute: Callable[[Job, bytes], Result]


def _on_disk(job: Job, folder: Path) -> dict[str, Path]:
    """Writes the files where the readers expect them: a folder per role."""
    paths = {}
    for role, file in job.files.items():
        name = PurePosixPath(file.name)
        if len(name.parts) != 2 or name.parts[0] != role or ".." in name.parts or "\\" in file.name:
            raise InvalidBundle(BUNDLE_NAME, f"文件名 {file.name} 不对", f"a wrong file name {file.name}")
        paths[role] = folder / file.name
        paths[role].parent.mkdir(parents=True, exist_ok=True)
        paths[role].write_bytes(file.content)
    return paths


def _monitor(job: Job) -> Monitoring:
    with TemporaryDirectory() as folder:
        arguments: dict[str, Any] = {**_on_disk(job, Path(folder)), **job.settings}
        return monitor_csv(**arguments)


def _carbon(job: Job, evidence_root: bytes) -> Result:
    return _crediting(_monitor(job), evidence_root)


def _crediting(monitored: Monitoring, evidence_root: bytes) -> Result:
    if not monitored.holders:
        return _result(monitored, evidence_root, value=0, refusal=monitored.refusal or "没有持有人 · no holders")
    return _result(monitored, evidence_root, value=monitored.credited_kg, columns=monitored.register_columns())


def _carbon_cross_check(job: Job, evidence_root: bytes) -> Result:
    return _checking(_monitor(job), evidence_root)


def _checking(monitored: Monitoring, evidence_root: bytes) -> Result:
    refusal = monitored.refusal
    if not monitored.is_cross_checked:
        refusal = "没有可供交叉核对的独立数据 · there is nothing independent to check it with"
    return _result(monitored, evidence_root, value=monitored.cross_check_kg, refusal=refusal)


def _result(
    monitored: Monitoring | SupplyWeights | Sensing,
    evidence_root: bytes,
    *,
    value: int,
    columns: RegisterColumns | None = None,
    refusal: str | None = None,
) -> Result:
    return Result(
        subject=monitored.subject,
        period_start=monitored.period_start,
        period_end=monitored.period_end,
        observed_at=monitored.observed_at,
        value=value,
        uncertainty=_uncertainty(monitored),
        share_root=bytes(32) if columns is None else Register(columns.accounts, columns.weights).root,
        share_count=0 if columns is None else len(columns.weights),
        evidence_root=evidence_root,
        methodology=monitored.methodology_digest,
        qc_flags=monitored.qc_flags,
        findings=monitored.findings,
        refusal=refusal,
        columns=columns,
    )


def _uncertainty(monitored: Monitoring | SupplyWeights | Sensing) -> int:
    match monitored:
        case Monitoring():
            return monitored.uncertainty_kg
        case Sensing():
            return monitored.uncertainty
        case SupplyWeights():
            return 0  # What was weighed and delivered is counted, not sampled.


def _sensors(job: Job, evidence_root: bytes) -> Result:
    with TemporaryDirectory() as folder:
        arguments: dict[str, Any] = {**_on_disk(job, Path(folder)), **job.settings}
        sensed = monitor_sensors(**arguments)
    return _result(sensed, evidence_root, value=sensed.value, refusal=sensed.refusal)


def _inventory(conclude: Callable[[Monitoring, bytes], Result]) -> Callable[[Job, bytes], Result]:
    """The tables of an FIA inventory in one folder, whose parcels go to the listed accounts by the seed."""

    def compute(job: Job, evidence_root: bytes) -> Result:
        with TemporaryDirectory() as folder:
            paths = _on_disk(job, Path(folder))
            tables = Path(folder) / "tables"
            tables.mkdir()
            for role in fia.TABLES:
                paths[role].rename(tables / paths[role].name)
            accounts = read_account_list(job.files["accounts"])
            numbers: dict[str, Any] = dict(job.settings)
            monitored = monitor_fia(tables, accounts=accounts, policy=paths.get("policy"), **numbers)
            return conclude(monitored, evidence_root)

    return compute


def _supply(role: Role) -> Callable[[Job, bytes], Result]:
    def compute(job: Job, evidence_root: bytes) -> Result:
        with TemporaryDirectory() as folder:
            arguments: dict[str, Any] = {**_on_disk(job, Path(folder)), **job.settings}
            weights = weigh_supply(**arguments, role=role)
        return _result(
            weights, evidence_root, value=weights.total, columns=weights.register_columns(), refusal=weights.refusal
        )

    return compute


_CARBON_NEEDS = _Needs(
    files=("first_trees", "second_trees", "strata", "parcels", "holders"),
    optional_files=(
        "canopy",
        "tenures",
        "raster_first",
        "raster_second",
        "clouds_first",
        "clouds_second",
        "equations",
        "parameters",
        "laboratory",
        "laboratory_signature",
        "laboratory_key",
        "policy",
    ),
    settings=("subject", "period_start", "period_end"),
    optional_settings=("leakage_kg", "methodology", "equation", "heights", "environment", "allow_unverified"),
)
_FIA_NEEDS = _Needs(
    files=(*fia.TABLES, "accounts"),
    optional_files=("policy",),
    settings=("seed",),
    optional_settings=("first_year", "last_year", "leakage_kg"),
)
_SENSOR_NEEDS = _Needs(
    files=("limits",),
    optional_files=("readings", "frames", "devices", "stations", "policy"),
    settings=("subject", "period_start", "period_end"),
    optional_settings=("quantity", "scale", "fill"),
)
_SUPPLY_NEEDS = _Needs(
    files=("slips", "holders"), optional_files=("policy",), settings=("subject",), optional_settings=()
)

KINDS: dict[str, _Kind] = {
    "carbon": _Kind(_CARBON_NEEDS, _carbon),
    "carbon-cross-check": _Kind(_CARBON_NEEDS, _carbon_cross_check),
    "fia": _Kind(_FIA_NEEDS, _inventory(_crediting)),
    "fia-cross-check": _Kind(_FIA_NEEDS, _inventory(_checking)),
    "sensors": _Kind(_SENSOR_NEEDS, _sensors),
    "delivered": _Kind(_SUPPLY_NEEDS, _supply(Role.SUPPLIER)),
    "processed": _Kind(_SUPPLY_NEEDS, _supply(Role.PROCESSOR)),
}
"""What a reporter can compute from a bundle."""


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
