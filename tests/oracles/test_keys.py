"""Keystores: what does not open, and that what opens is the same key."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from oracles.errors import KeyFileError, WrongPassphrase
from oracles.keys import SCRYPT_WORK_FOR_DEMONSTRATIONS, create_keystore, load_keystore, open_keystore, read_passphrase

KEY = Account.from_key(b"\x11" * 32)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "reporter.json"
    create_keystore(path, KEY, passphrase="共生 账本", fast=True)
    return path


def test_a_wrong_passphrase_is_said_to_be_wrong(keystore: Path) -> None:
    with pytest.raises(WrongPassphrase, match=r"口令不对 · .*wrong passphrase"):
        open_keystore(keystore, passphrase="guess")


def test_an_existing_keystore_is_never_overwritten(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(KeyFileError, match="not overwritten"):
        create_keystore(keystore, KEY, passphrase="another", fast=True)
    assert keystore.read_bytes() == before
    assert list(keystore.parent.iterdir()) == [keystore]


def test_an_empty_passphrase_protects_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="must not be empty"):
        create_keystore(tmp_path / "reporter.json", KEY, passphrase="", fast=True)
    assert not (tmp_path / "reporter.json").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_keystore(tmp_path / "nowhere" / "reporter.json", KEY, passphrase="x", fast=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not json", "not a keystore"),
        ("[]", "not a keystore of version 3"),
        ('{"version": 1}', "not a keystore of version 3"),
        ('{"version": 3}', "damaged"),
    ],
)
def test_a_file_that_is_no_keystore_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "reporter.json"
    path.write_text(content)
    with pytest.raises(KeyFileError, match=reason):
        open_keystore(path, passphrase="x")


def test_a_missing_keystore_or_passphrase_file_is_named(tmp_path: Path, keystore: Path) -> None:
    with pytest.raises(KeyFileError, match=r"gone\.json.*cannot be read"):
        open_keystore(tmp_path / "gone.json", passphrase="x")
    with pytest.raises(KeyFileError, match="passphrase file cannot be read"):
        load_keystore(keystore, passphrase_file=tmp_path / "gone")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(KeyFileError, match="passphrase file is empty"):
        load_keystore(keystore, passphrase_file=tmp_path / "empty")


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n", "\nsecond line\n"])
def test_the_passphrase_is_the_first_line_of_its_file(tmp_path: Path, keystore: Path, line_end: str) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(f"共生 账本{line_end}".encode())
    assert read_passphrase(path) == "共生 账本"
    assert load_keystore(keystore, passphrase_file=path).key == KEY.key


def test_a_keystore_is_its_owners_alone_and_does_not_hold_the_key_in_the_open(keystore: Path) -> None:
    assert keystore.stat().st_mode & 0o777 == 0o600
    assert KEY.key.hex() not in keystore.read_text()
    content = json.loads(keystore.read_text())
    assert content["version"] == 3
    assert content["crypto"]["kdfparams"]["n"] == SCRYPT_WORK_FOR_DEMONSTRATIONS
