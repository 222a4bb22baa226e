"""Command line: thin commands over the Python interface, heavy imports only inside them."""

from heartsim.cli import hearts, made, reference, simulate, studies
from heartsim.cli.app import app, main

__all__ = ["app", "hearts", "made", "main", "reference", "simulate", "studies"]
