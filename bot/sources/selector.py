"""PromQL's plain selectors: a metric's name and conditions on its labels. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAME = re.compile(r"\s*([a-zA-Z_:][\w:]*)?\s*")
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')\s*')
_ESCAPES = {"n": "\n", "t": "\t"}
ONLY = (
    'the embedded recorder answers plain selectors only, such as disk_used_ratio{service="payment"}: '
    "functions, operators, ranges and offsets need Prometheus (set PROMETHEUS_URL)"
)


class NotPlain(ValueError):
    """The query is more than a plain selector. The text says so, for a person."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a label that is missing counts as empty, as in Prometheus."""

    label: str
    sign: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it."""
        actual = labels.get(self.label, "")
        same = re.fullmatch(self.value, actual) is not None if "~" in self.sign else actual == self.value
        return same is not self.sign.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """Which series are meant."""

    name: str
    matchers: tuple[Matcher, ...]

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels (and the right name) is meant."""
        return all(one.holds(labels) for one in self.matchers)


def read(query: str) -> Selector:
    """The selector that a query is. Raises ``NotPlain`` for anything else."""
    begun = _NAME.match(query)
    if begun is None or not begun[1]:
        raise NotPlain(ONLY)
    rest = query[begun.end() :]
    if not rest:
        return Selector(begun[1], ())
    if not rest.startswith("{"):
        raise NotPlain(ONLY)
    matchers, place = [], 1
    while found := _MATCHER.match(rest, place):
        matchers.append(_matcher(found[1], found[2], found[3]))
        place = found.end()
        if not rest.startswith(",", place):
            break
        place += 1
    if rest[place:].strip() != "}":
        raise NotPlain(ONLY)
    return Selector(begun[1], tuple(matchers))


def _matcher(label: str, sign: str, quoted: str) -> Matcher:
    value = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), quoted[1:-1])
    if "~" in sign:
        try:
            re.compile(value)
        except re.error as error:
            raise NotPlain(f"“{value[:80]}” is not a regular expression: {error}") from error
    return Matcher(label, sign, value)
