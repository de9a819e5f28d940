"""Words for people: Chinese first, then English."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Words:
    """One thing said in both languages."""

    zh: str
    en: str

    @classmethod
    def alike(cls, text: str) -> Self:
        """What both languages write alike: a number, a name, a code."""
        return cls(text, text)

    def __str__(self) -> str:
        return f"{self.zh} · {self.en}"


SYSTEM_ERRORS: Mapping[int, Words] = {
    errno.ENOENT: Words("没有这个文件或文件夹", "no such file or folder"),
    errno.EACCES: Words("没有权限", "no permission"),
    errno.EPERM: Words("系统不允许", "the system does not permit it"),
    errno.EISDIR: Words("是文件夹，不是文件", "it is a folder, not a file"),
    errno.ENOTDIR: Words("上级不是文件夹", "what should be a folder above it is a file"),
    errno.EEXIST: Words("已经存在", "it is there already"),
    errno.ENOSPC: Words("磁盘已满", "the disk is full"),
    errno.EDQUOT: Words("超出磁盘配额", "the disk quota is used up"),
    errno.EROFS: Words("磁盘只读", "the disk is read-only"),
    errno.EIO: Words("磁盘读写出错", "the disk fails"),
    errno.ENAMETOOLONG: Words("文件名太长", "the file name is too long"),
    errno.ELOOP: Words("符号链接循环", "symbolic links that lead in a circle"),
    errno.EMFILE: Words("打开的文件太多", "too many files are open"),
    errno.EXDEV: Words("不在同一磁盘", "not on the same disk"),
}
"""What the system refuses most often."""


def reason_of(failure: OSError) -> Words:
    """Why the system refused; what is not among `SYSTEM_ERRORS` keeps the system's own text."""
    known = SYSTEM_ERRORS.get(failure.errno or 0)
    return known or Words.alike(failure.strerror or type(failure).__name__)
