"""Discretization: elements, spaces, element kernels, boundary terms."""
