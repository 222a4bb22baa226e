"""Command line: thin commands over the Python interface, heavy imports only inside them."""

from heartsim.cli import gradients, hearts, reference, simulate, studies
from heartsim.cli.app import app, main

__all__ = ["app", "gradients", "hearts", "main", "reference", "simulate", "studies"]
