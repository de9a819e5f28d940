"""A real inventory for the tests that want one: Rhode Island's, by the USDA Forest Service; no part of the project."""

import os
from pathlib import Path

import pytest

INVENTORY = Path(
    os.environ.get("GONGSHENG_FIA_RI") or Path(__file__).resolve().parents[2] / "shared" / "data" / "fia-ri"
)
"""The folder of its tables, as the FIA DataMart has them; the R package rFIA ships them as `fiaRI`."""

ABSENT = "set GONGSHENG_FIA_RI to the folder of the Rhode Island inventory"
needs_inventory = pytest.mark.skipif(not INVENTORY.is_dir(), reason=ABSENT)
