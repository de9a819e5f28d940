"""A copy of the checkout in which code is broken on purpose, so that the checkout itself never is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Workshop:
    """The copy; it is used by one at a time and restored afterwards."""

    def __init__(self, folder: Path) -> None:
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        names = [name for name in tracked.decode().split("\0") if name and not name.startswith("pyo3_core/")]
        self._copy = copy = folder / "checkout"
        for name in names:
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        (copy / "pyo3_core").symlink_to(ROOT / "pyo3_core")
        (copy / "node_modules").mkdir()
        for package in (ROOT / "node_modules").iterdir():
            if package.name == "@openzeppelin":  # The compiler follows no link out of its folder.
                shutil.copytree(package, copy / "node_modules" / package.name)
            else:
                (copy / "node_modules" / package.name).symlink_to(package)
        shutil.copytree(ROOT / "build" / "solc", copy / "build" / "solc")

    def run(self, sources: Mapping[str, str], command: Sequence[str], limit: int) -> tuple[bool, str]:
        """Whether `command` ends well within `limit` seconds with these texts for their files, and what it wrote."""
        copy = self._copy
        originals = {path: (copy / path).read_text("utf-8") for path in sources}
        try:
            for path, source in sources.items():
                (copy / path).write_text(source, "utf-8")
            ended = subprocess.run(
                command,
                cwd=copy,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=limit,
                check=False,
            )
            return ended.returncode == 0, ended.stdout
        except subprocess.TimeoutExpired:
            return False, f"no end within {limit} s"
        finally:
            for path, original in originals.items():
                (copy / path).write_text(original, "utf-8")
