"""Read what a source answered. Any JSON may come: what is not as documented reads as nothing. Pure."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

LONGEST_LINE = 300
LONGEST_TEXT = 4_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# Controls, what is invisible or turns the direction of writing, halves of surrogate pairs and private characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ue000-\uf8ff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


def clean(value: str, most: int = LONGEST_TEXT) -> str:
    """A text without colours, control characters and characters that nobody sees, at most ``most`` characters long.

    Line ends and tabs stay: a stack trace is several lines.
    """
    part = value[: 4 * most].replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("", _COLOURS.sub("", part)).strip()[:most]


def line(value: object, most: int = LONGEST_LINE) -> str:
    """A text or a number on one line; empty for everything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(clean(str(value), 2 * most).split())[:most]


def table(value: object) -> Mapping[str, object]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> Iterator[Mapping[str, object]]:
    """Those of a list's items that are mappings."""
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def at(value: object, *path: str) -> object:
    """What stands in nested mappings under that path, None where there is nothing."""
    for key in path:
        value = table(value).get(key)
    return value


def number(value: object) -> float | None:
    """A finite number, also one that is written as a text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A whole number, exactly, also one that is written as a text."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,30}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: object) -> datetime | None:
    """A time as RFC 3339 writes it, in UTC; one without a zone is taken as UTC. The year 1 is Go's word for none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        known = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return known if known >= EPOCH else None


def since_epoch(microseconds: float) -> datetime | None:
    """The time that many microseconds after the beginning of 1970, None where no calendar has it."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def microseconds(moment: datetime) -> int:
    """How many microseconds after the beginning of 1970 that is, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)
