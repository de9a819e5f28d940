"""`gongsheng serials export`: where every serial is, out of the books in a folder of state."""

from __future__ import annotations

from pathlib import Path

from ledger_service.chain.deployment import Deployment
from ledger_service.chain.embedded import CHAIN_ID
from ledger_service.domain.errors import LedgerError
from ledger_service.reports.serials import write_serials
from ledger_service.store.books import open_books


class NoCounty(LedgerError):
    """Nothing was opened in the folder yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} 中没有账簿：请先运行 gongsheng demo 或 gongsheng up，或用 --folder 另选文件夹 · "
            f"there are no books in {folder}: run `gongsheng demo` or `gongsheng up` first, or choose another --folder"
        )


def export(folder: Path, output: Path) -> int:
    """Writes the serials of every batch in the books of `folder`.

    Returns:
        How many intervals there are.

    Raises:
        NoCounty: There are no books.
    """
    record, books = Deployment.path(folder, CHAIN_ID), folder / "books.sqlite"
    if not record.exists() or not books.exists():
        raise NoCounty(folder)
    with open_books(f"sqlite:///{books}", Deployment.load(record)) as opened, opened.reading() as reader:
        return write_serials(reader, output)
