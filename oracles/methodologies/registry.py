"""The methodologies this oracle reports with, and those it knows by name and refuses."""

from oracles.errors import InvalidRequest, UnknownMethodology, UnverifiedMethodology
from oracles.evidence import RawFile
from oracles.methodologies import ar_tool14, ccer_14_001, gs_403
from oracles.methodologies.methodology import Methodology

VERIFIED = {one.key: one for one in (ar_tool14.METHODOLOGY, gs_403.METHODOLOGY)}
"""Their parameters were checked against the published text and its examples."""

UNVERIFIED = {
    ccer_14_001.KEY: (
        "CCER-14-001-V01 的参数待主管部门正式文本核对；若已有，请用 --parameters 提供并加 --allow-unverified",
        "the parameters of CCER-14-001-V01 await the ministry's text;"
        " if you have it, supply them with --parameters and add --allow-unverified",
    )
}
"""Nothing is estimated with these unless their parameters are supplied and the operator allows it; both say why."""


def methodology(key: str, *, parameters: RawFile | None = None, allow_unverified: bool = False) -> Methodology:
    """The methodology of that key, if it was verified, or if the operator supplies what was not and allows it."""
    if key in UNVERIFIED:
        if parameters is None or not allow_unverified:
            raise UnverifiedMethodology(key, *UNVERIFIED[key])
        return ccer_14_001.methodology_of(parameters)
    if parameters is not None or allow_unverified:
        raise InvalidRequest(
            f"方法学“{key}”的参数是固定的", f"the parameters of “{key}” are fixed, none can be supplied or allowed"
        )
    if key not in VERIFIED:
        raise UnknownMethodology(key, (*VERIFIED, *UNVERIFIED))
    return VERIFIED[key]
