"""A program's arguments, taken apart as it would take them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """A program's harmless options: letters alone and with a value, long names alone and with a value."""

    alone: frozenset[str]
    valued: frozenset[str]


def options(text: str) -> Options:
    """Read ``-a -n: --all --lines:``; a colon marks the ones with a value, ``-#`` a number as an option."""
    words = text.split()
    return Options(
        frozenset(word for word in words if not word.endswith(":")),
        frozenset(word[:-1] for word in words if word.endswith(":")),
    )


@dataclass(frozen=True, slots=True)
class Parsed:
    """Arguments taken apart by ``Options``; ``odd`` is the first that is not on the list, empty when all are."""

    words: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    odd: str = ""

    def value(self, *names: str) -> str | None:
        """The last value of an option."""
        return next((value for name, value in reversed(self.values) if name in names), None)

    def has(self, *names: str) -> bool:
        """Whether one of these options is given."""
        return any(name in names for name, _ in self.values)


def parse(arguments: Sequence[str], known: Options, *, leading: bool = False) -> Parsed:
    """Take arguments apart as getopt does, clusters and ``--name=value`` included, but no abbreviations.

    An option's value that looks like another option is odd: whether it is one, programs do not agree on.
    With ``leading`` options end at the first word, as for programs that run another one.
    """
    words: list[str] = []
    values: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest:
        one = rest.pop(0)
        if one == "--":
            words += rest
            break
        if len(one) < 2 or not one.startswith("-"):  # noqa: PLR2004  # a lone dash is a word
            words.append(one)
            if leading:
                words += rest
                break
            continue
        found = _long(one, rest, known) if one.startswith("--") or one in known.alone | known.valued else None
        if found is None and not one.startswith("--"):
            found = _cluster(one, rest, known)
        if found is None:
            return Parsed(tuple(words), tuple(values), one)
        values += found
    return Parsed(tuple(words), tuple(values))


def _long(one: str, rest: list[str], known: Options) -> list[tuple[str, str]] | None:
    name, equals, value = one.partition("=")
    if name in known.valued:
        if not equals and not _is_value(rest):
            return None
        return [(name, value if equals else rest.pop(0))]
    return [(name, value)] if name in known.alone else None


def _is_value(rest: list[str]) -> bool:
    return bool(rest) and re.match(r"-[^\d]", rest[0]) is None


def _cluster(one: str, rest: list[str], known: Options) -> list[tuple[str, str]] | None:
    if re.fullmatch(r"-\d+", one) and "-#" in known.alone:
        return [("-#", one[1:])]
    found: list[tuple[str, str]] = []
    for place, letter in enumerate(one[1:], 2):
        name = f"-{letter}"
        if name in known.valued:
            value = one[place:]
            if not value and not _is_value(rest):
                return None
            return [*found, (name, value or rest.pop(0))]
        if name not in known.alone:
            return None
        found.append((name, ""))
    return found
