"""The methodologies this oracle reports with, and those it knows by name and refuses."""

from oracles.errors import UnknownMethodology, UnverifiedMethodology
from oracles.methodologies import ar_tool14
from oracles.methodologies.methodology import Methodology

VERIFIED = {one.key: one for one in (ar_tool14.METHODOLOGY,)}
"""Their parameters were checked against the published text and its examples."""

UNVERIFIED = {
    "ccer-14-001": (
        "CCER-14-001-V01 的参数待主管部门正式文本核对",
        "the parameters of CCER-14-001-V01 await the ministry's text",
    )
}
"""Nothing is estimated with these until their parameters are here and verified; each says why in both languages."""


def methodology(key: str) -> Methodology:
    """The methodology of that key, if it was verified."""
    if key in UNVERIFIED:
        raise UnverifiedMethodology(key, *UNVERIFIED[key])
    if key not in VERIFIED:
        raise UnknownMethodology(key, (*VERIFIED, *UNVERIFIED))
    return VERIFIED[key]
