"""Synthetic segmentations of an idealized heart, with volumes known in closed form."""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

INNER, OUTER, BASE = np.array([24.0, 24.0, 65.0]), np.array([34.0, 34.0, 74.0]), 24.0
RIGHT, RIGHT_AXES, RIGHT_WALL = np.array([17.0, 0.0, 4.0]), np.array([44.0, 41.0, 58.0]), 3.6
LV, RV, WALL = 3, 1, 2


def labels_at(x: np.ndarray, *, rv_wall: bool = True) -> np.ndarray:
    """Label of points (…, 3) of the heart: apex at -z, base plane z = 24, RV toward +x."""

    def within(center, axes):
        return (((x - center) / axes) ** 2).sum(axis=-1) < 1

    below = x[..., 2] < BASE
    label = np.zeros(x.shape[:-1], np.uint8)
    if rv_wall:
        label[within(RIGHT, RIGHT_AXES + RIGHT_WALL)] = WALL
    label[within(RIGHT, RIGHT_AXES) & (x[..., 2] > -48)] = RV
    label[within(0.0, OUTER)] = WALL
    label[within(0.0, INNER)] = LV
    return np.where(below, label, 0).astype(np.uint8)


def left_volume() -> float:
    """Volume of the truncated left cavity [mm³]."""
    a, c = INNER[0], INNER[2]
    return math.pi * a**2 * ((BASE + c) - (BASE**3 + c**3) / (3 * c**2))


def segmentation(
    spacing: tuple[float, float, float], *, rv_wall: bool = True, turn: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (i, j, k) and affine of an image whose axes are turned against the heart's."""
    turn = np.eye(3) if turn is None else turn
    size = np.array([170.0, 120.0, 140.0]) if turn is None or np.allclose(turn, np.eye(3)) else 180
    count = np.ceil(np.broadcast_to(size, 3) / spacing).astype(int)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in count], indexing="ij"), -1)
    affine = np.eye(4)
    affine[:3, :3] = turn * np.asarray(spacing)
    center = np.array([14.0, 0.0, -22.0])
    affine[:3, 3] = center - affine[:3, :3] @ ((count - 1) / 2)
    return labels_at(index @ affine[:3, :3].T + affine[:3, 3], rv_wall=rv_wall), affine


def write_nifti(labels: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    """Write a label map as NIfTI-1, compressed if the name ends in .gz."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *labels.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 2, 8)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    struct.pack_into("<8f", head, 76, 1, *spacing, 0, 0, 0, 0)
    struct.pack_into("<3f", head, 108, 352, 1, 0)
    head[123] = 2
    struct.pack_into("<2h", head, 252, 0, 1)
    struct.pack_into("<12f", head, 280, *affine[:3].ravel())
    head[344:348] = b"n+1\0"
    content = bytes(head) + labels.astype(np.uint8).tobytes(order="F")
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path
