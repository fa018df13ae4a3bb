"""A schema says of a type what the codec makes of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import attrs
import pytest

from jelmored.domain.ids import SessionId
from jelmored.domain.prompts import Block
from jelmored.domain.texts import Line
from jelmored.wire.messages import ShapedLike
from jelmored.wire.schemas import Schemas, words_of


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True)
class Thing:
    """`used_since`; None: never. `other_word` is no field."""

    used_since: datetime | None = None
    colour: Colour = Colour.RED
    tags: tuple[str, ...] = ()
    count: int = 3
    name: str | None


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (SessionId, {"type": "string"}),
        (Line, {"type": "string", "maxLength": 200}),
        (datetime, {"type": "string", "format": "date-time"}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a"], {"const": "a"}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (tuple[int, int], {"type": "array", "items": [{"type": "integer"}] * 2, "minItems": 2, "maxItems": 2}),
        (tuple[bool, ...], {"type": "array", "items": {"type": "boolean"}}),
        (Mapping[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (Mapping[str, Any], {"type": "object", "additionalProperties": {}}),
        (Annotated[Any, ShapedLike(int)], {"type": "integer"}),
    ],
    ids=str,
)
def test_a_type_without_a_name(hint: Any, schema: dict[str, Any]) -> None:
    assert Schemas().of(hint) == schema


def test_a_value_with_a_name_is_referred_to() -> None:
    schemas = Schemas()

    assert schemas.of(Colour) == {"$ref": "#/components/schemas/Colour"}
    assert schemas.named["Colour"]["enum"] == ["red", "blue"]


def test_what_is_written_has_all_but_what_is_left_out() -> None:
    schemas = Schemas()
    schemas.of(Thing)

    assert schemas.named["Thing"]["required"] == ["colour", "count", "name"]
    assert schemas.named["Thing"]["properties"]["usedSince"] == {"type": "string", "format": "date-time"}


def test_what_is_read_needs_what_has_no_default_and_tells_the_others() -> None:
    schemas = Schemas()
    schemas.of(Thing, read=True)

    assert schemas.named["Thing"]["required"] == ["name"]
    assert schemas.named["Thing"]["properties"]["count"] == {"type": "integer", "default": 3}
    assert schemas.named["Thing"]["properties"]["colour"]["default"] == "red"


def test_a_block_is_told_by_its_type() -> None:
    schemas = Schemas()
    schemas.of(Block, read=True)

    assert "type" in schemas.named["ImageBlock"]["required"]


def test_one_name_has_one_form() -> None:
    schemas = Schemas()
    schemas.of(Thing)

    with pytest.raises(ValueError, match="Thing"):
        schemas.of(Thing, read=True)


def test_a_docstring_speaks_in_the_words_of_the_wire() -> None:
    assert words_of(Thing) == "`usedSince`; absent: never. `other_word` is no field."
    assert words_of(Colour) == ""


def test_what_has_no_form_is_an_error() -> None:
    with pytest.raises(TypeError):
        Schemas().of(set[int])
