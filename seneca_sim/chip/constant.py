"""One constant of a chip: its value, how it is known, and the number types that constants may have."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

__all__ = [
    "Constant",
    "CoreCount",
    "Count",
    "Group",
    "PositiveCount",
    "PositiveNumber",
    "Quantity",
    "Share",
    "Status",
    "Switch",
    "choice",
]

Status = Literal["published", "derived", "calibrated", "assumed", "set"]
"""How a value is known: read in a source; computed from such values; fitted to published results; assumed here because no
source tells; set by the user."""


LARGEST_COUNT = 10**9
"""No integer constant may be larger, so that times and counts stay within 64 bits."""
MOST_CORES = 1 << 14
"""No mesh is larger."""
LARGEST_NUMBER = 1e12
"""No other constant may be larger, and none that must be positive smaller than its inverse: products stay finite."""


def _expected(phrase: str) -> WrapValidator:
    """Return a validator that words every refusal of a type as "expected `phrase`"."""

    def check(value: Any, validate: Any) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            first, wanted = error.errors()[0], phrase
            if first["type"] == "less_than_equal" and not phrase.endswith("to 1"):
                limit = first["ctx"]["le"]
                wanted = f"an integer <= {limit}" if isinstance(limit, int) else f"a number <= {limit:g}"
            elif isinstance(value, float) and 0 < value < 1 / LARGEST_NUMBER:
                wanted = f"a number >= {1 / LARGEST_NUMBER:g}"
            raise PydanticCustomError("expected", "{phrase}", {"phrase": wanted}) from None

    return WrapValidator(check)


def _whole(value: Any) -> Any:
    """Turn 64.0 (how YAML reads 6.4e1) into 64; leave the rest to the strict check."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


PositiveCount = Annotated[
    int, Field(strict=True, gt=0, le=LARGEST_COUNT), BeforeValidator(_whole), _expected("an integer > 0")
]
CoreCount = Annotated[
    int, Field(strict=True, gt=0, le=MOST_CORES), BeforeValidator(_whole), _expected("an integer > 0")
]
Count = Annotated[
    int, Field(strict=True, ge=0, le=LARGEST_COUNT), BeforeValidator(_whole), _expected("an integer >= 0")
]
PositiveNumber = Annotated[
    float,
    Field(strict=True, ge=1 / LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False),
    _expected("a finite number > 0"),
]
Quantity = Annotated[
    float, Field(strict=True, ge=0, le=LARGEST_NUMBER, allow_inf_nan=False), _expected("a finite number >= 0")
]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False), _expected("a number from 0 to 1")]
Switch = Annotated[bool, Field(strict=True), _expected("true or false")]


def choice(*names: Any) -> WrapValidator:
    """Return the validator that words the refusal of a `Literal` of these names.

    >>> from pydantic import TypeAdapter
    >>> TypeAdapter(Annotated[Literal["mesh", "ideal"], choice("mesh", "ideal")]).validate_python("mesh")
    'mesh'
    """
    *first, last = map(str, names)
    return _expected(f"{', '.join(first)} or {last}")


class Group(BaseModel):
    """A group of keys of a chip file: unknown keys are refused, values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


T = TypeVar("T")


class Constant(Group, Generic[T]):
    """A value with its provenance.

    >>> Constant[PositiveCount](value=8, status="published", source="a figure").value
    8
    """

    value: T
    status: Annotated[Status, choice("published", "derived", "calibrated", "assumed", "set")]
    source: str = Field(min_length=1)
    """The publication, or the reasoning, that the value comes from."""
    low: T | None = None
    """Lower end of the range that the sources leave open."""
    high: T | None = None
    """Upper end of that range."""

    @model_validator(mode="after")
    def _range_holds_value(self) -> Self:
        low, high, value = self.low, self.high, self.value
        if (
            isinstance(value, int | float)
            and isinstance(low, int | float | None)
            and isinstance(high, int | float | None)
        ):
            inside = (low is None or low <= value) and (high is None or value <= high)
            if not inside:
                raise PydanticCustomError(
                    "rule",
                    "value {value} lies outside its range {low} to {high}",
                    {"value": value, "low": low, "high": high},
                )
        return self
