"""What is the same for every source of logs: how grave a line calls itself, and reading back page by page."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.domain.observed import Level, LogLine

LEVEL_NAMES = ("detected_level", "level", "severity", "severity_text", "loglevel", "log_level", "lvl", "levelname")
LOOKED_AT = 400

_WORDS = {
    **dict.fromkeys(
        "alert crit critical emerg emergency err error fatal panic severe dpanic failure e f".split(), Level.ERROR
    ),
    **dict.fromkeys("warn warning w".split(), Level.WARNING),
    **dict.fromkeys(
        "debug fine finer finest info information informational notice trace verbose i d".split(), Level.INFO
    ),
}
# "level":"error" of JSON, level=error of logfmt.
_FIELD = re.compile(
    r"(?<![\w.])\\?[\"']?(?:log\.)?(?:level|severity|severity_text|loglevel|log_level|lvl|levelname)"
    r"\\?[\"']?\s*[=:]\s*\\?[\"']?(\w+)",
    re.IGNORECASE,
)
_WORD = re.compile(
    r"(?:^|[\s\[|(<:])(FATAL|PANIC|EMERG(?:ENCY)?|ALERT|CRIT(?:ICAL)?|SEVERE|ERR(?:OR)?|WARN(?:ING)?|NOTICE|INFO|DEBUG|TRACE)"
    r"(?=[\s\]|)>:,;]|$)"
)
_KLOG = re.compile(r"([FEWI])\d{4} \d\d:\d\d:\d\d")
_NUMBERED_ERROR, _NUMBERED_WARNING, _NUMBERED_INFO = 50, 40, 10  # as pino and bunyan number them


@dataclass(frozen=True, slots=True)
class Row:
    """An entry with its place in the source's own order of time, and what makes it this one.

    ``line`` is None where the entry has no text: it counts for the page's size and for nothing else.
    """

    place: int
    identity: str
    line: LogLine | None


def level_named(word: str) -> Level:
    """The level that a word or a number (50 and more: error) means."""
    known = _WORDS.get(word.strip().lower())
    if known is None and word.isdecimal() and len(word) == len(str(_NUMBERED_INFO)):
        value = int(word)
        if value >= _NUMBERED_ERROR:
            return Level.ERROR
        if value >= _NUMBERED_WARNING:
            return Level.WARNING
        return Level.INFO
    return known or Level.OTHER


def level_of(words: Iterable[str], text: str) -> Level:
    """How grave a line calls itself: by what the source says of it, else by what stands near its beginning."""
    for word in words:
        level = level_named(word)
        if level is not Level.OTHER:
            return level
    head = text[:LOOKED_AT]
    field = _FIELD.search(head)
    if field and level_named(field[1]) is not Level.OTHER:
        return level_named(field[1])
    found = _KLOG.match(head) or _WORD.search(head)
    return level_named(found[1]) if found else Level.OTHER


async def newest(
    limit: int, page: int, last: int, step: int, ask: Callable[[int, int], Awaitable[Sequence[Row]]]
) -> tuple[LogLine, ...]:
    """The newest ``limit`` lines, oldest first, read backwards in pages of at most ``page`` entries.

    ``ask`` gives the newest entries until a place, both included, at most so many of them. Entries at the place where
    one page ends come again with the next and are told apart by their identity. ``step`` is how far apart
    two places are at least: where one place holds more entries than a page, reading moves on by that.
    """
    found: dict[str, Row] = {}
    lines = 0
    while lines < limit:
        size = page if found else min(page, limit)
        rows = await ask(last, size)
        known = len(found)
        found.update((row.identity, row) for row in rows)
        lines = sum(row.line is not None for row in found.values())
        if len(rows) < size:
            break
        oldest = min(row.place for row in rows)
        last = min(oldest, last) - (step if len(found) == known else 0)
    ordered = sorted(found.values(), key=lambda row: row.place)
    return tuple(row.line for row in ordered if row.line is not None)[-limit:]
