from collections.abc import Sequence

import pytest

from bot.domain.model import Arguments, Piece, Tool
from bot.domain.tool_arguments import checked, fit
from bot.errors import ConfigError


async def look(_: Arguments) -> Sequence[Piece]:
    return ()


SCHEMA = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "pattern": r"[a-z ]+", "minLength": 2, "maxLength": 20, "description": "what"},
        "minutes": {"type": "integer", "minimum": 1, "maximum": 60},
        "ratio": {"type": "number"},
        "kind": {"type": "string", "enum": ["metrics", "logs"]},
        "exact": {"type": "boolean"},
    },
    "required": ["query"],
}
TOOL = Tool("search", "Searches.", SCHEMA, look)


@pytest.mark.parametrize(
    "written",
    [
        '{"query": "pool"}',
        '{"query": "pool", "minutes": 60, "ratio": 0.5, "kind": "logs", "exact": true}',
        '{"query": "pool", "ratio": 2}',
    ],
)
def test_arguments_that_fit_are_taken_as_they_are(written: str) -> None:
    found = fit(checked(TOOL), written)
    assert not isinstance(found, str)
    assert found["query"] == "pool"


def test_a_null_is_an_argument_left_out() -> None:
    assert fit(TOOL, '{"query": "pool", "minutes": null}') == {"query": "pool"}


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("", "query is missing"),
        ("nonsense", "not JSON"),
        ("[" * 7_000, "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"query": null}', "query is missing"),
        ('{"query": ["pool"]}', "query must be a string"),
        ('{"query": "pool; rm -rf"}', "query must match"),
        ('{"query": "aaaaaaaaaaaaaaaaaaaaa"}', "at most 20 characters"),
        ('{"query": "a"}', "at least 2 characters"),
        ('{"query": "pool", "minutes": 0}', "minutes must be from 1 to 60"),
        ('{"query": "pool", "minutes": 1.5}', "minutes must be an integer"),
        ('{"query": "pool", "minutes": true}', "minutes must be an integer"),
        ('{"query": "pool", "ratio": NaN}', "ratio must be from"),
        ('{"query": "pool", "ratio": Infinity}', "ratio must be from"),
        ('{"query": "pool", "kind": "actions"}', "one of metrics, logs"),
        ('{"query": "pool", "exact": "yes"}', "exact must be a boolean"),
        ('{"query": "pool", "run": "x"}', "there is no argument run"),
    ],
)
def test_arguments_that_do_not_fit_are_named(written: str, wrong: str) -> None:
    found = fit(TOOL, written)
    assert isinstance(found, str)
    assert wrong in found


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("Run Action", SCHEMA),
        ("search", {"type": "string"}),
        ("search", {**SCHEMA, "additionalProperties": True}),
        ("search", {**SCHEMA, "anyOf": []}),
        ("search", {**SCHEMA, "properties": {"query": {"type": "array"}}}),
        ("search", {**SCHEMA, "properties": {"query": {"type": "string", "format": "uri"}}}),
        ("search", {**SCHEMA, "required": ["other"]}),
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused(name: str, schema: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"tool {name}"):
        checked(Tool(name, "x", schema, look))
