"""Five wrong signs in the physics, each of which must make a named problem fail.

``python tests/verification/test_mutations.py`` prints the table.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax
import numpy as np
import pytest

import heartsim.heart
from heartsim.circulation.components import Valve
from heartsim.microstructure import fibers
from heartsim.tissue.active import InvariantTension
from heartsim.verification import helix, verify


@dataclass(frozen=True)
class Mutation:
    """One wrong sign: where it is made, and the problem that must notice."""

    name: str
    owner: object
    attribute: str
    wrong: Callable[[Callable], Callable]
    problem: str


def negative(function):
    """The same function with the sign of its result turned."""
    return lambda *args, **kwargs: -function(*args, **kwargs)


def mirrored_angle(frame):
    """Local fiber frame at the opposite helix angle."""
    return lambda outward, upward, angle, axis: frame(outward, upward, -angle, axis)


def mirrored_rule(rule):
    """Analytic fiber rule at the opposite helix angles."""

    def wrong(points, *, endocardium=np.pi / 2, epicardium=-np.pi / 2):
        return rule(points, endocardium=-endocardium, epicardium=-epicardium)

    return wrong


MUTATIONS = (
    Mutation("active stress", InvariantTension, "energy", negative, "active-bar"),
    Mutation("follower-load tangent", heartsim.heart, "facet_tangents", negative, "assembly"),
    Mutation("valve law", Valve, "flow", negative, "windkessel"),
    Mutation("fiber angle, rule of patients", fibers, "_frame", mirrored_angle, "helix"),
    Mutation("fiber angle, analytic rule", helix, "ellipsoid_rule", mirrored_rule, "helix"),
)


@contextmanager
def made(mutation: Mutation) -> Iterator[None]:
    """Make a mutation, in programs compiled afresh, and undo it."""
    right = getattr(mutation.owner, mutation.attribute)
    setattr(mutation.owner, mutation.attribute, mutation.wrong(right))
    jax.clear_caches()
    try:
        yield
    finally:
        setattr(mutation.owner, mutation.attribute, right)
        jax.clear_caches()


def failing(mutation: Mutation) -> list[str]:
    """Quantities of the mutation's problem that fail under it."""
    with made(mutation):
        return [row.quantity for row in verify([mutation.problem], fast=True) if not row.passed]


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_wrong_sign_is_noticed(mutation):
    with jax.numpy_rank_promotion("allow"):
        assert failing(mutation)


def main() -> None:
    """Print which rows notice which mutation."""
    for mutation in MUTATIONS:
        caught = failing(mutation)
        verdict = f"{len(caught)} rows fail, first: {caught[0]}" if caught else "NOT NOTICED"
        sys.stdout.write(f"{mutation.name:32} {mutation.problem:12} {verdict}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
