import numpy as np
import pytest
import synthetic_beat

from heartsim.render import bullseye, loops, style
from heartsim.result import names


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.ventricle(14.0)
    return [
        synthetic_beat.saved(synthetic_beat.beat(p, mesh=mesh, frames=3), folder / name, "Same")
        for name, p in (("a", synthetic_beat.ISCHEMIC), ("b", synthetic_beat.RING))
    ]


def test_loop_shows_the_traces_and_its_units(results):
    axes = loops.loops_sheet(results).axes[0]
    drawn = axes.lines[0].get_xydata()
    np.testing.assert_allclose(drawn[:-1, 0], results[0].traces["V_LV_mL"])
    np.testing.assert_array_equal(drawn[0], drawn[-1])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Volume [mL]", "Pressure [mmHg]")


def test_same_titles_are_told_apart(results):
    assert names(results) == ["Same (1)", "Same (2)"]


def test_bulls_eye_is_an_element_with_a_label():
    quantity, values = bullseye.QUANTITIES[1], np.full(17, 12.0)
    text = bullseye.bullseye_svg(values, quantity, (0.0, 20.0), 'Stress of "a"')
    assert text.startswith("<svg")
    assert 'role="img"' in text[: text.index(">")]
    assert 'aria-label="Stress of &quot;a&quot;' in text[: text.index(">")]
    assert " width=" not in text[: text.index(">")]
    assert text.rstrip().endswith("</svg>")


def test_same_figure_gives_the_same_bytes(results):
    once, twice = (style.png(loops.loops_sheet(results)) for _ in range(2))
    assert once == twice


def test_segments_lie_where_the_standard_puts_them():
    """Segment 1 is basal anterior, 2 anteroseptal on its left, 4 inferior, 17 the apex."""
    layout = bullseye.layout()
    middle = [np.deg2rad((start + stop) / 2) for _, _, start, stop in layout]
    assert np.sin(middle[0]) == pytest.approx(1)
    assert np.cos(middle[1]) < 0 < np.sin(middle[1])
    assert np.sin(middle[3]) == pytest.approx(-1)
    assert np.cos(middle[13]) == pytest.approx(-1)
    assert layout[16][0] == 0
    area = sum((b**2 - a**2) * (stop - start) / 360 for a, b, start, stop in layout)
    assert area == pytest.approx(1)


def test_absent_segments_stay_blank():
    quantity = bullseye.QUANTITIES[1]
    values = np.full(17, np.nan)
    values[4] = 12.0
    text = bullseye.bullseye_svg(values, quantity, (0.0, 20.0), "x")
    assert text.count(">–</text>") == 16
    assert text.count(">12</text>") == 1


def test_color_range_is_centered_where_sign_matters():
    low, high = style.limits(np.array([-0.2, 0.05]), centered=True)
    assert low == -high
    assert style.limits(np.array([]))[0] == 0
