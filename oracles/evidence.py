"""What a report rests on: every raw file, hashed, under one RFC 6962 root.

The tree is that of Certificate Transparency (RFC 6962, section 2.1): SHA-256, leaves `H(0x00 ‖ entry)`, nodes `H(0x01
‖ left ‖ right)`, split at the largest power of two below the size. The prefixes keep a node from being shown as a
leaf; no leaf is ever duplicated.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ledger_service.domain.bilingual import reason_of
from oracles.errors import InvalidRequest, MissingFile


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file exactly as it was delivered, read once: what is parsed is what is hashed.

    `name` is the same on every machine.
    """

    name: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()

    @property
    def entry(self) -> bytes:
        """The leaf of this file: its name, a zero byte (which no name contains), and the hash of its content."""
        return self.name.encode() + b"\x00" + self.sha256


def read_raw(path: Path, *, role: str = "") -> RawFile:
    """Reads a file once. `role` tells files of the same name apart, as in `first/trees.csv`."""
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise MissingFile(file=str(path), reason=reason_of(failure)) from failure
    return RawFile(f"{role}/{path.name}" if role else path.name, content)


def evidence_root(files: Iterable[RawFile]) -> bytes:
    """The root over the files in the order of their names, whatever order they came in."""
    ordered = sorted(files, key=lambda file: file.name)
    for one, next_one in pairwise(ordered):
        if one.name == next_one.name:
            raise InvalidRequest(f"两份证据同名：{one.name}", f"two pieces of evidence have one name: {one.name}")
    return merkle_root([file.entry for file in ordered])


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962: `SHA-256(0x00 ‖ entry)`."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962: `SHA-256(0x01 ‖ left ‖ right)`."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(entries: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, the Merkle tree hash. The root of nothing is the hash of the empty string."""
    if not entries:
        return hashlib.sha256(b"").digest()
    return _root([leaf_hash(entry) for entry in entries])


def inclusion_proof(entries: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """RFC 6962, section 2.1.1: the nodes that lead from one entry to the root, lowest first."""
    if not 0 <= index < len(entries):
        raise InvalidRequest(f"没有第 {index} 条证据", f"there is no entry {index}")
    return _path([leaf_hash(entry) for entry in entries], index)


def verify_inclusion(entry: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `entry` stands at `index` of the `size` entries under `root`. A wrong length is a no."""
    return root_of_proof(entry, index=index, size=size, proof=proof) == root


def root_of_proof(entry: bytes, *, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to (RFC 9162, section 2.1.3.2), or None if its length is wrong."""
    if not 0 <= index < size:
        return None
    position, last, digest = index, size - 1, leaf_hash(entry)
    for sibling in proof:
        if last == 0:
            return None
        if position % 2 == 1 or position == last:
            digest = node_hash(sibling, digest)
            while position % 2 == 0 and position != 0:
                position, last = position // 2, last // 2
        else:
            digest = node_hash(digest, sibling)
        position, last = position // 2, last // 2
    return digest if last == 0 else None


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size` (which is at least 2)."""
    return int(1 << ((size - 1).bit_length() - 1))


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    middle = _split(len(hashes))
    return node_hash(_root(hashes[:middle]), _root(hashes[middle:]))


def _path(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    if len(hashes) == 1:
        return ()
    middle = _split(len(hashes))
    if index < middle:
        return (*_path(hashes[:middle], index), _root(hashes[middle:]))
    return (*_path(hashes[middle:], index - middle), _root(hashes[:middle]))
