"""The arithmetic of the audit chain: how a line is sealed, and how a chain is walked to find the first bad line.

Each line's hash is an HMAC-SHA256 over everything in it and the hash of the line before, so that nobody without the
key can change, insert or remove a line unseen. The head, sealed with the same key, says which line is the last, so
that taking lines off the end is seen too. What no chain can show by itself: that the whole database was put back to an
earlier copy. For that, keep the head's hash somewhere else from time to time.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.domain.journal import Entry, Line
from bot.errors import ConfigError
from storage.columns import clean

BEGINNING = "0" * 64
SHORTEST_KEY = 32
_FORM = "fettle journal 1"


@dataclass(frozen=True, slots=True)
class Record:
    """A line as it is stored: ``detail`` is the JSON text that was sealed, ``prev`` the hash of the line before."""

    seq: int
    at: datetime
    request_id: str
    thing: str
    verb: str
    actor: str
    before: str
    after: str
    reason: str
    incident: int | None
    detail: str
    prev: str
    hash: str

    @property
    def line(self) -> Line:
        """The line as the rest of Fettle knows it."""
        entry = Entry(
            self.thing,
            self.verb,
            self.actor,
            self.before,
            self.after,
            self.reason,
            self.incident,
            json.loads(self.detail),
        )
        return Line(self.seq, self.at, self.request_id, entry, self.hash)


@dataclass(frozen=True, slots=True)
class Head:
    """The last line's place and hash, sealed. ``key_print`` tells which key, without telling the key."""

    seq: int
    hash: str
    seal: str
    key_print: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Whether the audit log is as it was written. ``first_bad`` is the first line that is not, ``why`` in words."""

    lines: int
    ok: bool
    first_bad: int | None = None
    why: str = ""


def usable(key: bytes) -> bytes:
    """The key. Raises ``ConfigError`` when there is none or it is too short to protect anything."""
    if len(key) < SHORTEST_KEY:
        had = f"{len(key)} bytes long" if key else "missing"
        raise ConfigError(
            f"The key of the audit log (audit.key) is {had}; it needs {SHORTEST_KEY} random bytes or more. Put back "
            "the key that this database was begun with; only a new database may begin with a new one."
        )
    return key


def record(key: bytes, last: Head, entry: Entry, request_id: str, now: datetime) -> Record:
    """The entry as the line after ``last``."""
    texts = (entry.thing, entry.verb, entry.actor, entry.before, entry.after, entry.reason)
    thing, verb, actor, before, after, reason = (clean(str(text)) for text in texts)
    unsealed = Record(
        last.seq + 1,
        now.astimezone(UTC),
        clean(request_id),
        thing,
        verb,
        actor,
        before,
        after,
        reason,
        entry.incident,
        _canonical(entry.detail),
        last.hash,
        "",
    )
    return replace(unsealed, hash=digest(key, unsealed))


def digest(key: bytes, line: Record) -> str:
    """The hash that belongs to the line: 64 hexadecimal digits over every field but the hash itself."""
    content = [
        line.seq,
        line.at.astimezone(UTC).isoformat(timespec="microseconds"),
        line.request_id,
        line.thing,
        line.verb,
        line.actor,
        line.before,
        line.after,
        line.reason,
        line.incident,
        line.detail,
        line.prev,
    ]
    return _mac(key, _FORM, content)


def head(key: bytes, seq: int, last_hash: str) -> Head:
    """The head after that line, sealed; ``head(key, 0, BEGINNING)`` is that of an empty log."""
    return Head(seq, last_hash, _mac(key, f"{_FORM} head", [seq, last_hash]), key_print(key))


def key_print(key: bytes) -> str:
    """Sixteen hexadecimal digits that tell one key from another."""
    return _mac(key, f"{_FORM} key", [])[:16]


def same_key(key: bytes, found: Head) -> None:
    """Raise ``ConfigError`` when the log was begun with another key."""
    if not hmac.compare_digest(key_print(key), found.key_print):
        raise ConfigError(
            f"The key of the audit log (audit.key, print {key_print(key)}) is not the one that this database was "
            f"begun with (print {found.key_print}). Put the old key back: with another one nothing written before "
            "can be checked."
        )


def genuine(key: bytes, found: Head) -> bool:
    """Whether the head was sealed with the key."""
    return hmac.compare_digest(head(key, found.seq, found.hash).seal, found.seal)


class Walk:
    """Looks at one line after the other, in order, and stops at the first bad one."""

    def __init__(self, key: bytes, end: Head) -> None:
        self._key = key
        self._end = end
        self._trusted = genuine(key, end)
        self._seq = 0
        self._hash = BEGINNING
        self._lines = 0
        self._bad: AuditReport | None = None

    def step(self, line: Record) -> bool:
        """Take the next line into account. False when it is bad: the rest need not be looked at."""
        due = self._seq + 1
        self._lines += 1
        if self._trusted and line.seq > self._end.seq:
            return self._stop(line.seq, f"line {line.seq} was inserted: the last line written is {self._end.seq}")
        if line.seq > due:
            which = f"line {due} was" if line.seq == due + 1 else f"the lines {due} to {line.seq - 1} were"
            return self._stop(due, f"{which} removed")
        if line.seq < due:
            return self._stop(line.seq, f"line {line.seq} was inserted: the first line is 1")
        if not hmac.compare_digest(digest(self._key, line), line.hash):
            return self._stop(line.seq, f"line {line.seq} was changed after it was written")
        if not hmac.compare_digest(line.prev, self._hash):
            return self._stop(line.seq, f"line {line.seq} does not follow the one before: one of the two was exchanged")
        self._seq, self._hash = line.seq, line.hash
        return True

    def unreadable(self) -> None:
        """Note that the next line cannot even be read."""
        self._stop(self._seq + 1, f"line {self._seq + 1} cannot be read")

    def finish(self) -> AuditReport:
        """What the walk found, after the last line."""
        return self._bad or self._end_report()

    def _end_report(self) -> AuditReport:
        if not self._trusted:
            why = f"the head of the log, which says that line {self._end.seq} is the last, was changed"
            return AuditReport(self._lines, ok=False, first_bad=self._seq + 1, why=why)
        if self._end.seq > self._seq:
            first = self._seq + 1
            which = f"line {first} was" if first == self._end.seq else f"the lines {first} to {self._end.seq} were"
            return AuditReport(self._lines, ok=False, first_bad=first, why=f"{which} removed from the end")
        if self._hash != self._end.hash:
            why = f"line {self._seq} is not the one that was written last"
            return AuditReport(self._lines, ok=False, first_bad=self._seq, why=why)
        return AuditReport(self._lines, ok=True)

    def _stop(self, seq: int, why: str) -> bool:
        self._bad = AuditReport(self._lines, ok=False, first_bad=seq, why=why)
        return False


def _canonical(detail: Mapping[str, str | int | float | bool | None]) -> str:
    cleaned = {clean(name): clean(str(value)) if isinstance(value, str) else value for name, value in detail.items()}
    return json.dumps(cleaned, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _mac(key: bytes, form: str, content: Sequence[object]) -> str:
    text = json.dumps([form, *content], ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
