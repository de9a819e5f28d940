"""Lets the tests of this folder ``import model``, the executable specification, which lives in no package."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from hypothesis import settings

SPECIFICATION = Path(__file__).resolve().parent.parent / "model.py"

if "model" not in sys.modules:
    spec = spec_from_file_location("model", SPECIFICATION)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["model"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["model"])

# The specification hashes slowly on purpose; how long an example takes says nothing.
settings.register_profile("core", deadline=None)
settings.load_profile("core")
