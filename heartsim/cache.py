"""Where this user's caches lie; imports nothing heavy, so that everyone may ask."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Folder of this user's caches (never shared: the compile cache executes what it holds)."""
    root = os.environ.get("HEARTSIM_CACHE")
    if root:
        return Path(root)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "heartsim"
