"""A quality report that a person can read: one HTML page, a plot per sensor, which data were refused and why."""

import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from oracles.quality import FLAG_NAMES, REFUSING, Checked, Flag

WIDTH, HEIGHT, MARGIN = 960, 220, 44
MOST_POINTS = 4_000
LISTED = 50

CLEAN_READINGS = 115_200
FALSE_ALARMS: Mapping[Flag, int] = {Flag.SPIKE: 20}
"""How often each check spoke up on so many clean readings (40 sensors, 60 days); those not named, never.

The readings are generated: a daily course, weather, noise, a tenth of a degree. The tests measure it again.
"""

_STYLE = """body{font:15px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;color:#222}
body{max-width:62rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left}
svg{background:#fafafa;border:1px solid #ddd;width:100%;height:auto}.n{text-align:right}.bad{color:#b00020}"""


def render(checked: Sequence[Checked], *, title: str) -> str:
    """The page. The same series give the same page on every machine."""
    readings = sum(len(one.series) for one in checked)
    refused = sum(int(np.count_nonzero(~one.usable)) for one in checked)
    parts = [
        "<!doctype html><html lang='zh-CN'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>",
        f"<p>{len(checked)} 个传感器，{readings:,} 个读数，<b class='bad'>拒用 {refused:,} 个</b>"
        f" · {len(checked)} sensors, {readings:,} readings, {refused:,} refused</p>",
    ]
    alarms = ", ".join(f"{FLAG_NAMES[flag][0]} {count} · {FLAG_NAMES[flag][1]}" for flag, count in FALSE_ALARMS.items())
    parts.append(
        f"<p>误报率：在 {CLEAN_READINGS:,} 个正常读数上，{alarms}，其余检查 0"
        f" · false alarms on {CLEAN_READINGS:,} clean readings; all other checks 0</p>"
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
    bad = np.flatnonzero(~checked.usable)
    if not len(bad):
        return ""
    lines = [
        f"<tr><td>{_moment(int(checked.series.times[index]))}</td>"
        f"<td class='n'>{checked.series.values[index]:.6g}</td><td>{_names(int(checked.flags[index]))}</td></tr>"
        for index in bad[:LISTED]
    ]
    more = f"<p>另有 {len(bad) - LISTED:,} 个 · and {len(bad) - LISTED:,} more</p>" if len(bad) > LISTED else ""
    return (
        "<details><summary>拒用的读数及原因 · refused readings and why</summary><table>"
        "<tr><th>时间 UTC</th><th>数值 · value</th><th>原因 · why</th></tr>"
        + "".join(lines)
        + f"</table>{more}</details>"
    )


def _plot(checked: Checked) -> str:
    """Usable readings as a line, refused ones as crosses. Very long series are thinned, refused readings are not."""
    times, values = checked.series.times, checked.series.values
    known = ~np.isnan(values)
    usable = np.flatnonzero(checked.usable & known)
    if not len(usable):
        return "<p>没有可用的读数 · no usable reading</p>"
    refused = np.flatnonzero(~checked.usable & known)
    low, high = float(values[usable].min()), float(values[usable].max())
    low, high = (low, high) if high > low else (low - 1, high + 1)
    first, last = int(times.min()), int(times.max())

    def x(index: int) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (int(times[index]) - first) / max(last - first, 1)

    def y(index: int) -> float:
        shown = min(max(float(values[index]), low), high)
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (shown - low) / (high - low)

    thinned = usable[:: max(1, len(usable) // MOST_POINTS)]
    line = " ".join(f"{x(index):.1f},{y(index):.1f}" for index in thinned)
    crosses = "".join(
        f"<path d='M{x(index) - 4:.1f} {y(index) - 4:.1f}l8 8m0 -8l-8 8' stroke='#b00020' stroke-width='1.5'/>"
        for index in refused[:MOST_POINTS]
    )
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{html.escape(checked.series.device)}'>"
        f"<polyline points='{line}' fill='none' stroke='#2a6f4e'/>{crosses}"
        f"<text x='4' y='{MARGIN}' font-size='12'>{high:.6g}</text>"
        f"<text x='4' y='{HEIGHT - MARGIN}' font-size='12'>{low:.6g}</text>"
        f"<text x='{MARGIN}' y='{HEIGHT - 8}' font-size='12'>{_moment(first)}</text>"
        f"<text x='{WIDTH - MARGIN}' y='{HEIGHT - 8}' font-size='12' text-anchor='end'>{_moment(last)}</text></svg>"
    )


def _names(flags: int) -> str:
    return "，".join(f"{FLAG_NAMES[flag][0]} · {FLAG_NAMES[flag][1]}" for flag in Flag if flags & flag)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
