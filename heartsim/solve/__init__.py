"""Numerics that know no anatomy."""
