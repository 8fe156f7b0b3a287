"""The most telling words of a section, copied exactly. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from knowledge.words import stems

LONGEST = 320
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?(?:^\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_NOT_PROSE = re.compile(
    r"<!--.*?-->|^#{1,6}[ \t][^\n]*$|^(?:=+|-+)[ \t]*$|^\|?[ \t:|-]+\|[ \t:|-]*$", re.DOTALL | re.MULTILINE
)
_SENTENCE = re.compile(r"[^\s].*?(?:[.!?:](?=[\s)*_\"']|\Z)|(?=\n\s*(?:\n|[-*+] |\d+[.)] ))|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a section and where in its text they begin."""

    text: str
    start: int


def telling(text: str, weights: Mapping[str, float]) -> Quote:
    """The one or two sentences of ``text`` that hold most of the weighted words, at most about 320 characters.

    Headings, comments and code are quoted only where there is nothing else.
    """
    prose = _NOT_PROSE.sub(_blank, _FENCE.sub(_blank, text))
    sentences = [found.span() for found in _SENTENCE.finditer(prose) if re.search(r"\w", found.group())]
    if not sentences:
        bare = re.search(r"\S.*", text, re.DOTALL)
        start = bare.start() if bare else 0
        return Quote(_cut(text[start:]), start)
    worth = [_worth(prose[start:end], weights) for start, end in sentences]
    best = max(range(len(sentences)), key=lambda index: (worth[index], -index))
    start, end = sentences[best]
    following = sentences[best + 1 : best + 2]
    if (
        following
        and following[0][1] - start <= LONGEST
        and re.fullmatch(r"[ \t]*\n?[ \t]*", text[end : following[0][0]])
    ):
        end = following[0][1]
    return Quote(_cut(text[start:end]), start)


def _worth(sentence: str, weights: Mapping[str, float]) -> float:
    words = stems(sentence)
    # A long sentence holds more words by chance alone.
    return sum(weights.get(word, 0.0) for word in set(words)) / math.sqrt(8 + len(words))


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text.rstrip()
    return text[:LONGEST].rsplit(None, 1)[0].rstrip()
