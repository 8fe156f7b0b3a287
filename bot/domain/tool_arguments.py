"""Whether what a model wants to give a tool fits the tool's schema. Pure.

The part of JSON Schema that a look-up needs: an object with ``properties`` and ``required``, each property a
``string``, ``integer``, ``number`` or ``boolean`` with ``description``, ``enum``, ``minimum``, ``maximum``,
``minLength``, ``maxLength`` and ``pattern`` (for the whole text). Properties that are not named are refused.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import cast

from bot.domain.model import Arguments, Tool
from bot.errors import ConfigError

LONGEST_TEXT = 1_000
LONGEST_CALL = 8_000
TOP = {"type", "properties", "required", "additionalProperties", "description"}
KEYWORDS = {"type", "description", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern"}
KINDS_IN_WORDS = {"string": "a string", "integer": "an integer", "number": "a number", "boolean": "a boolean"}
KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def checked(tool: Tool) -> Tool:
    """The tool, if its name and schema are ones that Fettle can hold a model to; else ``ConfigError``."""
    schema = tool.parameters
    where = f"tool {tool.name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", tool.name):
        raise ConfigError(f"{where}: a name is small letters, digits and _")
    if schema.get("type") != "object" or set(schema) - TOP or schema.get("additionalProperties", False) is not False:
        raise ConfigError(f"{where}: expected a closed object with properties, found {sorted(schema)}")
    properties = _properties(tool)
    for name, rule in properties.items():
        if rule.get("type") not in KINDS or set(rule) - KEYWORDS:
            raise ConfigError(f"{where}, {name}: found {sorted(rule)}; expected a type of {', '.join(KINDS)}")
    unknown = set(cast("list[str]", schema.get("required", []))) - set(properties)
    if unknown:
        raise ConfigError(f"{where}: requires {', '.join(sorted(unknown))}, which it does not describe")
    return tool


def fit(tool: Tool, written: str) -> Arguments | str:
    """The arguments that a model wrote as JSON, or what is wrong with them, in words that the model can act on."""
    if len(written) > LONGEST_CALL:
        return f"the arguments have {len(written)} characters, more than {LONGEST_CALL}"
    try:
        found = json.loads(written or "{}")
    except (ValueError, RecursionError):
        return "the arguments are not JSON"
    if not isinstance(found, dict):
        return "the arguments are not a JSON object"
    properties = _properties(tool)
    unknown = sorted(set(found) - set(properties))
    if unknown:
        return f"there is no argument {', '.join(unknown)[:100]}; there are {', '.join(properties) or 'none'}"
    missing = [name for name in cast("list[str]", tool.parameters.get("required", [])) if found.get(name) is None]
    if missing:
        return f"{', '.join(missing)} is missing"
    given = {name: value for name, value in found.items() if value is not None}
    return next((wrong for name, value in given.items() if (wrong := _wrong(name, properties[name], value))), given)


def _properties(tool: Tool) -> Mapping[str, Mapping[str, object]]:
    return cast("Mapping[str, Mapping[str, object]]", tool.parameters.get("properties", {}))


def _wrong(name: str, rule: Mapping[str, object], value: object) -> str:
    kind = str(rule["type"])
    if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"{name} must be {KINDS_IN_WORDS[kind]}"
    choices = cast("list[object]", rule.get("enum", []))
    if choices and value not in choices:
        return f"{name} must be one of {', '.join(map(str, choices))}"
    if isinstance(value, str):
        longest = int(cast("int", rule.get("maxLength", LONGEST_TEXT)))
        if len(value) > longest:
            return f"{name} must have at most {longest} characters"
        if len(value) < int(cast("int", rule.get("minLength", 0))):
            return f"{name} must have at least {rule['minLength']} characters"
        pattern = str(rule.get("pattern", ""))
        return f"{name} must match {pattern}" if pattern and not re.fullmatch(pattern, value) else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = (
            float(cast("float", rule.get(key, end))) for key, end in (("minimum", -math.inf), ("maximum", math.inf))
        )
        if not low <= value <= high or not math.isfinite(value):
            return f"{name} must be from {low:g} to {high:g}"
    return ""
