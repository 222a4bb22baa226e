"""The page of a comparison in a real browser: it opens, draws, turns, fits a phone and prints."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import json
import re
import zlib

import browser
import pytest
import synthetic_beat

from heartsim.compare import compare
from heartsim.report import write_comparison, write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "all there"),
]

CHARTS = ("LV", "RV", "left", "right", "volumes", "atria", "flows", "flows_right")
PIXELS = """
const canvas = document.querySelectorAll("canvas")[arguments[0]];
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let drawn = 0, colored = 0, sum = 0;
for (let i = 0; i < data.length; i += 4) {
  if (data[i + 3]) drawn++;
  const rgb = [data[i], data[i + 1], data[i + 2]];
  if (Math.max(...rgb) - Math.min(...rgb) > 40) colored++;
  sum = (sum * 31 + data[i] + 3 * data[i + 1] + 7 * data[i + 2]) % 1000003;
}
return [drawn / (canvas.width * canvas.height), colored / drawn, sum];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.two_ventricles(11.0)
    cases = {
        "Ischemic & leaking": synthetic_beat.ISCHEMIC,
        "28 mm ring": synthetic_beat.RING,
        "Dor": synthetic_beat.DOR,
    }
    results = [
        synthetic_beat.saved(
            synthetic_beat.beat(p, mesh=mesh, frames=12), folder / f"case{i}", title
        )
        for i, (title, p) in enumerate(cases.items())
    ]
    return write_comparison(compare(*results), folder / "comparison")


@pytest.fixture(scope="module")
def tab():
    with browser.Browser() as opened:
        yield opened


@pytest.fixture
def wide(tab, page):
    tab.open(page, 1280)
    return tab


def set_control(tab, name, value):
    tab.run(
        "const c = document.querySelector(`[data-control=${arguments[0]}]`);"
        "c.value = arguments[1]; c.dispatchEvent(new Event('input', {bubbles: true}));"
        "c.dispatchEvent(new Event('change', {bubbles: true}));",
        name,
        value,
    )


def center(tab, selector):
    return tab.run(
        "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'});"
        "const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2];",
        selector,
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_opens_without_errors_with_all_figures_and_fits(tab, page, width):
    tab.open(page, width)
    assert tab.console() == []
    for name in CHARTS:
        lines = tab.run(f"return document.querySelectorAll('#chart_{name} path.series').length")
        assert lines >= 6, name
    assert tab.run("return document.querySelectorAll('svg.eye').length") == 12
    assert tab.run("return [...document.images].every(i => i.naturalWidth > 0)")
    assert tab.run("return document.images.length") == 9
    assert tab.run("return document.documentElement.scrollWidth") <= width
    small = tab.run(
        "return [...document.querySelectorAll('main td, main p, main button, main figcaption')]"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)).reduce((a, b) => Math.min(a, b))"
    )
    assert small >= 11


def test_hearts_are_drawn_in_color_and_turn_together(wide):
    before = [wide.run(PIXELS, i) for i in range(3)]
    for drawn, colored, _ in before:
        assert 0.1 < drawn < 0.9
        assert colored > 0.5
    x, y = center(wide, "canvas")
    wide.drag(x, y, 90, 30)
    after = [wide.run(PIXELS, i) for i in range(3)]
    assert all(one[2] != two[2] for one, two in zip(before, after, strict=True))
    wide.run("document.querySelector('canvas').dispatchEvent(new MouseEvent('dblclick'))")
    assert wide.run(PIXELS, 0) == before[0]


def test_keys_turn_and_the_back_is_not_the_front(wide):
    before = wide.run(PIXELS, 0)[2]
    wide.run(
        "const c = document.querySelector('canvas'); c.focus(); c.dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}));"
    )
    assert wide.run(PIXELS, 0)[2] != before
    set_control(wide, "views", "back")
    assert wide.run(PIXELS, 0)[2] != before


