"""What a line of a log says, without what varies from line to line. Pure.

A line that names its place in the code (``OrderService#120``, ``order.py:88``) is known by that place: its text may
vary as it likes. Any other line is known by its words, with numbers, ids, quoted texts and bracketed values left out.
"""

import json
import re

MOST_WORDS = 14
MOST_TEXT = 1_000
PLACE = re.compile(
    r"(?:^|\s)((?:(?=[^\s#]*[A-Z])[\w$.\[\]]*[A-Za-z_$\]]#"  # order#17 is an order, OrderService#17 a line of code
    r"|[\w$.\[\]]*[A-Za-z_$\]]\.(?:py|java|go|js|ts|rb|kt|cs|cpp|c|rs|php):)\d{1,6})\b"
)
STAMP = re.compile(r"^\[?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\]?\s*")
VARIES = (
    (re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\''), "~"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}\b", re.IGNORECASE), "~"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "~"),
    (re.compile(r"(?<!\S)[^\s@]++@\S+"), "~"),
    (re.compile(r"(?<![A-Za-z\d])[+-]?\d[\w.:/+%-]*"), "~"),
    (re.compile(r"\[[^\[\]~=:]*+[~=:][^\[\]]*+(?:\]|$)"), "[~]"),
    (re.compile(r"\{[^{}~=:]*+[~=:][^{}]*+(?:\}|$)"), "{~}"),
    (re.compile(r"(?<==)[^\s,;\])}]+"), "~"),
)
SAID_IN = ("message", "msg", "log", "event", "error")
SAID_IN_PART = re.compile(rf'"({"|".join(SAID_IN)})"\s*:\s*"((?:[^"\\]|\\.)*+)')


def template(text: str) -> str:
    """The line's template: the same for lines that differ only in their values. At most a few hundred characters."""
    line = said(text)[:MOST_TEXT]
    place = PLACE.search(line[:200])
    if place:
        return place.group(1)
    for pattern, mark in VARIES:
        line = pattern.sub(mark, line)
    return " ".join(line.split()[:MOST_WORDS])[:300]


def said(text: str) -> str:
    """The line's message: of a JSON line the fields that hold it, else the line without its time."""
    if not text.startswith("{"):
        return STAMP.sub("", text)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):  # cut by its source, no JSON at all, or nested to do harm
        found = dict(SAID_IN_PART.findall(text))
        fields = {key: part.replace('\\"', '"') for key, part in found.items()}
    parts = [fields[key] for key in SAID_IN if isinstance(fields.get(key), str)]
    return " ".join(parts) if parts else text
