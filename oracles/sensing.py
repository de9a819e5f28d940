"""A figure from sensors: the mean of one quantity over a period and several devices, from readings that passed.

Readings that a check refused are not used; gaps short enough are filled on a straight line and flagged. Where too
little is left, or too few devices, nothing is reported.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oracles.errors import InvalidMonitoring, InvalidRequest, NothingMeasured, TooFewPlots
from oracles.evidence import RawFile, evidence_root, read_raw
from oracles.findings import Finding, Policy, flags_of, of_series, read_policy
from oracles.methodologies.methodology import digest_of
from oracles.methodologies.sampling import t_two_sided_90
from oracles.quality import Checked, Flag, Series, fill_gaps
from oracles.sources.sensors import check_all, read_frame_series, read_limits, read_series, read_stations


@dataclass(frozen=True, slots=True)
class DeviceMean:
    """One device in the period: its mean, and how many of the moments that were due gave a usable reading."""

    device: str
    mean: float
    usable: int
    due: int


@dataclass(frozen=True, slots=True)
class Sensing:
    """The mean of a quantity over devices, times `scale`, rounded down; the half-width of its 90 % interval, up.

    Devices are the sample: one sensor that feeds many plots is a sample of one, and refused.
    """

    subject: str
    period_start: int
    period_end: int
    observed_at: int
    value: int
    uncertainty: int
    devices: tuple[DeviceMean, ...]
    checked: tuple[Checked, ...] = field(repr=False, compare=False)
    findings: tuple[Finding, ...]
    refusal: str | None
    evidence: tuple[RawFile, ...] = field(repr=False)
    evidence_root: bytes
    methodology_digest: bytes

    @property
    def qc_flags(self) -> int:
        """The bits that stand in the report."""
        return flags_of(self.findings)


def monitor_sensors(
    *,
    subject: str,
    period_start: int,
    period_end: int,
    limits: Path,
    quantity: str = "value",
    readings: Path | None = None,
    frames: Path | None = None,
    devices: Path | None = None,
    stations: Path | None = None,
    policy: Path | None = None,
    scale: int = 1_000,
    fill: int = 0,
) -> Sensing:
    """The mean of `quantity` over the period.

    Args:
        limits: TOML, what the quantity can be, how often it is read and how finely.
        readings: A table of readings, or
        frames: a journal of signed frames; several days are one file after the other. It needs `devices`, their keys.
        stations: Where each device was registered, and until when it is calibrated.
        policy: Which quality flags refuse the report.
        scale: What one unit of the quantity counts in the report.
        fill: Gaps of up to so many moments are filled.
    """
    if not period_start < period_end:
        raise InvalidMonitoring(
            f"监测期的终点 {period_end} 不晚于起点 {period_start}（UTC 秒）",
            f"the period must start before it ends: {period_start} to {period_end}, UTC seconds",
        )
    if (readings is None) == (frames is None) or (frames is None) != (devices is None):
        raise InvalidRequest(
            "readings 与 frames+devices 二选一", "either readings, or frames and devices, must be given"
        )
    if scale < 1:
        raise InvalidRequest(f"scale 至少为 1，不是 {scale}", f"scale must be at least 1, not {scale}")
    if fill < 0:
        raise InvalidRequest(f"fill 不能为负：{fill}", f"fill must not be negative: {fill}")
    given = {"limits": limits, "readings": readings, "frames": frames, "devices": devices}
    given |= {"stations": stations, "policy": policy}
    raws = {role: read_raw(path, role=role) for role, path in given.items() if path is not None}
    rules = Policy() if policy is None else read_policy(raws["policy"])
    bounds = read_limits(raws["limits"])
    source = raws["readings" if frames is None else "frames"]
    series = read_series(source) if frames is None else read_frame_series(source, raws["devices"], quantity)
    registered = {} if stations is None else read_stations(raws["stations"])
    inside = [one for one in (_within(each, period_start, period_end) for each in series) if len(one)]
    if not inside:
        raise NothingMeasured("监测期内没有读数", "there is no reading in the period")
    if len(inside) < 2:
        raise TooFewPlots(stratum=inside[0].device, plots=len(inside))
    checked = check_all(inside, bounds, registered)
    findings = of_series(checked, source.name)
    means = []
    for one in checked:
        used = fill_gaps(one, bounds, most_moments=fill) if fill else one
        if filled := used.counts()[Flag.GAP_FILLED]:
            findings.append(Finding(Flag.GAP_FILLED, source.name, filled, one.series.device, one.series.device))
        values = used.series.values[used.usable]
        due = (period_end - period_start) // bounds.interval_seconds
        mean = math.fsum(values.tolist()) / len(values) if len(values) else math.nan
        means.append(DeviceMean(one.series.device, mean, len(values), due))
    refusal = rules.refusal(findings) or _too_little(means, rules)
    return Sensing(
        subject=subject,
        period_start=period_start,
        period_end=period_end,
        observed_at=period_end,
        value=0 if refusal else math.floor(math.fsum(one.mean for one in means) / len(means) * scale),
        uncertainty=0 if refusal else _half_width_up(means, scale),
        devices=tuple(means),
        checked=checked,
        findings=tuple(findings),
        refusal=refusal,
        evidence=tuple(raws.values()),
        evidence_root=evidence_root(raws.values()),
        methodology_digest=digest_of(
            {
                "fill": fill,
                "key": "sensor-mean",
                "limits": raws["limits"].sha256.hex(),
                "policy": raws["policy"].sha256.hex() if "policy" in raws else "default",
                "quantity": quantity,
                "scale": scale,
                "version": "1",
            }
        ),
    )


def _within(series: Series, start: int, end: int) -> Series:
    """The readings of a series that were taken in the period."""
    inside = (series.times >= start) & (series.times < end)
    return Series(
        series.device,
        series.times[inside],
        series.values[inside],
        None if series.received is None else series.received[inside],
        None if series.sequence is None else series.sequence[inside],
        None if series.places is None else series.places[inside],
        None if series.overridden is None else series.overridden[inside],
    )


def _too_little(means: Sequence[DeviceMean], policy: Policy) -> str | None:
    """A device that was silent, or refused, for too much of the period: its mean is of another period."""
    for one in means:
        if one.usable < policy.least_usable_share * one.due:
            least = 100 * policy.least_usable_share
            return (
                f"{one.device} 只有 {one.usable}/{one.due} 个可用读数，不足 {least:g} %，不报告"
                f" · {one.device} has {one.usable} of {one.due} readings that may be used, less than {least:g} %:"
                " nothing is reported"
            )
    return None


def _half_width_up(means: Sequence[DeviceMean], scale: int) -> int:
    n = len(means)
    mean = math.fsum(one.mean for one in means) / n
    variance = math.fsum((one.mean - mean) ** 2 for one in means) / (n - 1)
    return math.ceil(t_two_sided_90(n - 1) * math.sqrt(variance / n) * scale)
