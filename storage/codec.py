"""How things are written down: JSON that a person can read, and from which exactly the same thing comes back.

Nothing in stored text is executed or imported: a tag must be one of the names that are known here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from bot.domain.approval import Approval
from bot.domain.cause import Search
from bot.domain.change import Change
from bot.domain.effects import Effect, Later
from bot.domain.events import every_event
from bot.domain.guide import GuideRun
from bot.domain.incident import Alert, Incident, Mute
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.passage import Document
from bot.domain.policy import Automation
from bot.domain.signal import Signal
from bot.domain.troubleshooting import Session
from bot.domain.unanswered import Unanswered
from bot.errors import FettleError
from storage.columns import clean

T = TypeVar("T")

THINGS: tuple[type, ...] = (
    Incident,
    Alert,
    Mute,
    Search,
    GuideRun,
    Change,
    Approval,
    Automation,
    Session,
    Unanswered,
)


class Unreadable(FettleError):
    """What is stored cannot be read as what it should be."""


def encode(thing: object) -> str:
    """The thing as JSON. Raises ``TypeError`` when a field holds something else than it declares."""
    return _text(thing, type(thing))


def decode(kind: type[T], text: str) -> T:
    """What ``encode`` was given. Raises ``Unreadable`` naming the field that does not fit."""
    try:
        found: T = _adapter(kind).validate_json(f"[{text}]")[0]  # type: ignore[arg-type]  # mypy does not see that a class is hashable
    except ValidationError as error:
        raise Unreadable(_complaint(kind.__name__, error)) from error
    return found


def pack(thing: object) -> dict[str, Any]:
    """``{"type": its type's name, "body": …}`` in plain JSON values.

    Raises ``TypeError`` for a type that is not known here, and as ``encode`` does.
    """
    kind = type(thing)
    if _kinds().get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} is neither a thing nor an event nor an effect that can be stored.")
    body = json.loads(_text(thing, kind))
    if isinstance(thing, Later):
        body["event"] = pack(thing.event)
    return {"type": kind.__name__, "body": body}


def unpack(packed: object) -> Any:  # noqa: ANN401  # whichever type the tag names
    """What ``pack`` was given. Raises ``Unreadable``."""
    if not isinstance(packed, Mapping):
        raise Unreadable(f"A stored thing should be an object with type and body, not {type(packed).__name__}.")
    name, body = str(packed.get("type")), packed.get("body")
    kind = _kinds().get(name)
    if kind is None:
        raise Unreadable(
            f"{name} is not a type that this version of Fettle can store; a newer version may have written it."
        )
    try:
        if kind is Later and isinstance(body, dict):
            due = _adapter(datetime).validate_json(json.dumps([body["due"]]))[0]
            return Later(body["key"], due, unpack(body["event"]))
        return _adapter(kind).validate_json(json.dumps([body]))[0]
    except (ValidationError, KeyError) as error:
        raise Unreadable(_complaint(name, error)) from error


def encode_outcome(outcome: Outcome) -> str:
    """Everything that a handler decided, as JSON, so that it can be written down before it is committed."""
    parts = {
        "save": [pack(one) for one in outcome.save],
        "journal": [pack(one) for one in outcome.journal],
        "effects": [pack(one) for one in outcome.effects],
        "emit": [pack(one) for one in outcome.emit],
        "placed": list(outcome.placed),
    }
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def decode_outcome(text: str) -> Outcome:
    """What ``encode_outcome`` was given. Raises ``Unreadable``."""
    try:
        parts = json.loads(text)
        some: dict[str, Sequence[Any]] = {part: parts[part] for part in (field.name for field in fields(Outcome))}
    except (ValueError, KeyError) as error:
        raise Unreadable(f"A stored outcome cannot be read: {error!r}.") from error
    return Outcome(
        tuple(map(unpack, some["save"])),
        tuple(map(unpack, some["journal"])),
        tuple(map(unpack, some["effects"])),
        tuple(map(unpack, some["emit"])),
        tuple(some["placed"]),
    )


def _kinds() -> Mapping[str, type]:
    known = {kind.__name__: kind for kind in (*THINGS, Signal, Entry, Document, *get_args(Effect))}
    return {**known, **every_event()}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401  # a class or a generic alias
    # A dataclass takes the configuration of what it stands in, so each stands in a tuple of one. Without "constants"
    # a NaN from a metric would come back as None.
    try:
        return TypeAdapter(tuple[kind], config=ConfigDict(ser_json_inf_nan="constants"))
    except PydanticSchemaGenerationError as error:
        raise TypeError(f"{kind} cannot be stored: {error}") from error


def _text(thing: object, kind: type) -> str:
    adapter = _adapter(kind)
    try:
        return adapter.dump_json((thing,), warnings="error").decode()[1:-1]
    except PydanticSerializationError as error:
        if "surrogates not allowed" not in str(error):
            raise TypeError(f"A {kind.__name__} cannot be stored as it is: {error}") from error
    plain = _cleaned(adapter.dump_python((thing,), mode="json", warnings="error")[0])
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _cleaned(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value


def _complaint(name: str, error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"][1:])) or "the whole"
        return f"A stored {name} cannot be read: {place}: {first['msg']}."
    return f"A stored {name} cannot be read: {error!r}."
