"""State on disk, and why the system refuses it."""

import errno
import os
from pathlib import Path

import pytest

from ledger_service.domain.bilingual import SYSTEM_ERRORS, reason_of
from ledger_service.files import FolderInUse, only_one, write_whole


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state" / "in-flight.json"
    write_whole(path, "一\n")
    write_whole(path, b"\x00two\r\n")
    assert path.read_bytes() == b"\x00two\r\n"
    assert [each.name for each in path.parent.iterdir()] == ["in-flight.json"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "in-flight.json"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["in-flight.json"]


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(FolderInUse) as refused, only_one(tmp_path):
        pass
    assert refused.value.folder == tmp_path
    assert "请等它结束" in str(refused.value)
    with only_one(tmp_path):
        pass


def test_a_reason_of_the_system_is_said_in_both_languages(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere") as refused:
        (tmp_path / "nowhere").read_bytes()
    assert str(reason_of(refused.value)) == "没有这个文件或文件夹 · no such file or folder"
    for number, words in SYSTEM_ERRORS.items():
        assert reason_of(OSError(number, os.strerror(number))) == words
        assert not words.zh.isascii()
        assert words.en.isascii()


def test_a_rare_reason_keeps_the_words_of_the_system() -> None:
    assert reason_of(OSError(errno.EPIPE, "Broken pipe")).zh == "Broken pipe"
    assert reason_of(OSError()).en == "OSError"
