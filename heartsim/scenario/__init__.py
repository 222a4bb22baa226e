"""Scenario files: TOML at the edge, checked models inside."""

from heartsim.scenario.document import Scenario, schema
from heartsim.scenario.reader import parse_override

__all__ = ["Scenario", "parse_override", "schema"]
