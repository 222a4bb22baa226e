"""Pictures of one beat as a file: animated GIF, or MP4 where its encoder is installed."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from heartsim.errors import InputError
from heartsim.files import write_file

_PER_SECOND: Final = 20


def write_movie(path: Path, pictures: Iterator[np.ndarray]) -> None:
    """Write pictures (h, w, 3) as an animated GIF, or as MP4 if imageio-ffmpeg is there."""
    if path.suffix.lower() == ".gif":
        write_file(path, _gif(pictures))
        return
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(
            f"{path}: .mp4 needs imageio-ffmpeg. Run `pip install 'heartsim[movie]'` or write .gif."
        ) from error
    frames = [_even(picture) for picture in pictures]
    height, width = frames[0].shape[:2]
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=_PER_SECOND, macro_block_size=2
    )
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


def _gif(pictures: Iterator[np.ndarray]) -> bytes:
    """Animated GIF that repeats."""
    from PIL import Image

    images = [Image.fromarray(picture).quantize(256) for picture in pictures]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=1000 // _PER_SECOND,
        loop=0,
    )
    return buffer.getvalue()


def _even(picture: np.ndarray) -> np.ndarray:
    """Crop to even sides, which the video encoder needs."""
    height, width = picture.shape[:2]
    return picture[: height // 2 * 2, : width // 2 * 2]
