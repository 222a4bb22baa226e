"""Pictures of a report: the stage of the turnable heart, stress maps and bull's eyes."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from heartsim.render import bullseye, page, scene, style
from heartsim.render.headless import NoScreen
from heartsim.result import Result

_MAPS: Final = (
    (style.SCALARS[0], "end-diastole"),
    (style.SCALARS[0], "end-systole"),
    (style.SCALARS[1], "end-systole"),
)
_VIEWS: Final = ("front", "left", "back", "right", "base", "apex")
_HELP: Final = (
    "Drag to turn all hearts together, pinch or use − and + to zoom, point at the wall to read a "
    "value, double-click to go back. Keys: arrows turn, + and − zoom, 0 goes back, space plays."
)


def stage(names: Sequence[str], colors: Sequence[str]) -> list[str]:
    """Stage on which the script of the page draws the beating hearts; nothing without hearts."""
    if not names:
        return []
    figures = "".join(
        f'<figure class="heart"><figcaption><span class="dot" style="background:{color}"></span>'
        f'{escape(name)} <span class="when"></span></figcaption><div class="hold"><canvas '
        f'tabindex="0" role="img" aria-label="Beating heart, turnable: '
        f'{escape(name, quote=True)}"></canvas><div class="tip"></div></div></figure>'
        for name, color in zip(names, colors, strict=True)
    )
    fields = "".join(
        f'<option value="{i}">{escape(scalar.short)}</option>'
        for i, scalar in enumerate(style.SCALARS)
    )
    views = "".join(f"<option>{view}</option>" for view in _VIEWS)
    return [
        f'<div id="hearts">{_panel(fields, views)}'
        f'<div class="stage" style="--count:{len(names)}">{figures}</div>'
        '<div class="bar"><div class="what"></div><div class="ramp"></div>'
        '<div class="ends"><span></span><span></span><span></span></div></div>'
        f'<p class="note screen">{_HELP}</p></div>'
    ]


def _panel(fields: str, views: str) -> str:
    """Make the controls above the hearts."""
    return (
        '<div class="panel"><button type="button" data-control="play" aria-pressed="false">Play'
        '</button><label class="long">Time <input type="range" min="0" step="1" '
        'data-control="time"></label>'
        '<button type="button" data-control="ED">End-diastole</button>'
        '<button type="button" data-control="ES">End-systole</button>'
        f'<label>Color <select data-control="field">{fields}</select></label>'
        '<label><input type="checkbox" data-control="cut" checked> Cut open</label>'
        f'<label>From <select data-control="views">{views}</select></label>'
        '<span><button type="button" data-control="farther" aria-label="Smaller">−</button>'
        '<button type="button" data-control="closer" aria-label="Larger">+</button></span></div>'
    )


def hearts(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Cut-open hearts, one row a map; all scenarios of a row share its color range."""
    if not results:
        return []
    try:
        every = [result.frame(time) for result in results for time in scene.TIMES]
        seen, parts = scene.viewpoint(every), []
        for scalar, time in _MAPS:
            shared = scene.color_range([result.frame(time) for result in results], scalar)
            drawn = [
                page.figure(page.image(_still(result, scalar, time, shared, seen), label))
                for result, name in zip(results, names, strict=True)
                for label in [f"{name}: {scalar.label.lower()} at {time}"]
            ]
            head = f"<h3>{scalar.short} at {time}, same scale for all</h3>"
            parts += [head, page.grid(drawn, kind="maps")]
    except NoScreen as error:
        return [f'<p class="note">{escape(str(error))}</p>']
    return parts


def _still(
    result: Result,
    scalar: style.Scalar,
    time: str,
    shared: tuple[float, float],
    seen: scene.View,
) -> str:
    """Picture of one heart at one time, as a data URI."""
    made = scene.heart([result], scalar, times=[time], value_range=shared, seen=seen, width=2.7)
    return style.data_uri(style.png(made, dpi=170))


def bullseyes(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Seventeen-segment plots, one row a quantity, so that scenarios stand side by side."""
    parts = []
    for quantity in bullseye.QUANTITIES:
        values = [quantity.values(result) for result in results]
        if not results or np.isnan(np.concatenate(values)).all():
            continue
        shared = bullseye.shared_range(results, quantity)
        drawn = [
            page.figure(
                f"<figcaption>{escape(name)}</figcaption>"
                + bullseye.bullseye_svg(one, quantity, shared, f"{name}: {quantity.label}")
            )
            for one, name in zip(values, names, strict=True)
        ]
        head = f"<h3>{escape(quantity.label)} [{escape(quantity.unit)}]</h3>"
        bar = page.ramp(*bullseye.ramp(quantity, shared))
        parts.append(f'<div class="whole">{head}{page.grid(drawn, kind="eyes")}{bar}</div>')
    if parts:
        text = (
            "Seen from the apex: base outside, apex in the middle. Each number is the mean of its "
            "segment; the medians in the table are of the whole wall. "
            "Point at a segment for its name."
        )
        parts.append(f'<p class="note">{text}</p>')
    return parts
