"""Mutated files: each is read or refused in words, in bounded time and memory, by no crash."""

import importlib.util
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import h5py
import meshio
import numpy as np
import pytest
import pyvista

from heartsim.errors import MeshError
from heartsim.mesh import raw
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.raw import GIBIBYTE, read_raw

_spec = importlib.util.spec_from_file_location(
    "foreign_files", Path(__file__).with_name("foreign_files.py")
)
files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)

_spec = importlib.util.spec_from_file_location(
    "segmentations", Path(__file__).with_name("segmentations.py")
)
images = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(images)

FEW, MANY = 20, 200
OTHERS = ["nifti", "nifti-gz", "dolfin", "obj", "off", "exodus"]


class Readers:
    """Stands in for `subprocess.run` of a worker: the same code and limits in a forked process."""

    def __init__(self):
        folder = Path(__file__).parent
        worker = Path(raw.__file__).with_name("worker.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(folder / "zygote.py"), str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.last = {}

    def run(self, command, *, timeout, **_):
        print(json.dumps([command[3:], timeout]), file=self.process.stdin, flush=True)
        self.last = json.loads(self.process.stdout.readline())
        if self.last["status"] == -1:
            raise subprocess.TimeoutExpired(command, timeout)
        error = self.last["stderr"].encode()
        return subprocess.CompletedProcess(command, self.last["status"], b"", error)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def readers(monkeypatch):
    """Readers that are loaded once."""
    started = Readers()
    monkeypatch.setattr(raw.subprocess, "run", started.run)
    yield started
    started.close()


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 10, 100])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _numbers(content: bytes, rng: random.Random, replacement: bytes) -> bytes:
    words = [k for k in range(min(len(content), 50_000)) if content[k : k + 1].isdigit()]
    at = rng.choice(words) if words else 0
    end = at
    while end < len(content) and content[end : end + 1].isdigit():
        end += 1
    return content[:at] + replacement + content[end:]


def not_a_number(content: bytes, rng: random.Random) -> bytes:
    return _numbers(content, rng, rng.choice([b"nan", b"inf", b"-inf", b"1e999"]))


def wrong_count(content: bytes, rng: random.Random) -> bytes:
    return _numbers(content[:2000], rng, str(rng.randrange(-5, 5000)).encode()) + content[2000:]


def huge_count(content: bytes, rng: random.Random) -> bytes:
    number = rng.choice([b"99999999999", b"4000000000", b"800000000", b"-1", b"9" * 400])
    return _numbers(content[:2000], rng, number) + content[2000:]


def swapped(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) // 2)
    part = bytearray(content[start:])
    part = part[: len(part) // 4 * 4]
    part[0::4], part[1::4], part[2::4], part[3::4] = part[3::4], part[2::4], part[1::4], part[0::4]
    little, big = b"LittleEndian", b"BigEndian"
    if little in content and rng.random() < 0.5:
        return content.replace(little, big)
    return content[:start] + bytes(part)


def deep(content: bytes, rng: random.Random) -> bytes:
    at = content.find(b">", rng.randrange(min(len(content), 500))) + 1
    depth = rng.choice([100, 10_000, 200_000])
    return content[:at] + b"<Grid>" * depth + content[at:]


MUTATIONS = [truncated, flipped, not_a_number, wrong_count, huge_count, swapped, deep]


def written(kind: str, folder: Path) -> Path:
    """Write a heart in one format."""
    heart = human_left_ventricle(14)
    if kind in files.FORMATS:
        return files.write_as(heart, kind, folder)
    if kind == "dolfin":
        path = folder / "heart.h5"
        with h5py.File(path, "w") as store:
            store["mesh/coordinates"], store["mesh/topology"] = heart.points, heart.tets
            store["cfun/topology"], store["cfun/values"] = heart.tets, np.ones(len(heart.tets))
        return path
    if kind in ("obj", "off"):
        triangles = np.concatenate([*heart.surfaces.values()])
        path = folder / f"heart.{kind}"
        meshio.Mesh(heart.points, [("triangle", triangles)]).write(path)
        return path
    if kind == "exodus":
        from vtkmodules.vtkIOExodus import vtkExodusIIWriter

        writer = vtkExodusIIWriter()
        writer.SetFileName(str(folder / "heart.e"))
        writer.SetInputData(pyvista.UnstructuredGrid({10: heart.tets}, heart.points))
        writer.Write()
        return folder / "heart.e"
    labels, affine = images.segmentation((6.0, 6.0, 8.0))
    suffix = "nii.gz" if kind.endswith("gz") else "nii"
    return images.write_nifti(labels, affine, folder / f"heart.{suffix}")


def attack(kind: str, folder: Path, count: int, readers: Readers) -> dict[str, int]:
    """Read `count` mutants of one format; how many were read and how many refused."""
    original = written(kind, folder)
    family = sorted(path for path in folder.iterdir() if path.is_file())
    intact_mesh = read_raw(original)  # what is refused below is refused for its damage
    assert len(intact_mesh.points) or intact_mesh.field_data["labels"].any()
    intact = {path: path.read_bytes() for path in family}
    rng = random.Random(f"heartsim {kind}")
    ends = {"read": 0, "refused": 0}
    for number in range(count):
        victim = rng.choice(family)
        mutation = MUTATIONS[(number + len(kind)) % len(MUTATIONS)]
        victim.write_bytes(mutation(intact[victim], rng))
        start, readers.last = time.monotonic(), {"seconds": 0, "kibibytes": 0}
        complaint = None
        try:
            # a mutant that asks for more than 2 GiB is stopped by the kernel and refused
            read_raw(original, memory=2 * GIBIBYTE)
            ends["read"] += 1
        except MeshError as error:
            ends["refused"] += 1
            complaint = error
        if complaint is not None:
            assert complaint.exit_code == 2
            assert len(str(complaint)) > 30
            assert "\n\n" not in str(complaint)
        where = f"{kind} {mutation.__name__} {number}: {readers.last}"
        assert readers.last["seconds"] < 10, where
        assert readers.last["kibibytes"] < 2 * GIBIBYTE / 1024, where
        assert time.monotonic() - start < 60, where
        victim.write_bytes(intact[victim])
    return ends


@pytest.mark.parametrize("kind", [*files.FORMATS, *OTHERS])
def test_a_few_mutants_are_read_or_refused(kind, tmp_path, readers):
    ends = attack(kind, tmp_path, FEW, readers)
    assert sum(ends.values()) == FEW


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", [*files.FORMATS, *OTHERS])
def test_mutants_are_read_or_refused(kind, tmp_path, readers):
    ends = attack(kind, tmp_path, MANY, readers)
    assert sum(ends.values()) == MANY
    assert ends["refused"] > 0
