"""Ventricular coordinates, fibers, AHA segments and regions of disease (host)."""
