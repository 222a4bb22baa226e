"""NIfTI-1 label maps (.nii, .nii.gz): whole numbers on voxels and where the voxels lie.

Only geometry and voxels are taken; descriptions, names and extensions of the header, which may
tell who the patient is, are not looked at. The layout is that of nifti1.h (NIfTI-1.1, 2007).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import Unreadable, content

HEADER = 348
MOST_VOXELS = 300_000_000
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
_MILLIMETERS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}


def read(path: Path) -> dict:
    """Read a label map: field data ``labels`` (i, j, k) and ``affine`` (4, 4) to RAS mm."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            return _parse(file)
    except (EOFError, OSError, zlib.error) as error:
        raise Unreadable(f"its compressed content is broken ({str(error)[:120]})") from error


def _parse(file: object) -> dict:
    """Header, then as many voxels as it declares."""
    head = file.read(HEADER)
    if len(head) < HEADER:
        raise Unreadable(f"it holds {len(head)} bytes, a NIfTI header has {HEADER}")
    order = next((o for o in "<>" if struct.unpack(o + "i", head[:4])[0] == HEADER), None)
    if order is None or head[344:347] not in (b"n+1", b"ni1"):
        raise Unreadable("it is no NIfTI-1 file")
    if head[344:347] == b"ni1":
        raise Unreadable("its voxels lie in another file (.img). Save it as one .nii.gz")
    shape, kind = _shape(order, head)
    count = math.prod(shape)
    offset = struct.unpack(order + "f", head[108:112])[0]
    if not HEADER <= offset <= 10**7:
        raise Unreadable(f"its voxels are said to start at byte {offset:g}")
    file.read(int(offset) - HEADER)
    body = file.read(count * kind.itemsize)
    if len(body) < count * kind.itemsize:
        raise Unreadable(f"it declares {count} voxels and holds {len(body) // kind.itemsize}")
    labels = _whole(np.frombuffer(body, kind), *struct.unpack(order + "2f", head[112:120]))
    affine = _affine(order, head)
    data = {"labels": labels.reshape(shape, order="F"), "affine": affine}
    return content(np.zeros((0, 3)), field_data=data)


def _shape(order: str, head: bytes) -> tuple[tuple[int, ...], np.dtype]:
    """Three dimensions, and the type of a voxel."""
    dim = struct.unpack(order + "8h", head[40:56])
    if not 3 <= dim[0] <= 7 or min(dim[1:4]) < 1 or any(n > 1 for n in dim[4 : dim[0] + 1]):
        raise Unreadable(
            f"its dimensions are {list(dim[1 : max(dim[0], 0) + 1])}; one volume of voxels is due. "
            "Of a series, save the end-diastolic frame"
        )
    if math.prod(dim[1:4]) > MOST_VOXELS:
        raise Unreadable(f"it declares {math.prod(dim[1:4]):,} voxels, at most {MOST_VOXELS:,}")
    code = struct.unpack(order + "h", head[70:72])[0]
    if code not in _TYPES:
        raise Unreadable(f"its voxels have the type {code}; plain numbers are due")
    return dim[1:4], np.dtype(order + _TYPES[code])


def _whole(values: np.ndarray, slope: float, shift: float) -> np.ndarray:
    """Labels as small whole numbers."""
    if (math.isfinite(slope) and slope not in (0.0, 1.0)) or shift not in (0.0,):
        if not (math.isfinite(slope) and math.isfinite(shift)) or slope == 0:
            raise Unreadable("the scale of its voxels is not finite")
        values = values * np.float32(slope) + np.float32(shift)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise Unreadable("some of its labels are not finite")
        if (values != np.round(values)).any():
            raise Unreadable("its voxels are not whole numbers: an image, not a label map")
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("its labels are not between 0 and 65535: an image, not a label map")
    return values.astype(np.uint16)


def _affine(order: str, head: bytes) -> np.ndarray:
    """Voxel indices to RAS coordinates [mm]: sform, else qform, else the spacing alone."""
    pixdim = np.array(struct.unpack(order + "8f", head[76:108]))
    qform, sform = struct.unpack(order + "2h", head[252:256])
    matrix = np.eye(4)
    if sform > 0:
        matrix[:3] = np.array(struct.unpack(order + "12f", head[280:328])).reshape(3, 4)
    elif qform > 0:
        b, c, d = struct.unpack(order + "3f", head[256:268])
        a = math.sqrt(max(0.0, 1 - b * b - c * c - d * d)) if b * b + c * c + d * d < 10 else 0.0
        turn = np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
            ]
        )
        spacing = pixdim[1:4] * np.array([1, 1, -1 if pixdim[0] == -1 else 1])
        matrix[:3, :3] = turn * spacing
        matrix[:3, 3] = struct.unpack(order + "3f", head[268:280])
    else:
        matrix[:3, :3] = np.diag(pixdim[1:4])
    matrix[:3] *= _MILLIMETERS.get(head[123] & 7, 1.0)
    size = np.linalg.norm(matrix[:3, :3], axis=0)
    upright = matrix[:3, :3] / np.where(size > 0, size, 1)
    if not np.isfinite(matrix).all() or not (size.min() > 0.01 and size.max() < 100):
        raise Unreadable(f"its voxels measure {size.round(4).tolist()} mm")
    if np.abs(upright.T @ upright - np.eye(3)).max() > 0.05:
        raise Unreadable("its voxel axes are not at right angles. Resample it without shear")
    return matrix
