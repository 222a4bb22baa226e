import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import synthetic_beat

from heartsim import report
from heartsim.compare import compare
from heartsim.render import scene
from heartsim.render.headless import NoScreen
from heartsim.report import write_comparison, write_report


class Page(HTMLParser):
    """Collects tags and checks that they nest."""

    VOID = frozenset({"meta", "img", "br", "path", "use", "rect"})

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
    assert "script" not in page.tags
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!#)", text)


def test_page_says_what_must_be_said(written):
    text = written.read_text()
    assert "A research prediction of the acute state, not medical advice." in text
    assert "Loading rule: same-stressed-volume" in text
    assert "Does the ring cost filling?" in text
    assert "LV ejection fraction" in text
    assert "points" in text
    assert "Newton" in text or "newton" in text


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
    monkeypatch.setattr(report, "html", lambda results, comparison: " | ".join(comparison.names))
    folder = shutil.copytree(written.parent, written.parent.parent / "again")
    page = write_report(folder)
    assert page == folder / "report.html"
    assert page.read_text() == "Ischemic <LV> & leak | 28 mm ring"


def test_one_result_gets_figures_and_a_page(results):
    page = write_report(results[0])
    for name in ("pv_loops.png", "pressures.png", "heart_ed_es.png"):
        assert (page.parent / name).read_bytes().startswith(b"\x89PNG")
    assert "Loading rule" not in page.read_text()


def test_without_a_way_to_draw_the_page_says_so(results, monkeypatch):
    def refuse(*_, **__):
        raise NoScreen("3D pictures: no display. Install libegl1.")

    monkeypatch.setattr(scene, "picture", refuse)
    assert report._hearts(results, ["A", "B"]) == [
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
    text = "".join(report._receipts([treated], ["TAVR"]))
    assert "opens the valve (area 1.8 cm²)" in text
