"""Command line: thin commands over the Python interface, heavy imports only inside them."""

from heartsim.cli import gradients, hearts, made, reference, simulate, studies
from heartsim.cli.app import app, main

__all__ = ["app", "gradients", "hearts", "made", "main", "reference", "simulate", "studies"]
