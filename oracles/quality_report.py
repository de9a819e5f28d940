"""A quality report that a person can read: one HTML page, a plot per sensor, which data were refused and why."""

import html
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

import numpy as np

from oracles.quality import FLAG_NAMES, REFUSING, Checked, Flag

WIDTH, HEIGHT, MARGIN = 960, 220, 8
MOST_POINTS = 4_000
LISTED = 200

CLEAN_READINGS = 115_200
FALSE_ALARMS: Mapping[Flag, int] = {Flag.SPIKE: 20}
"""How often each check spoke up on so many clean readings (40 sensors, 60 days); those not named, never.

The readings are generated: a daily course, weather, noise, a tenth of a degree. The tests measure it again.
"""

_STYLE = """body{font:15px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;color:#222}
body{max-width:62rem;margin:2rem auto;padding:0 1rem}h1,h2{overflow-wrap:anywhere}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left}
table,details{margin:.6rem 0}.t,.n{white-space:nowrap}.n{text-align:right}.bad{color:#b00020}
.plot{display:grid;grid-template-columns:auto minmax(0,1fr);column-gap:.4rem;font-size:12px}
.y,.x{display:flex;justify-content:space-between}.y{flex-direction:column;text-align:right}.x{grid-column:2}
svg{background:#fafafa;border:1px solid #ddd;width:100%;height:220px;box-sizing:border-box}
polyline,path{fill:none;stroke-linecap:round;vector-effect:non-scaling-stroke}path{stroke-width:7}
@media(max-width:40rem){td,th{padding:.2rem .3rem;font-size:13px}}"""
"""Labels are text beside the plot, which is stretched to the width there is: on a telephone they stay readable."""


def render(checked: Sequence[Checked], *, title: str) -> str:
    """The page. The same series give the same page on every machine."""
    readings = sum(len(one.series) for one in checked)
    refused = sum(int(np.count_nonzero(~one.usable)) for one in checked)
    parts = [
        "<!doctype html><html lang='zh-CN'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width,initial-scale=1'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>",
        f"<p>{len(checked)} 个传感器，{readings:,} 个读数，<b class='bad'>拒用 {refused:,} 个</b>"
        f" · {len(checked)} sensors, {readings:,} readings, {refused:,} refused</p>",
    ]
    zh, en = (
        sign.join(f"{FLAG_NAMES[flag][language]} {count}" for flag, count in FALSE_ALARMS.items())
        for language, sign in enumerate(("，", ", "))
    )
    parts.append(
        f"<p>误报率：在 {CLEAN_READINGS:,} 个正常读数上，{zh}，其余检查 0"
        f" · false alarms on {CLEAN_READINGS:,} clean readings: {en}, all other checks 0</p>"
    )
    for one in checked:
        parts += [f"<h2>{html.escape(one.series.device)}</h2>", _plot(one), _table(one), _refused(one)]
    return "\n".join(parts) + "</body></html>\n"


def _table(checked: Checked) -> str:
    rows = [
        f"<tr><td>{FLAG_NAMES[flag][0]} · {FLAG_NAMES[flag][1]}</td><td class='n'>{count:,}</td>"
        f"<td>{'拒用 · refused' if flag & REFUSING else '标注 · told'}</td></tr>"
        for flag, count in checked.counts().items()
        if count
    ]
    if not rows:
        return "<p>没有发现问题 · nothing found</p>"
    return (
        "<table><tr><th>问题 · flag</th><th>读数 · readings</th><th>处理 · what is done</th></tr>"
        + "".join(rows)
        + "</table>"
    )


