"""The part of a report where the team sets weights and sees the ranking they give."""

from collections.abc import Sequence
from html import escape
from typing import Final

from heartsim.compare.weighing import known
from heartsim.indices import value
from heartsim.render import style
from heartsim.result import Result

_HOW: Final = (
    "Which gain counts more is for the team and the patient to say, so nothing is ranked until "
    "you set a weight. A gain is the change from the baseline for the better, counted in steps; "
    "the step is the change that you would call worth having, and yours to edit."
)


def data(results: Sequence[Result]) -> list[dict[str, object]]:
    """Criteria with their values, for the script of the page."""
    return [
        {
            "label": criterion.index.label,
            "lower": criterion.lower,
            "values": [float(f"{value(r.indices, criterion.key):.6g}") for r in results],
        }
        for criterion in known(results)
    ]


def form(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Table of criteria with sliders, and the place where the ranking appears."""
    criteria = known(results)
    if not criteria:
        return []
    heads = "".join(
        f'<th scope="col" data-sort tabindex="0"><span class="dot" style="background:'
        f'{style.color(i)}"></span>{escape(name)}</th>'
        for i, name in enumerate(names[1:], 1)
    )
    rows = "".join(
        f'<tr data-criterion="{k}"><td>{escape(c.index.label)} <span class="unit">'
        f"{'less' if c.lower else 'more'} is better</span></td>"
        f'<td class="step"><label><input type="number" min="0" step="any" value="{c.step:g}" '
        f'aria-label="Step of {escape(c.index.label, quote=True)}"> {escape(c.index.unit)}'
        "</label></td>"
        + "".join(f'<td class="gain" data-name="{escape(n, quote=True)}"></td>' for n in names[1:])
        + '<td class="weight"><label><input type="range" min="0" max="5" step="1" value="0" '
        f'aria-label="Weight of {escape(c.index.label, quote=True)}"> <output>0</output></label>'
        "</td></tr>\n"
        for k, c in enumerate(criteria)
    )
    return [
        f'<p class="note">{_HOW}</p><div id="weighing"><div class="scroll"><table class="weigh">'
        f'<thead><tr><th scope="col">Criterion</th><th scope="col">One step</th>{heads}'
        f'<th scope="col">Weight</th></tr></thead><tbody>{rows}</tbody></table></div>'
        '<div class="panel"><button type="button" data-control="equal">All weights 1</button>'
        '<button type="button" data-control="none">Clear weights</button></div>'
        '<h3>Ranking under these weights</h3><div class="ranking"></div></div>'
    ]