def test_time_moves_hearts_points_and_cursors_together(wide):
    places = (
        "return [...document.querySelectorAll('#chart_LV circle[r=\"6\"]')]"
        ".map(c => c.cx.baseVal.value)"
    )
    ends = {}
    for phase in ("ED", "ES"):
        wide.run(f"document.querySelector('[data-control={phase}]').click()")
        ends[phase] = (wide.run(places), wide.run(PIXELS, 1)[0])
    assert all(d > s for d, s in zip(ends["ED"][0], ends["ES"][0], strict=True))
    assert ends["ED"][1] != ends["ES"][1]
    set_control(wide, "time", 300)
    cursor = (
        "return document.querySelector('#chart_left line[visibility]').getAttribute('visibility')"
    )
    assert wide.run(cursor) == "visible"
    assert "300 ms" in wide.run("return document.querySelector('.when').textContent")


def test_cut_field_and_play_change_the_picture(wide):
    seen = {wide.run(PIXELS, 0)[2]}
    set_control(wide, "field", "1")
    seen.add(wide.run(PIXELS, 0)[2])
    assert "Fiber strain" in wide.run("return document.querySelector('.bar .what').textContent")
    wide.run("document.querySelector('[data-control=cut]').click()")
    seen.add(wide.run(PIXELS, 0)[2])
    count = "return Number(document.getElementById('hearts').dataset.drawn)"
    before = wide.run(count)
    wide.run("document.querySelector('[data-control=play]').click()")
    wide.call("/execute/async", {"script": "setTimeout(arguments[0], 400)", "args": []})
    wide.run("document.querySelector('[data-control=play]').click()")
    assert wide.run(count) > before + 3
    assert len(seen) == 3


def test_pointing_reads_values_and_dragging_zooms_a_chart(wide):
    x, y = center(wide, "canvas")
    wide.hover(x + 60, y)
    tip = wide.run("return document.querySelector('.heart .tip').textContent")
    assert re.fullmatch(r"Fiber stress [≤≥ ]*[\d.−]+ kPa", tip)
    x, y = center(wide, "#chart_left svg[role=img]")
    wide.drag(x - 80, y - 60, 160, 100)
    shown = "return !document.querySelector('#chart_left .reset').hidden"
    assert wide.run(shown)
    wide.run("document.querySelector('#chart_left .reset').click()")
    assert not wide.run(shown)


def test_ranking_appears_with_the_weights_and_not_before(wide):
    text = "return document.querySelector('.ranking').textContent"
    assert "No ranking" in wide.run(text)
    slide = (
        "const row = [...document.querySelectorAll('tr[data-criterion]')]"
        ".find(r => r.textContent.includes(arguments[0]));"
        "const s = row.querySelector('input[type=range]'); s.value = arguments[1];"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    first = "return document.querySelector('.rank strong').textContent"
    wide.run(slide, "LV end-systolic volume", 3)
    assert wide.run(first) == "Dor"
    wide.run(slide, "LV end-systolic volume", 0)
    wide.run(slide, "LV end-diastolic pressure", 3)
    assert wide.run(first) != "Dor"
    wide.run("document.querySelector('[data-control=none]').click()")
    assert "No ranking" in wide.run(text)


def test_columns_of_gains_sort(wide):
    wide.run("document.querySelector('th[data-sort]').click()")
    gains = wide.run(
        "return [...document.querySelectorAll('.weigh tbody tr')].map(r =>"
        "parseFloat(r.cells[2].textContent.replace('\\u2212', '-')))"
    )
    assert gains == sorted(gains, reverse=True)


def test_prints_to_pdf_with_the_hearts_and_all_numbers(wide):
    pdf = wide.pdf()
    assert pdf.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 5 <= pages <= 25
    unpacked = b"".join(
        _inflate(part) for part in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S)
    )
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) >= 12
    assert unpacked.count(b"BT") > 100


def test_one_result_without_a_comparison_opens_too(tab, page):
    folder = (
        page.parent
        / json.loads((page.parent / "comparison.json").read_text())["baseline"]["folder"]
    )
    tab.open(write_report(folder), 390)
    assert tab.console() == []
    assert tab.run("return document.querySelectorAll('canvas').length") == 1
    assert tab.run("return document.documentElement.scrollWidth") <= 390


def _inflate(data):
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""
