"""The HTML page of a report: skeleton and style. No script, no network, readable on paper."""

from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Final

_STYLE: Final = """
:root{--ink:#1f2933;--muted:#52606d;--rule:#d5dae0;--soft:#f5f7fa;--accent:#0b5394}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#fff;
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header,footer{max-width:1180px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
.brand{font-weight:600;letter-spacing:.02em;color:var(--accent);font-size:.9rem}
h1{font-size:1.75rem;line-height:1.25;margin:.2em 0 .3em}
h2{font-size:1.2rem;margin:2.2em 0 .6em;padding-top:.7em;border-top:2px solid var(--rule)}
h3{font-size:1rem;margin:1.2em 0 .4em}
.question{font-size:1.1rem;margin:.2em 0 1em;max-width:60em}
.note{color:var(--muted);font-size:.9rem;margin:.4em 0}
.caveat{background:#fff8e6;border-left:4px solid #d99a00;padding:.6em .9em;margin:1em 0}
.remarks{background:var(--soft);border-left:4px solid var(--accent);padding:.6em .9em;margin:1em 0}
.remarks ul{margin:.3em 0 0;padding-left:1.2em}
.dot{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.4em}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.93rem}
th,td{padding:.32em .6em;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{vertical-align:bottom;border-bottom:2px solid var(--ink);line-height:1.3}
tr.group th{text-align:left;color:var(--accent);padding-top:1em;border-bottom:1px solid var(--rule)}
.unit{color:var(--muted);white-space:nowrap;font-size:.85em}
.delta{display:block;color:var(--muted);font-size:.82em}
.delta span{white-space:nowrap}
.normal{color:var(--muted);font-size:.85em;white-space:nowrap}
.under{display:none}
.grid{display:grid;gap:18px 28px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.grid.small{grid-template-columns:repeat(auto-fit,minmax(min(46%,215px),1fr));gap:8px 14px}
figure{margin:0;break-inside:avoid}
figure svg,figure img{width:100%;height:auto;display:block;max-width:640px}
.grid.small figure svg,.grid.small figure img{max-width:330px}
figcaption{font-size:.88rem;color:var(--muted);margin-top:.2em}
table.plain td{font-size:.9rem;overflow-wrap:anywhere}
table.plain td:first-child{color:var(--muted);white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;font-size:.9rem;margin:0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
footer{padding-top:2em;padding-bottom:2.5em}
@media screen and (max-width:700px){
 body{font-size:15px}
 main,header,footer{padding-left:14px;padding-right:14px}
 h1{font-size:1.4rem}
 table{font-size:.84rem;table-layout:fixed}
 th:first-child{width:27%}
 th,td{padding:.3em .35em}
 thead th{font-size:.59rem;letter-spacing:-.02em;overflow-wrap:break-word;padding:.3em .1em}
 .normal.column{display:none}
 .under{display:block}
 .unit{white-space:normal}
}
@media print{
 @page{size:A4;margin:14mm}
 body{font-size:9.5pt;line-height:1.35}
 table{font-size:8.5pt}
 th,td{padding:.15em .5em}
 tr.group th{padding-top:.6em}
 main,header,footer{max-width:none;padding:0}
 h2{break-after:avoid;margin-top:1.2em}
 h3{break-after:avoid}
 tr,figure,.caveat,.remarks{break-inside:avoid}
 .scroll{overflow:visible}
 .grid{grid-template-columns:1fr 1fr}
 .grid.small{grid-template-columns:repeat(4,1fr)}
 *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""

_PAGE: Final = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<div class="brand">heartsim</div>
<h1>$title</h1>
<p class="question">$question</p>
</header>
<main>
$body
</main>
<footer>
<p class="caveat">$caveat</p>
<p class="note">$made</p>
</footer>
</body>
</html>
"""
)


def page(*, title: str, question: str, body: str, caveat: str, made: str) -> str:
    """Whole page. All but `body` are plain text; `body` is HTML."""
    plain = {"title": title, "question": question, "caveat": caveat, "made": made}
    escaped = {name: escape(text) for name, text in plain.items()}
    return _PAGE.substitute(escaped, style=_STYLE, body=body)


def section(title: str, *parts: str) -> str:
    """Heading and its content; nothing without content."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>\n" if content else ""


def figure(content: str, caption: str = "") -> str:
    """Figure around an SVG or image element."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{content}{below}</figure>"


def image(uri: str, label: str) -> str:
    """Image element of a data URI, with a text for those who do not see it."""
    return f'<img src="{uri}" alt="{escape(label, quote=True)}">'


def grid(figures: list[str], *, small: bool = False) -> str:
    """Figures side by side as far as the width allows."""
    kind = "grid small" if small else "grid"
    return f'<div class="{kind}">\n{"".join(figures)}\n</div>' if figures else ""


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
