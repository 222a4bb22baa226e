"""Where excitation starts, and when: sinus node, bundle branches and pacing leads (host).

A stimulus is one time for each node, infinite where nothing starts; `heartsim.activation.eikonal`
lets the wave run from there.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

STIMULUS: Final = "stimulus"
"""Node field of the times at which the wave starts [ms]; absent where both bundles conduct."""

_Stimulus = Float[np.ndarray, " nodes"]


def sinus_node(
    points: Float[np.ndarray, "nodes 3"],
    junction: Int[np.ndarray, " k"],
    septal: Float[np.ndarray, " 3"],
) -> int:
    """Node of the junction of the superior vena cava with the right atrium, on its lateral side.

    Parameters
    ----------
    points : (n, 3) float
        Nodes [mm].
    junction : (k,) int
        Nodes of the rim of the superior vena cava.
    septal : (3,) float
        A point on the side of the septum, such as the middle of the left atrium [mm].
    """
    return int(junction[np.argmax(np.linalg.norm(points[junction] - septal, axis=1))])


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
