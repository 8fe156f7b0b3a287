"""Reading one mapping of a configuration by its keys: what does not fit is noted with its line, and reading goes on."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

import yaml

from bot.domain.action import Value
from bot.schema.document import Spot, scalar

C = TypeVar("C", bound=str)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
LONGEST_TEXT = 4000
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
TAGS = {"str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value"}


def near(word: str, known: Iterable[str]) -> str:
    """``; did you mean “x”?`` where a known word is close, else the known words, else nothing."""
    words = list(known)
    close = difflib.get_close_matches(word, words, 1, 0.6)
    if close:
        return f"; did you mean “{close[0]}”?"
    return f"; known: {', '.join(sorted(words)[:20])}" if words else ""


def what(node: yaml.Node) -> str:
    """What stands there, for an error's text."""
    if isinstance(node, yaml.ScalarNode):
        text = node.value if len(node.value) <= 60 else node.value[:59] + "…"  # noqa: PLR2004  # one line's worth
        return "nothing" if node.tag.endswith(":null") else f"“{text}”"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


class Table:
    """One mapping. ``path`` says in words where it is (``steps[2].expect``).

    Each reader gives the value under a key, or the default when there is none or it does not fit. ``done`` notes every
    key that nothing asked for.
    """

    def __init__(self, node: yaml.Node, spot: Spot, path: str = "") -> None:
        self.spot, self.path = spot.at(node), path
        self._asked: set[str] = set()
        self._nodes: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        self.right = isinstance(node, yaml.MappingNode)
        if not isinstance(node, yaml.MappingNode):
            self.spot.error(f"{path or 'the file'}: found {what(node)}, expected a mapping")
            return
        for key, value in node.value:
            where = spot.at(key)
            if not isinstance(key, yaml.ScalarNode):
                where.error(f"{self._name('')}found {what(key)} as a key, expected a word")
            elif key.value in self._nodes:
                line = self._nodes[key.value][0].start_mark.line + 1
                where.error(f"{self._name(key.value)} stands here a second time, after line {line}")
            else:
                self._nodes[key.value] = (key, value)

    def __contains__(self, key: str) -> bool:
        return self._node(key) is not None

    def place(self, key: str = "") -> Spot:
        """Where the value under the key begins; the mapping itself where there is none."""
        return self.spot.at(self._nodes[key][1]) if key in self._nodes else self.spot

    def text(
        self,
        key: str,
        default: str = "",
        *,
        must: bool = False,
        pattern: str = "",
        like: str = "",
        most: int = LONGEST_TEXT,
    ) -> str:
        """A text, as it is written. ``pattern`` must match all of it; ``like`` says in words what is expected."""
        node = self._node(key, must=must)
        return default if node is None else self._text(node, self._name(key), pattern, like, most) or default

    def name(self, key: str, default: str = "", *, must: bool = False) -> str:
        """A short name without spaces."""
        return self.text(key, default, must=must, pattern=NAME, like="a name of letters, digits, _ . and -")

    def choice(self, key: str, choices: Sequence[C], default: C, *, must: bool = False) -> C:
        """One of the words."""
        text = self.text(key, must=must)
        for one in choices:
            if text == one:
                return one
        if text:
            self.place(key).error(f"{self._name(key)}: found “{text}”{self._expected(text, choices)}")
        return default

    def number(
        self, key: str, default: float, *, least: float | None = None, most: float | None = None, must: bool = False
    ) -> float:
        """A number within the bounds, both included."""
        return self.maybe_number(key, least=least, most=most, must=must, default=default) or 0.0

    def maybe_number(
        self,
        key: str,
        *,
        least: float | None = None,
        most: float | None = None,
        must: bool = False,
        default: float | None = None,
    ) -> float | None:
        """A number within the bounds, or None where there is none."""
        node = self._node(key, must=must)
        if node is None:
            return default
        value = self._scalar(node, key)
        if isinstance(value, int | float) and not isinstance(value, bool) and _within(value, least, most):
            return float(value)
        self.spot.at(node).error(f"{self._name(key)}: found {what(node)}, expected a number{_bounds(least, most)}")
        return default

    def whole(
        self, key: str, default: int, *, least: int | None = None, most: int | None = None, must: bool = False
    ) -> int:
        """A whole number within the bounds, both included."""
        node = self._node(key, must=must)
        if node is None:
            return default
        value = self._scalar(node, key)
        if isinstance(value, int) and not isinstance(value, bool) and _within(value, least, most):
            return value
        self.spot.at(node).error(
            f"{self._name(key)}: found {what(node)}, expected a whole number{_bounds(least, most)}"
        )
        return default

    def maybe_flag(self, key: str, *, default: bool | None = None) -> bool | None:
        """True or false; the default where nothing stands there."""
        node = self._node(key)
        if node is None:
            return default
        value = self._scalar(node, key)
        if not isinstance(value, bool):
            self.spot.at(node).error(f"{self._name(key)}: found {what(node)}, expected true or false")
            return default
        return value

    def seconds(self, key: str, default: float, *, least: float = 0.0, most: float = 30 * 86400.0) -> float:
        """A length of time in seconds, written as a number of seconds or as ``90s``, ``10m``, ``2h``, ``1d``."""
        node = self._node(key)
        if node is None:
            return default
        match = (
            re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", node.value) if isinstance(node, yaml.ScalarNode) else None
        )
        value = float(match[1]) * SECONDS[match[2] or "s"] if match else -1.0
        if not least <= value <= most:
            self.spot.at(node).error(
                f"{self._name(key)}: found {what(node)}, expected a length of time such as 90s, 10m or 2h,"
                f" from {least:.12g} to {most:.12g} seconds"
            )
            return default
        return value

    def time(self, key: str) -> datetime | None:
        """A point in time, in UTC; one without a zone is UTC already."""
        node = self._node(key, must=True)
        if node is None:
            return None
        try:
            return _moment(scalar(node))
        except (ValueError, OverflowError):
            self.spot.at(node).error(
                f"{self._name(key)}: found {what(node)}, expected a time such as 2026-11-20T19:26:00Z"
            )
            return None

    def texts(self, key: str, default: tuple[str, ...] = (), *, pattern: str = "", like: str = "") -> tuple[str, ...]:
        """A list of texts; a single one may stand without brackets."""
        return tuple(text for text, _ in self.spotted(key, pattern=pattern, like=like)) if key in self else default

    def spotted(self, key: str, *, pattern: str = "", like: str = "") -> list[tuple[str, Spot]]:
        """A list of texts, each with its place."""
        node = self._node(key)
        if node is None:
            return []
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        read = [(self._text(one, self._name(key), pattern, like, LONGEST_TEXT), self.spot.at(one)) for one in nodes]
        return [(text, spot) for text, spot in read if text]

    def values(self, key: str) -> tuple[Value, ...]:
        """A list of plain values."""
        node = self._node(key)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.spot.at(node).error(f"{self._name(key)}: found {what(node)}, expected a list")
            return ()
        values = [(one, self._scalar(one, key)) for one in node.value]
        for one, value in values:
            if not isinstance(value, str | int | float):
                self.spot.at(one).error(
                    f"{self._name(key)}: found {what(one)}, expected a text, a number, true or false"
                )
        return tuple(value for _, value in values if isinstance(value, str | int | float))

    def value(self, key: str) -> Value | None:
        """A plain value: a text, a number, true or false."""
        node = self._node(key)
        if node is None:
            return None
        value = self._scalar(node, key)
        if isinstance(value, str | int | float):
            return value
        self.spot.at(node).error(f"{self._name(key)}: found {what(node)}, expected a text, a number, true or false")
        return None

    def table(self, key: str, *, must: bool = False) -> "Table | None":
        """The mapping under the key."""
        node = self._node(key, must=must)
        if node is None:
            return None
        table = Table(node, self.spot, self._name(key))
        return table if table.right else None

    def is_mapping(self, key: str) -> bool:
        """Whether a mapping stands under the key."""
        return isinstance(self._node(key), yaml.MappingNode)

    def tables(self, key: str, *, must: bool = False) -> list["Table"]:
        """The list of mappings under the key."""
        node = self._node(key, must=must)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.spot.at(node).error(f"{self._name(key)}: found {what(node)}, expected a list")
            return []
        found = [Table(one, self.spot, f"{self._name(key)}[{i}]") for i, one in enumerate(node.value)]
        return [table for table in found if table.right]

    def each(self, pattern: str = NAME) -> Iterator[tuple[str, "Table"]]:
        """Every key with the mapping under it, for a mapping whose keys are names."""
        for key, node in self._every(pattern):
            empty = isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")
            table = Table(yaml.MappingNode("tag:yaml.org,2002:map", [], node.start_mark), self.spot, self._name(key))
            table = table if empty else Table(node, self.spot, self._name(key))
            if table.right:
                yield key, table

    def words(self, pattern: str = NAME) -> dict[str, str]:
        """Every key with the text under it, for a mapping whose keys are names."""
        read = {key: self._text(node, self._name(key), "", "", LONGEST_TEXT) for key, node in self._every(pattern)}
        return {key: text for key, text in read.items() if text is not None}

    def plain(self, pattern: str = NAME) -> dict[str, str | int]:
        """Every key with the text or whole number under it, for a mapping whose keys are names."""
        found: dict[str, str | int] = {}
        for key, node in self._every(pattern):
            value = self._scalar(node, key)
            if isinstance(value, int) and not isinstance(value, bool):
                found[key] = value
            elif (text := self._text(node, self._name(key), "", "", LONGEST_TEXT)) is not None:
                found[key] = text
        return found

    def keys(self) -> tuple[str, ...]:
        """Every key that stands there."""
        return tuple(self._nodes)

    def done(self) -> None:
        """Note every key that nothing asked for."""
        for key, (node, _) in self._nodes.items():
            if key not in self._asked:
                self.spot.at(node).error(f"{self._name(key)} is not a key that is known here{near(key, self._asked)}")

    def _every(self, pattern: str) -> Iterator[tuple[str, yaml.Node]]:
        for key, (node, value) in self._nodes.items():
            self._asked.add(key)
            if re.fullmatch(pattern, key):
                yield key, value
            else:
                self.spot.at(node).error(f"{self._name(key)}: expected a name of letters, digits, _ . and -")

    def _node(self, key: str, *, must: bool = False) -> yaml.Node | None:
        self._asked.add(key)
        found = self._nodes.get(key)
        empty = found is None or (isinstance(found[1], yaml.ScalarNode) and found[1].tag.endswith(":null"))
        if empty and must:
            self.place(key).error(f"{self._name(key)} is missing{self._misspelt(key)}")
        return None if found is None or empty else found[1]

    def _misspelt(self, key: str) -> str:
        close = difflib.get_close_matches(key, [one for one in self._nodes if one not in self._asked], 1, 0.75)
        return f"; is “{close[0]}” meant to be it?" if close else ""

    def _text(self, node: yaml.Node, name: str, pattern: str, like: str, most: int) -> str | None:
        where = self.spot.at(node)
        if not isinstance(node, yaml.ScalarNode) or node.tag.rpartition(":")[2] not in TAGS:
            where.error(f"{name}: found {what(node)}, expected {like or 'a text'}")
            return None
        if len(node.value) > most:
            where.error(f"{name} has {len(node.value)} characters, expected at most {most}")
            return None
        if pattern and not re.fullmatch(pattern, node.value):
            where.error(f"{name}: found {what(node)}, expected {like or f'a text like {pattern}'}")
            return None
        return str(node.value)

    def _scalar(self, node: yaml.Node, key: str) -> object:
        if not isinstance(node, yaml.ScalarNode):
            return None
        try:
            return scalar(node)
        except ValueError:
            self.spot.at(node).error(f"{self._name(key)}: {what(node)} cannot be read as its own kind of value")
            return None

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else key or (f"{self.path}: " if self.path else "")

    @staticmethod
    def _expected(text: str, choices: Sequence[str]) -> str:
        close = difflib.get_close_matches(text, choices, 1, 0.6)
        meant = f"; did you mean “{close[0]}”?" if close else ""
        return f", expected one of {', '.join(choices)}{meant}"


def _within(value: float, least: float | None, most: float | None) -> bool:
    return math.isfinite(value) and (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    if least is not None:
        return f" of at least {least:g}"
    return f" of at most {most:g}" if most is not None else ""


def _moment(value: object) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        raise ValueError("a day, not a time")  # noqa: TRY004  # the caller tells about it like about any other value
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
