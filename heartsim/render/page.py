"""The HTML page of a report: skeleton, style and script. No network, readable on paper."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Final

_PAGE: Final = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<div class="brand">heartsim</div>
<h1>$title</h1>
<p class="question">$question</p>
<p class="caveat">$caveat</p>
$contents</header>
<main>
$body
</main>
<footer>
<p class="note">$made</p>
</footer>
$script</body>
</html>
"""
)
_SCRIPTS: Final = ("chart.js", "heart.js", "weigh.js", "start.js")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(
    *,
    title: str,
    question: str,
    body: str,
    caveat: str,
    made: str,
    contents: Sequence[str] = (),
    data: Mapping[str, object] | None = None,
) -> str:
    """Whole page.

    Parameters
    ----------
    title, question, caveat, made : str
        Plain text of head and foot.
    body : str
        HTML of the sections.
    contents : sequence of str
        Headings of sections to jump to.
    data : mapping, optional
        What the charts and hearts of the page show. With it the page carries a script; the policy
        of the page lets this one run and no other, and nothing reach the network.
    """
    plain = {"title": title, "question": question, "caveat": caveat, "made": made}
    escaped = {name: escape(text) for name, text in plain.items()}
    policy, script = _POLICY, ""
    if data is not None:
        code = "\n".join(_part(name) for name in _SCRIPTS)
        seal = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        policy = f"{_POLICY}; script-src 'sha256-{seal}'"
        # no text of the data can end its element
        text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        script = (
            f'<script type="application/json" id="data">{text}</script>\n<script>{code}</script>\n'
        )
    links = "".join(f'<a href="#{_anchor(head)}">{escape(head)}</a>' for head in contents)
    return _PAGE.substitute(
        escaped,
        style=_part("page.css"),
        body=body,
        contents=f"<nav>{links}</nav>\n" if links else "",
        policy=policy,
        script=script,
    )


@functools.cache
def _part(name: str) -> str:
    """Style or script that ships with the package."""
    return (resources.files("heartsim.render") / "web" / name).read_text(encoding="utf-8")


def _anchor(heading: str) -> str:
    return "-".join(heading.lower().split())


def charts(specs: Sequence[Mapping[str, object]]) -> str:
    """Places for charts, which the script of the page draws."""
    figures = "".join(
        f'<figure class="chart" id="{escape(str(spec["id"]), quote=True)}"></figure>'
        for spec in specs
    )
    return f'<div class="grid">\n{figures}\n</div>' if figures else ""


def ramp(colors: Sequence[str], texts: Sequence[str]) -> str:
    """Color bar with texts below it."""
    ends = "".join(f"<span>{escape(text)}</span>" for text in texts)
    return (
        f'<div class="bar"><div class="ramp" style="background:linear-gradient(90deg,'
        f'{",".join(colors)})"></div><div class="ends">{ends}</div></div>'
    )


def section(title: str, *parts: str) -> str:
    """Heading and its content; nothing without content."""
    content = "\n".join(part for part in parts if part)
    if not content:
        return ""
    head = f'<h2 id="{_anchor(title)}">{escape(title)}</h2>'
    return f"<section>\n{head}\n{content}\n</section>\n"


def figure(content: str, caption: str = "") -> str:
    """Figure around an SVG or image element."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{content}{below}</figure>"


def image(uri: str, label: str) -> str:
    """Image element of a data URI, with a text for those who do not see it."""
    return f'<img src="{uri}" alt="{escape(label, quote=True)}">'


def grid(figures: list[str], *, kind: str = "") -> str:
    """Figures side by side as far as the width allows."""
    return f'<div class="{f"grid {kind}".strip()}">\n{"".join(figures)}\n</div>' if figures else ""


def columns(heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Make a plain table: one named row each, one column for each head."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("", *heads))
    lines = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"
        for name, cells in rows.items()
    )
    return (
        f'<div class="scroll"><table class="plain"><thead><tr>{top}</tr></thead>\n'
        f"<tbody>{lines}</tbody></table></div>"
    )


def pairs(items: list[tuple[str, str]]) -> str:
    """Make a description list of names and values."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in items)
    return f"<dl>{rows}</dl>" if rows else ""
