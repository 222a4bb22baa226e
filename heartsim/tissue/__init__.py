"""Constitutive laws: one energy each."""
