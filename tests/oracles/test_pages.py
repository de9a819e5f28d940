"""The quality page in a real browser, on a desk and on a telephone: what a person must be able to see."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oracles.quality import Checked, check
from oracles.quality_report import render
from tests.browser import Browser, opened_browser
from tests.oracles.test_quality import HOME, LIMITS, checked, clean, with_values

TITLE = "readings-2025-06-清水河<流域>&小班.csv"
LONG = "西山自动气象站_温度传感器_0002_a_very_long_identifier_without_a_space_0123456789abcdef0123456789"
DESK, TELEPHONE = 1280, 390


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five sensors: several faults, a gap, nothing usable, moved, and clean under a long name."""
    path = tmp_path_factory.mktemp("page") / "质量 quality.html"
    path.write_text(render(sensors(), title=TITLE), encoding="utf-8", newline="\n")
    return path


def sensors() -> list[Checked]:
    faulty = with_values(clean(1), [50], 99.0)
    faulty = with_values(faulty, slice(500, 520), faulty.values[500])
    faulty = with_values(faulty, slice(1_200, 1_206), np.nan)
    whole = clean(5)
    kept = np.r_[0:2_000, 2_060 : len(whole)]
    gap = replace(
        whole,
        times=whole.times[kept],
        values=whole.values[kept],
        received=None,
        sequence=None,
        places=None,
        overridden=None,
    )
    moved = clean(9)
    assert moved.places is not None
    return [
        checked(faulty),
        checked(gap),
        check(with_values(clean(7), slice(None), 99.0), LIMITS),
        checked(replace(moved, places=moved.places + 0.01), registered_at=HOME),
        checked(replace(clean(11), device=LONG)),
    ]


@pytest.mark.parametrize("width", [DESK, TELEPHONE])
def test_the_page_fits_its_window_and_nothing_goes_wrong(browser: Browser, page: Path, width: int) -> None:
    browser.open(page.as_uri(), width=width)
    assert browser.run("return innerWidth") == width
    assert browser.run("return document.title") == TITLE
    assert browser.run("return document.querySelector('h1').innerText") == TITLE
    assert browser.run("return document.documentElement.scrollWidth") <= width
    outside = browser.run(
        "return [...document.querySelectorAll('body *')].filter(e => {const b = e.getBoundingClientRect();"
        " return b.width && (b.left < 0 || b.right > innerWidth + 1)}).map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [DESK, TELEPHONE])
def test_plots_are_large_enough_and_their_labels_can_be_read(browser: Browser, page: Path, width: int) -> None:
    browser.open(page.as_uri(), width=width)
    plots = browser.run(
        "return [...document.querySelectorAll('svg')].map(e => {const b = e.getBoundingClientRect();"
        " return [b.width, b.height, e.querySelector('polyline').getBoundingClientRect().height]})"
    )
    assert len(plots) == 3, "one each, but for the two sensors of which nothing can be used"
    for drawn_width, drawn_height, line_height in plots:
        assert drawn_width > 0.8 * min(width, 992) - 40
        assert drawn_height >= 200
        assert line_height > 20
    labels = browser.run(
        "return [...document.querySelectorAll('.plot span')].map(e => {const b = e.getBoundingClientRect();"
        " return [e.innerText, b.left, b.top, b.right, b.bottom, parseFloat(getComputedStyle(e).fontSize)]})"
    )
    assert [label[0] for label in labels[2:4]] == ["2025-06-15 15:00:00", "2025-08-14 14:30:00"]
    for index, (text, left, top, right, bottom, size) in enumerate(labels):
        assert text
        assert size >= 12
        assert 10 <= bottom - top < 2 * size, "on one line"
        for _, other_left, other_top, other_right, other_bottom, _ in labels[:index]:
            apart = left >= other_right or right <= other_left or top >= other_bottom or bottom <= other_top
            assert apart, f"{text} lies on another label"
    dots = browser.run(
        "const b = document.querySelector('svg').getBoundingClientRect();"
        " return [...document.querySelectorAll('svg')[0].querySelectorAll('path')].map(e => {"
        " const d = e.getBoundingClientRect(); return b.left <= d.left && d.right <= b.right && b.top <= d.top})"
    )
    assert dots == [True] * 21, "the reading out of range and the twenty that did not change"


@pytest.mark.parametrize("width", [DESK, TELEPHONE])
def test_every_datum_that_was_refused_can_be_seen_with_its_reason(browser: Browser, page: Path, width: int) -> None:
    browser.open(page.as_uri(), width=width)
    rows = browser.run(
        "return [...document.querySelectorAll('h2')].map(h => {const rows = [];"
        " for (let e = h.nextElementSibling; e && e.tagName != 'H2'; e = e.nextElementSibling)"
        " if (e.tagName == 'DETAILS') for (const row of [...e.querySelectorAll('tr')].slice(1))"
        " rows.push([...row.cells].map(cell => cell.checkVisibility() ? cell.innerText.replace(/\\s+/g, ' ') : ''));"
        " return [h.innerText, rows]})"
    )
    faulty, gap, useless, moved, good = rows
    nearby = ("、与邻近传感器不符", ", disagrees with sensors nearby")
    flat = "数值不变{} · flat line{}"
    assert faulty == [
        "T1",
        [
            ["2025-06-16 16:00:00", "99", "超出物理范围{} · outside the physical range{}".format(*nearby)],
            ["2025-06-26 01:00:00 – 2025-06-26 02:00:00 （3 个 · readings）", "21.5", flat.format("", "")],
            ["2025-06-26 02:30:00 – 2025-06-26 09:30:00 （15 个 · readings）", "21.5", flat.format(*nearby)],
            ["2025-06-26 10:00:00 – 2025-06-26 10:30:00 （2 个 · readings）", "21.5", flat.format("", "")],
            ["2025-07-10 15:00:00 – 2025-07-10 17:30:00 （6 个 · readings）", "—", "缺测 · missing"],
        ],
    ]
    assert gap == ["T5", [["2025-07-27 07:00:00 – 2025-07-28 12:30:00 （60 个 · readings）", "—", "缺测 · missing"]]]
    whole = "2025-06-15 15:00:00 – 2025-08-14 14:30:00 （2,880 个 · readings）"
    assert useless == ["T7", [[whole, "99", "超出物理范围 · outside the physical range"]]]
    assert (moved[0], moved[1][0][2]) == ("T9", "设备移动 · moved device")
    assert good == [LONG, []]
    text = browser.run("return document.body.innerText")
    assert "没有发现问题 · nothing found" in text
    assert "拒用 5,787 个" in text
