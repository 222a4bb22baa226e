"""Where excitation of the ventricles starts, and when: bundle branches and pacing leads (host).

A stimulus is one time for each node, infinite where nothing starts; `heartsim.activation.eikonal`
lets the wave run from there.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

STIMULUS: Final = "stimulus"
"""Node field of the times at which the wave starts [ms]; absent where both bundles conduct."""

_Stimulus = Float[np.ndarray, " nodes"]


def through_bundles(nodes: int, *endocardia: Int[np.ndarray, "facets 3"]) -> _Stimulus:
    """Both bundle branches conduct: all endocardium at time 0."""
    stimulus = np.full(nodes, np.inf)
    for facets in endocardia:
        stimulus[facets] = 0.0
    return stimulus


def blocked(stimulus: _Stimulus, endocardium: Int[np.ndarray, "facets 3"]) -> _Stimulus:
    """Stimulus without that of one bundle branch."""
    left = stimulus.copy()
    left[endocardium] = np.inf
    return left


def paced(
    nodes: int, sites: Int[np.ndarray, " leads"], start: Float[np.ndarray, " leads"]
) -> _Stimulus:
    """Leads alone: what the bundles bring comes too late."""
    stimulus = np.full(nodes, np.inf)
    np.minimum.at(stimulus, sites, start)
    return stimulus
