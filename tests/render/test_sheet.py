import numpy as np
import pytest
from matplotlib.image import imsave

from heartsim.render.sheet import COLUMNS, sheet


@pytest.fixture
def pictures(tmp_path):
    found = []
    for number in range(COLUMNS + 1):
        path = tmp_path / f"{number}.png"
        imsave(path, np.full((30, 40, 3), number * 40, np.uint8))
        found.append((f"{number}: " + number * "long name ", path))
    return found


def test_every_picture_stands_under_its_label(pictures):
    drawn = sheet(pictures)
    shown = [axes for axes in drawn.axes if axes.images]
    assert len(shown) == len(pictures)
    assert len(drawn.axes) == 2 * COLUMNS
    for axes, (label, _) in zip(shown, pictures, strict=True):
        assert label.startswith(axes.get_title(loc="left").rstrip("…"))
    tones = [np.asarray(axes.images[0].get_array())[0, 0, 0] for axes in shown]
    assert tones == sorted(tones)
    assert tones[0] < tones[-1]
