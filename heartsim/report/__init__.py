"""Reports: one self-contained page for one scenario or for several.

The page is put together from standard-library string templates: it has one skeleton and a dozen
short fragments, all inserted text passes through `html.escape`, and a template engine would be
one more dependency for no less code.
"""

from heartsim.report.write import html, write_comparison, write_report

__all__ = ["html", "write_comparison", "write_report"]