def _refused(checked: Checked) -> str:
    """What was refused, in runs: neighbours in time that were refused for the same reasons are one row."""
    runs = [run for run in _runs(checked) if run[2] & int(REFUSING)]
    if not runs:
        return ""
    lines = [
        f"<tr><td>{_span(times)}</td><td>{_range(values)}</td><td>{_names(flags)}</td></tr>"
        for times, values, flags in runs[:LISTED]
    ]
    rest = sum(len(times) for times, _, _ in runs[LISTED:])
    more = f"<p>另有 {rest:,} 个 · and {rest:,} more</p>" if rest else ""
    return (
        "<details open><summary>拒用的读数及原因 · refused readings and why</summary><table>"
        "<tr><th>时间 · time (UTC)</th><th>数值 · value</th><th>原因 · why</th></tr>"
        + "".join(lines)
        + f"</table>{more}</details>"
    )


def _runs(checked: Checked) -> list[tuple[list[int], list[float], int]]:
    """Times, values and flags: readings, and moments without one, that follow each other and have the same flags."""
    series = checked.series
    times = np.concatenate([series.times, checked.gaps]).tolist()
    values = np.concatenate([series.values, np.full(len(checked.gaps), np.nan)]).tolist()
    flags = np.concatenate([checked.flags, np.full(len(checked.gaps), int(Flag.MISSING))]).tolist()
    order = sorted(range(len(times)), key=times.__getitem__)
    runs = []
    for same, members in groupby(order, key=flags.__getitem__):
        indices = list(members)
        runs.append(([times[index] for index in indices], [values[index] for index in indices], same))
    return runs


def _span(times: Sequence[int]) -> str:
    first = f"<span class='t'>{_moment(times[0])}</span>"
    if len(times) == 1:
        return first
    last = f"<span class='t'>{_moment(times[-1])}</span>"
    return f"{first} – {last} <span class='t'>（{len(times):,} 个 · readings）</span>"


def _range(values: Sequence[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "—"
    low, high = f"{min(known):.6g}", f"{max(known):.6g}"
    return low if low == high else f"<span class='t'>{low} –</span> <span class='t'>{high}</span>"


def _plot(checked: Checked) -> str:
    """Usable readings as a line, which breaks where there is none; refused ones as dots. Very long series are thinned,
    refused readings are not.
    """
    times, values = checked.series.times, checked.series.values
    known = ~np.isnan(values)
    usable = np.flatnonzero(checked.usable & known)
    if not len(usable):
        return "<p>没有可用的读数 · no usable reading</p>"
    refused = np.flatnonzero(~checked.usable & known)
    low, high = float(values[usable].min()), float(values[usable].max())
    low, high = (low, high) if high > low else (low - 1, high + 1)
    first, last = int(times.min()), int(times.max())

    def point(time: int, value: float) -> tuple[float, float]:
        shown = min(max(value, low), high)
        return (
            MARGIN + (WIDTH - 2 * MARGIN) * (time - first) / max(last - first, 1),
            HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (shown - low) / (high - low),
        )

    step = max(1, len(usable) // MOST_POINTS)
    lines = []
    for is_line, members in groupby(_runs(checked), key=lambda run: not run[2] & int(REFUSING)):
        if is_line:
            drawn = [pair for at, read, _ in members for pair in zip(at, read, strict=True)]
            points = [point(*pair) for pair in (*drawn[:-1:step], drawn[-1])]
            lines.append(f"<polyline points='{' '.join(f'{x:.1f},{y:.1f}' for x, y in points)}' stroke='#2a6f4e'/>")
    dots = []
    for index in refused[:MOST_POINTS]:
        x, y = point(int(times[index]), float(values[index]))
        dots.append(f"<path d='M{x:.1f} {y:.1f}h0' stroke='#b00020'/>")
    return (
        f"<div class='plot'><div class='y'><span>{high:.6g}</span><span>{low:.6g}</span></div>"
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' preserveAspectRatio='none' role='img'"
        f" aria-label='{html.escape(checked.series.device)}'>{''.join(lines)}{''.join(dots)}</svg>"
        f"<div class='x'><span>{_moment(first)}</span><span>{_moment(last)}</span></div></div>"
    )


def _names(flags: int) -> str:
    names = [FLAG_NAMES[flag] for flag in Flag if flags & flag]
    return f"{'、'.join(zh for zh, _ in names)} · {', '.join(en for _, en in names)}"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
