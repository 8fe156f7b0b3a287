"""The last look at what leaves for Slack, whoever made it. Pure.

Views escape what comes from outside and hide what looks like a secret. This holds where one forgets, and does what
no view can: no secret of Fettle's own leaves, nothing calls a whole channel or group, and what notifications say
mentions and links nothing that the message itself does not.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.domain.redaction import HIDDEN, without_secrets

_BROADCAST = re.compile(r"<\s*!\s*(channel|here|everyone|subteam)\b[^<>]*>", re.IGNORECASE)
_CALLING = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_MARKUP = re.compile(r"<([^<>]*)>")
_DATE = re.compile(r"!date\^\d+\^")
_STRAY = re.compile(r"&(?!(?:amp|lt|gt);)")
_READ = frozenset({"text", "alt_text", "title", "initial_value"})

Block = Mapping[str, Any]


class LastLook:
    """Makes texts and blocks fit to leave. ``conceal`` takes Fettle's own secrets out of a text."""

    def __init__(self, conceal: Callable[[str], str]) -> None:
        self._conceal = conceal

    def text(self, words: str, blocks: Sequence[Block]) -> str:
        """A message's own text. Where it has blocks, that text is what notifications say."""
        words = self._quiet(words)
        if not blocks:
            return words
        stands = {markup for text in _texts(blocks) for markup in _MARKUP.findall(text)}
        told, end = "", 0
        for found in _MARKUP.finditer(words):
            keeps = found[1] in stands or _DATE.match(found[1])
            told += _escaped(words[end : found.start()]) + (found[0] if keeps else _escaped(_said(found[1])))
            end = found.end()
        return without_secrets(told + _escaped(words[end:]))

    def blocks(self, blocks: Sequence[Block]) -> list[dict[str, Any]]:
        """A message's blocks."""
        return [self.part(block) for block in blocks]

    def part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """A view, a block, or what is in one."""
        return {name: self._value(name, value) for name, value in part.items()}

    def _value(self, name: str, value: object) -> object:
        match value:
            case str() if name == "initial_value":
                return without_secrets(self._conceal(value))
            case str():
                return self._quiet(value) if name in _READ else value
            case Mapping():
                return self.part(value)
            case list() | tuple():
                return [self._value("", one) for one in value]
            case _:
                return value

    def _quiet(self, words: str) -> str:
        """The words without secrets of our own, calling nobody; not longer than before, where Slack has a limit."""
        told = _BROADCAST.sub(lambda found: f"@{found[1].lower()}", self._conceal(words))
        told = _CALLING.sub("@\u2060", told)
        return told if len(told) <= len(words) else told.replace(HIDDEN, "[…]")


def _texts(part: object) -> Iterator[str]:
    """Every text in blocks."""
    match part:
        case Mapping():
            for name, value in part.items():
                if name == "text" and isinstance(value, str):
                    yield value
                else:
                    yield from _texts(value)
        case list() | tuple():
            for one in part:
                yield from _texts(one)


def _said(markup: str) -> str:
    """What a person reads of some markup, without what it does."""
    return markup.rpartition("|")[2] or markup


def _escaped(text: str) -> str:
    return _STRAY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
