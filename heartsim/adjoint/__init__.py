"""Derivatives of a beat by the numbers of its heart: the implicit step, transposed."""
