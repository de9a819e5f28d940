"""A reporter's key in an encrypted keystore (web3 secret storage, version 3), opened with a passphrase."""

import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from eth_account import Account
from eth_account.signers.local import LocalAccount

from ledger_service.domain.bilingual import reason_of
from oracles.errors import KeyFileError, WrongPassphrase

SCRYPT_WORK = 1 << 18
"""The work factor n of scrypt that wallets use: about a second and 256 MB for every guess."""

SCRYPT_WORK_FOR_DEMONSTRATIONS = 1 << 10
"""Milliseconds for every guess: for demonstrations and tests, never for a key that signs anything of value."""


def create_keystore(path: Path, key: LocalAccount, *, passphrase: str, fast: bool = False) -> None:
    """Writes a key to an encrypted keystore, readable by its owner only. An existing file is never overwritten.

    Warning: `fast` makes guessing the passphrase cheap; see `SCRYPT_WORK_FOR_DEMONSTRATIONS`.
    """
    if not passphrase:
        raise KeyFileError("口令不能为空", "the passphrase must not be empty", file=str(path))
    work = SCRYPT_WORK_FOR_DEMONSTRATIONS if fast else SCRYPT_WORK
    keystore = json.dumps(Account.encrypt(key.key, passphrase, kdf="scrypt", iterations=work))
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent) as file:  # Its mode is 0600.
            file.write(keystore)
            file.flush()
            os.link(file.name, path)  # Never a half-written keystore, never over another.
    except FileExistsError as failure:
        raise KeyFileError(
            "已有密钥文件，不覆盖", "a keystore is here already, it is not overwritten", file=str(path)
        ) from failure
    except OSError as failure:
        reason = reason_of(failure)
        raise KeyFileError(f"写不了（{reason.zh}）", f"cannot be written ({reason.en})", file=str(path)) from failure


def load_keystore(path: Path, *, passphrase_file: Path) -> LocalAccount:
    """Opens a keystore with the passphrase in the first line of a file."""
    return open_keystore(path, passphrase=read_passphrase(passphrase_file))


def open_keystore(path: Path, *, passphrase: str) -> LocalAccount:
    """Opens a keystore with a passphrase that a person typed."""
    try:
        keystore = json.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        reason = reason_of(failure)
        raise KeyFileError(f"读不到（{reason.zh}）", f"cannot be read ({reason.en})", file=str(path)) from failure
    except ValueError as failure:
        raise KeyFileError("不是密钥文件", "not a keystore", file=str(path)) from failure
    if not isinstance(keystore, dict) or keystore.get("version") != 3:
        raise KeyFileError("不是第 3 版密钥文件", "not a keystore of version 3", file=str(path))
    try:
        secret = Account.decrypt(keystore, passphrase)
    except ValueError as failure:
        raise WrongPassphrase(file=str(path)) from failure
    except (KeyError, TypeError) as failure:
        raise KeyFileError("密钥文件损坏", "a damaged keystore", file=str(path)) from failure
    key: LocalAccount = Account.from_key(secret)
    return key


def read_passphrase(path: Path) -> str:
    """The first line of a passphrase file, without its line end."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        reason = reason_of(failure)
        raise KeyFileError(
            f"读不到口令文件（{reason.zh}）", f"the passphrase file cannot be read ({reason.en})", file=str(path)
        ) from failure
    except UnicodeDecodeError as failure:
        raise KeyFileError(
            "口令文件不是 UTF-8 文本", "the passphrase file is not UTF-8 text", file=str(path)
        ) from failure
    passphrase = text.split("\n", 1)[0].removesuffix("\r")
    if not passphrase:
        raise KeyFileError("口令文件是空的", "the passphrase file is empty", file=str(path))
    return passphrase
