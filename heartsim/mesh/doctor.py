"""The doctor for files: any mesh is read, understood, examined and, if asked, repaired."""

from dataclasses import asdict
from pathlib import Path

from heartsim.errors import MeshError
from heartsim.mesh.fourchamber import Chambers
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.library import open_heart
from heartsim.mesh.mending import mend
from heartsim.mesh.quality import report
from heartsim.mesh.raw import RawMesh

UNSURE = 0.5


def diagnosis(
    file: str | Path, known: Guesses, *, repair: bool = False, chambers: Chambers = "ventricles"
) -> tuple[dict, HeartMesh | None]:
    """Examine any mesh: the content of ``mesh check --json``, and the repaired heart if asked.

    Keys ``understood`` and ``repairs`` say what a mesh without names was taken for and what can be
    (or, with `repair`, was) mended. Repairs that were not asked for stand among the findings.

    Raises
    ------
    MeshError
        If the file cannot be read or understood.
    """
    heart, incoming = open_heart(file, known, chambers=chambers)
    if incoming is not None:
        repairs, guesses = incoming.repairs, incoming.guesses
    else:
        heart, repairs = _mended(heart) if repair else (heart, [])
        guesses = []
    content = report(heart)
    content["understood"] = [asdict(guess) for guess in guesses]
    content["repairs"] = repairs
    if incoming is not None and not repair:
        content["quality"]["inverted"] = incoming.inverted
    if repairs and not repair:
        text = "; ".join(repairs)
        message = f"the file needs mending ({text}). mesh check --repair or mesh import does it."
        content["findings"].insert(0, {"severity": "warning", "message": message})
    for guess in guesses:
        if guess.confidence < UNSURE:
            message = (
                f"{guess.what}: {guess.value} is a weak guess ({guess.confidence:.0%}: "
                f"{guess.reason}). Look at the picture (mesh import --picture) or name it."
            )
            content["findings"].append({"severity": "warning", "message": message})
    return content, heart if repair else None


def _mended(heart: HeartMesh) -> tuple[HeartMesh, list[str]]:
    """Repair a named heart; its names survive only where cells and nodes do."""
    raw = RawMesh(heart.points, heart.tets, heart.tets[:0, :3], {}, {}, {}, {})
    mended, done = mend(heart.name, raw)
    if len(mended.tets) != len(heart.tets) or len(mended.points) != len(heart.points):
        raise MeshError(
            f"{heart.name}: mending takes cells or nodes away ({'; '.join(done)}), which a heart "
            "with names cannot lose. Repair the mesh it was imported from."
        )
    return heart.with_points(mended.points), done
