"""One process at a time in one folder of state."""

from __future__ import annotations

import fcntl
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
            f"另一个进程正在使用 {folder}：请等它结束，或用 --folder 另选文件夹 · "
            f"another process works in {folder}: wait until it ends, or choose another folder with --folder"
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
