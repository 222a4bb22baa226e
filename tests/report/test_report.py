import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import synthetic_beat

from heartsim.compare import OUTPUTS, compare
from heartsim.compare.weighing import known as known_criteria
from heartsim.indices import CATALOGUE, Index
from heartsim.render import charts, scene
from heartsim.render.headless import NoScreen
from heartsim.report import computed, numbers, pictures, write, write_comparison, write_report


class Page(HTMLParser):
    """Collects tags and checks that they nest."""

    VOID = frozenset({"meta", "img", "br", "path", "use", "rect", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tags, self.alts = [], [], set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, link in attrs:
            if name in {"src", "href", "xlink:href", "action"}:
                self.links.append(link)
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module", autouse=True)
def quick_pictures():
    """A gray square for the heart: tests/render looks at the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene, "picture", lambda *_, **__: np.full((8, 8, 3), 128, np.uint8))
        yield


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.ventricle(14.0)
    cases = {"base": synthetic_beat.ISCHEMIC, "ring": synthetic_beat.RING}
    titles = {"base": "Ischemic <LV> & leak", "ring": "28 mm ring: does the ring cost filling?"}
    return [
        synthetic_beat.saved(
            synthetic_beat.beat(p, mesh=mesh, frames=4), folder / name, titles[name]
        )
        for name, p in cases.items()
    ]


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "comparison"
    return write_comparison(compare(*results), folder)


def test_page_is_well_formed_and_needs_no_network(written):
    text = written.read_text()
    page = Page(text)
    assert page.open == []
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links)
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?![#\"`]?#)", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\(", text)


def test_page_lets_its_own_script_run_and_no_other(written):
    text = written.read_text()
    code = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    seal = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{seal}'" in text
    assert "unsafe-inline'; img-src" in text
    assert "unsafe-eval" not in text


def test_page_is_small_enough_to_send(written):
    assert written.stat().st_size < 8e6


def test_links_lead_to_sections(written):
    text = written.read_text()
    heads = set(re.findall(r'<h2 id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) == heads
    assert len(heads) >= 8


def test_page_says_what_must_be_said(written):
    text = written.read_text()
    assert text.count("A research prediction of the acute state, not medical advice") == 1
    assert "loading rule: same-stressed-volume, all scenarios at the same stressed" in text
    assert "Does the ring cost filling?" in text
    assert "LV ejection fraction" in text
    assert "points" in text
    assert "Newton" in text or "newton" in text


def test_stress_of_marked_muscle_is_told_with_its_change(written):
    table = written.read_text().partition("Fiber stress where the wall is marked [kPa]")[2]
    rows = re.findall(r"<tr><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>", table)
    assert [name.partition(",")[0] for name, *_ in rows[:2]] == ["infarct", "rest of the LV wall"]
    assert all(re.fullmatch(r"[\d.]+", first) for _, first, _ in rows[:4])
    assert all(re.fullmatch(r"[\d.]+ \([+−][\d.]+\)", other) for *_, other in rows[:4])


def test_titles_are_escaped(written):
    text = written.read_text()
    assert "<LV>" not in text
    assert "Ischemic &lt;LV&gt; &amp; leak" in text


def test_every_image_has_a_text(written):
    alts = Page(written.read_text()).alts
    assert alts
    assert all(alts)


def test_comparison_folder_is_complete(written):
    names = {path.name for path in written.parent.iterdir()}
    assert names == {"comparison.json", "comparison.csv", "comparison.png", "report.html"}


def test_stored_comparison_can_be_reported_again(written, monkeypatch):
    monkeypatch.setattr(write, "html", lambda results, comparison: " | ".join(comparison.names))
    folder = shutil.copytree(written.parent, written.parent.parent / "again")
    page = write_report(folder)
    assert page == folder / "report.html"
    assert page.read_text() == "Ischemic <LV> & leak | 28 mm ring"


def test_one_result_gets_figures_and_a_page(results):
    page = write_report(results[0])
    for name in ("pv_loops.png", "pressures.png", "heart_ed_es.png"):
        assert (page.parent / name).read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    assert "loading rule" not in text
    assert "Weigh it yourself" not in text


def test_without_a_way_to_draw_the_page_says_so(results, monkeypatch):
    def refuse(*_, **__):
        raise NoScreen("3D pictures: no display. Install libegl1.")

    monkeypatch.setattr(scene, "picture", refuse)
    assert pictures.hearts(results, ["A", "B"]) == [
        '<p class="note">3D pictures: no display. Install libegl1.</p>'
    ]


def test_receipts_are_shown_with_their_amounts(results):
    receipts = {
        "receipts": [
            {
                "procedure": "tavr",
                "target": "valve:aortic",
                "action": "opens the valve",
                "amounts": {"area_cm2": 1.8},
            }
        ]
    }
    treated = type(results[0])(results[0].folder, results[0].indices, receipts)
    text = "".join(computed.receipts([treated], ["TAVR"]))
    assert "opens the valve (area 1.8 cm²)" in text


def test_what_the_baseline_shares_is_told_once(results):
    disease = {"procedure": "aortic_stenosis", "action": "narrows", "amounts": {"area_cm2": 0.7}}
    amounts = {"area_before_cm2": 0.7, "area_after_cm2": 2.0, "leak_before_cm2": 0.0}
    cure = {"procedure": "tavr", "action": "opens", "amounts": {**amounts, "leak_after_cm2": 0.0}}
    base, treated, other = (
        type(results[0])(results[0].folder, results[0].indices, {"receipts": listed})
        for listed in ([disease], [disease, cure], [])
    )
    text = "".join(computed.receipts([base, treated, other], ["Base", "TAVR", "Healthy"]))
    assert text.count("narrows") == 1
    assert "As in “Base”, and besides:" in text
    assert "opens (area 0.7 to 2 cm²)" in text
    assert "<dt>without</dt><dd>aortic stenosis</dd>" in text


def test_twenty_outputs_are_numbered_and_marked(results):
    both = compare(*results)
    text = numbers.twenty(results, both.names, both)[0]
    found = re.findall(r'class="number">(\d+)<', text)
    known = [i for i, o in enumerate(OUTPUTS) if o.shown([r.indices for r in results])]
    assert [int(n) - 1 for n in found] == known
    assert "▲" in text
    assert "◆ &gt; 18 congestion" in text


def test_rounding_never_hides_that_a_number_is_outside():
    index = Index("a.b", "A", "mmHg", "", 0, 8, 20, "typical")
    assert numbers._text(20.02, index) == "20.02"
    assert numbers._text(20.7, index) == "21"
    assert numbers._text(19.98, index) == "20"


def test_a_change_that_the_solution_does_not_resolve_is_marked():
    index = next(i for i in CATALOGUE if i.key == "chambers.LV.EDV_mL")
    assert "≈" in numbers._delta(index, 130.0, 131.0, 1.7)
    assert "≈" not in numbers._delta(index, 130.0, 133.0, 1.7)


def test_a_single_beat_estimate_that_fails_is_in_parentheses(results):
    chambers = results[1].indices["chambers"]
    broken = {**chambers, "LV": {**chambers["LV"], "V0_mL": -72.0}}
    doubtful = type(results[1])(
        results[1].folder, {**results[1].indices, "chambers": broken}, results[1].provenance
    )
    both = compare(results[0], doubtful)
    assert '<span class="doubted"' in numbers.twenty([results[0], doubtful], both.names, both)[0]
    assert any("in parentheses" in text for text in both.remarks())
    assert charts.end_systolic_line(doubtful, "LV") is None
    assert "chambers.LV.PVA_J" not in {c.key for c in known_criteria(both.results)}
