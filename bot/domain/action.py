"""The fix catalogue: typed, versioned actions, and the exact thing that a change will do."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, cast

from bot.errors import Refused

Value = str | int | float | bool
FACT = re.compile(r"\{([\w.]+)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter's schema. ``pattern`` is a regular expression for the whole text."""

    type: Literal["string", "integer", "number", "boolean"]
    description: str = ""
    pattern: str = ""
    enum: tuple[Value, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """The way back: another action of the catalogue, with parameters that may refer to this one's."""

    action: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watch:
    """An indicator that is compared before and after. ``better`` is the direction of improvement."""

    indicator: str
    better: Literal["lower", "higher"] = "lower"


@dataclass(frozen=True, slots=True)
class Verify:
    """How it is judged that a change helped: wait, then compare, and see whether the alert is over."""

    wait_seconds: float = 120.0
    metrics: tuple[Watch, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the catalogue. ``requires`` is the role that approves, ``approvals`` how many of them."""

    name: str
    version: int
    title: str
    runner: str
    targets: Mapping[str, str]
    summary: str = ""
    playbook: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    command_class: str = "changing"
    requires: str = "approver"
    approvals: int = 1
    downtime_seconds: float = 0.0
    blind: tuple[str, ...] = ()
    rollback: Rollback | None = None
    rollback_note: str = ""
    verify: Verify = field(default_factory=Verify)
    timeout_seconds: float = 300.0
    secrets: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version: ``rollback_deploy 3``."""
        return f"{self.name} {self.version}"


# A word that no program takes for an option.
PLAIN_WORD = r"(?!-)[\w.:/@+-]{1,200}"


def bind(action: Action, given: Mapping[str, Value]) -> dict[str, Value]:
    """The parameters, each checked against its schema.

    Raises ``Refused`` naming the parameter, what was given and what is expected. Nothing is coerced or escaped: a
    value that does not fit is refused.
    """
    unknown = sorted(set(given) - set(action.parameters))
    if unknown:
        raise Refused(
            f"{action.name} has no parameter {', '.join(unknown)}; it has {', '.join(action.parameters) or 'none'}."
        )
    bound: dict[str, Value] = {}
    for name, schema in action.parameters.items():
        if name not in given:
            raise Refused(f"{action.name} needs the parameter {name} ({schema.description or schema.type}).")
        bound[name] = _fit(action.name, name, schema, given[name])
    return bound


def _fit(action: str, name: str, schema: Parameter, value: Value) -> Value:
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    right = isinstance(value, kinds[schema.type]) and (schema.type == "boolean" or not isinstance(value, bool))
    if not right:
        raise Refused(
            f"{action}: {name} must be {'an' if schema.type == 'integer' else 'a'} {schema.type}, and {value!r} is not."
        )
    if schema.enum and value not in schema.enum:
        raise Refused(f"{action}: {name} must be one of {', '.join(map(str, schema.enum))}, and {value!r} is not.")
    if isinstance(value, str) and not re.fullmatch(schema.pattern or PLAIN_WORD, value):
        raise Refused(f"{action}: {name} must look like {schema.pattern or 'a plain word'}, and {value!r} does not.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise Refused(f"{action}: {name} must be a number that one can count to, and {value} is not.")
        low, high = schema.minimum, schema.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise Refused(f"{action}: {name} must be between {low} and {high}, and {value} is not.")
    return value


def fill(template: str, facts: Mapping[str, Value]) -> str:
    """The template with ``{name}`` replaced by facts. Raises ``Refused`` naming the fact that is not known."""

    def one(match: re.Match[str]) -> str:
        if match[1] not in facts:
            raise Refused(f"“{template}” needs {match[1]}, which is not known for this incident.")
        return str(facts[match[1]])

    return FACT.sub(one, template)


def exact(action: Action, parameters: Mapping[str, Value], targets: tuple[str, ...], plan: str) -> str:
    """The digest of exactly this: the whole action as catalogued, its parameters, its targets, the dry run's digest."""
    body = [action, sorted(parameters.items()), sorted(targets), plan]
    return hashlib.sha256(json.dumps(body, default=_plain, sort_keys=True).encode()).hexdigest()


def _plain(thing: object) -> object:
    if isinstance(thing, Mapping):
        return dict(thing)
    return {one.name: getattr(thing, one.name) for one in fields(cast("Any", thing))}
