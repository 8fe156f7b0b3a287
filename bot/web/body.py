"""Reading a body that somebody sent: each value is fetched by its place, and an error names that place."""

import json
import math
import re
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from bot.domain.received import LONGEST_NAME, LONGEST_TEXT, clean, line, web_address
from bot.errors import BadDelivery

__all__ = [  # what a parser needs to read a text stands here too
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "clean",
    "decode",
    "kind_of",
    "labels",
    "line",
    "mapping",
    "moment",
    "not_later",
    "refuse",
    "sequence",
    "web_address",
]

MOST_LABELS = 64
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_MILLISECONDS_FROM = 1e11  # as seconds that would be the year 5138


def decode(raw: bytes) -> object:
    """The body as JSON. Raises ``BadDelivery`` saying where it stops being JSON."""
    try:
        body: object = json.loads(raw)
    except json.JSONDecodeError as wrong:
        raise BadDelivery(f"is not JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}", "$") from None
    except UnicodeDecodeError as wrong:
        raise BadDelivery(f"is not UTF-8 text (byte {wrong.start})", "$") from None
    except RecursionError:
        raise BadDelivery("is nested too deep", "$") from None
    except ValueError:
        raise BadDelivery("is not JSON: it has a number that is too long", "$") from None
    return body


def refuse(field: str, found: object, expected: str) -> NoReturn:
    """Raise ``BadDelivery`` saying what stands at the field and what should."""
    raise BadDelivery(f"found {kind_of(found)}, expected {expected}", field)


def kind_of(value: object) -> str:
    """What kind of value it is, for an error's text; texts and numbers are quoted in part."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"“{clean(value, 60)}”"
        case int() | float():
            return f"{float(value):g}" if abs(value) < 1e300 else "a very large number"  # noqa: PLR2004  # floats end soon after
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"


def mapping(value: object, field: str, expected: str = "an object") -> Mapping[str, object]:
    """The value as an object."""
    return value if isinstance(value, dict) else refuse(field, value, expected)


def sequence(value: object, field: str, expected: str = "a list") -> Sequence[object]:
    """The value as a list."""
    return value if isinstance(value, list) else refuse(field, value, expected)


def labels(value: object, field: str, first: Container[str] = ()) -> dict[str, str]:
    """An object of plain values as texts: at most 64 of them, those in ``first`` first, in the order of their names."""
    if value is None:
        return {}
    found = mapping(value, field)
    chosen = sorted(found.items(), key=lambda item: (item[0] not in first, item[0]))[:MOST_LABELS]
    read = {line(key, 100): line(one) for key, one in chosen}
    return {key: text for key, text in read.items() if key}


def moment(value: object, field: str, expected: str = "a time such as 2026-11-20T19:26:44Z") -> datetime | None:
    """A time in UTC: RFC 3339, or seconds or milliseconds since 1970. One without a zone is UTC.

    None for nothing and for a time that means nothing, such as the year 1 that Go writes for an unset one.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(field, value, expected)
    try:
        at = _since_1970(value) if isinstance(value, int | float) else _written(value)
    except OverflowError:
        return None
    except ValueError:
        refuse(field, value, expected)
    return at if at >= EARLIEST else None


def _since_1970(value: float) -> datetime:
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / 1000 if value >= _MILLISECONDS_FROM else value)


def _written(text: str) -> datetime:
    text = text.strip()
    if re.fullmatch(r"\d{9,14}(\.\d{1,9})?", text):
        return _since_1970(float(text))
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
        raise ValueError("not a time of day")
    at = datetime.fromisoformat(text.replace(":60", ":59") if re.search(r":\d\d:60(\D|$)", text) else text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def not_later(at: datetime, now: datetime) -> datetime:
    """The time, or now where a sender's clock is ahead."""
    return min(at, now)
