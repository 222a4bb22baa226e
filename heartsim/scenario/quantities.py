"""Pydantic type of physical quantities: strings with units in files, internal numbers inside."""

import re
from dataclasses import dataclass

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from heartsim.errors import UnitError
from heartsim.units import parse, symbols

_NUMBER_PATTERN = r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?"


@dataclass(frozen=True)
class Quantity:
    """Annotation of a number that files write with a unit: ``Annotated[float, Quantity(…)]``.

    Attributes
    ----------
    dimension : str
        Dimension of `heartsim.units`.
    low, high : str
        Limits with units, inclusive; empty for none.
    """

    dimension: str
    low: str = ""
    high: str = ""

    def read(self, value: object) -> float:
        """Parse a quantity into internal units and hold it against the limits."""
        try:
            number = parse(value, self.dimension)
        except UnitError as error:
            raise PydanticCustomError("quantity", "{text}", {"text": str(error)}) from None
        below = bool(self.low) and number < parse(self.low, self.dimension)
        above = bool(self.high) and number > parse(self.high, self.dimension)
        if below or above:
            text = f"{value} is outside the accepted range. {self._range()}"
            raise PydanticCustomError("range", "{text}", {"text": text})
        return number

    def _range(self) -> str:
        if self.low and self.high:
            return f"Choose {self.low} to {self.high}."
        return f"Choose at least {self.low}." if self.low else f"Choose at most {self.high}."

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate by `read`."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the accepted spelling to editors."""
        return json_pattern(self.dimension)


def usual(text: str, meaning: str = "") -> float:
    """Field of a quantity whose default is spelled as in a file."""
    return Field(default=text, description=meaning or None)  # pyright: ignore[reportReturnType]


def json_pattern(dimension: str) -> JsonSchemaValue:
    """JSON Schema of the accepted spellings of a quantity."""
    if dimension == "number":
        text = {"type": "string", "pattern": rf"^\s*{_NUMBER_PATTERN}\s*%?\s*$"}
        return {"anyOf": [{"type": "number"}, text]}
    units = "|".join(re.escape(symbol) for symbol in symbols(dimension) if symbol)
    return {"type": "string", "pattern": rf"^\s*{_NUMBER_PATTERN}\s*({units})\s*$"}
