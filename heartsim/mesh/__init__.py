"""Anatomy as data (NumPy, host)."""
