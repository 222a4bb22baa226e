"""The table of a study: one row a case, units in the column names, the same bytes every time."""

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from heartsim.files import write_file
from heartsim.indices.catalogue import CATALOGUE
from heartsim.sweep.row import Row
from heartsim.sweep.study import Study

NOT_RUN = Row("not run", "no process has taken this case yet")


def tabulate(study: Study, rows: Mapping[str, Row]) -> pd.DataFrame:
    """Table of a study.

    Parameters
    ----------
    study : Study
    rows : mapping of case name to Row
        Those at hand; the others are marked ``not run``.

    Returns
    -------
    DataFrame
        Columns ``case``, the inputs, ``status``, the indices that any case has, ``reason`` and
        ``folder``.
    """
    lines = []
    for case in study.cases:
        row = rows.get(case.name, NOT_RUN)
        found = {index.key: row.indices.get(index.key, np.nan) for index in CATALOGUE}
        lines.append(
            {"case": case.number, **case.inputs, "status": row.status}
            | found
            | {"reason": row.reason, "folder": f"cases/{case.name}"}
        )
    table = pd.DataFrame(lines)
    empty = [index.key for index in CATALOGUE if table[index.key].isna().to_numpy().all()]
    return table.drop(columns=empty)


def write_table(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write ``table.csv``, and ``table.parquet`` where pyarrow is installed."""
    written = [folder / "table.csv"]
    write_file(written[0], table.to_csv(index=False, lineterminator="\n"))
    if find_spec("pyarrow") is not None:
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, engine="pyarrow")
        written.append(folder / "table.parquet")
        write_file(written[1], buffer.getvalue())
    return written
