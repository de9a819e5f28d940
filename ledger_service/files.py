"""State on disk: files that are there whole or not at all, and one process at a time in a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_service.domain.errors import LedgerError

LOCK_FILE = ".lock"


class FolderInUse(LedgerError):
    """Another process works in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"另一个进程正在使用 {folder}：请等它结束，或另选文件夹（--folder，或设置里的 state） · "
            f"another process works in {folder}: wait until it ends, or choose another folder"
            " (--folder, or state in the settings)"
        )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds `folder` for the length of the block. The system frees it when the process dies, however it dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(folder) from None
        yield


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8, that is there whole or not at all, also after a power cut."""
    encoded = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        file.write(encoded)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # The new name is on disk too.
    finally:
        os.close(folder)
