"""The most telling words of a section, copied exactly. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from knowledge.prose import sentences
from knowledge.words import stems

LONGEST = 320
# "Do one of these:" announces what to do and does not say it.
ANNOUNCES = 0.5


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a section and where in its text they begin."""

    text: str
    start: int


def telling(text: str, weights: Mapping[str, float]) -> Quote:
    """The one or two sentences of ``text`` that hold most of the weighted words, at most about 320 characters.

    A list item is quoted without its marker. Headings, comments and code are quoted only where there is nothing else.
    """
    spans = sentences(text)
    if not spans:
        bare = re.search(r"\S.*", text, re.DOTALL)
        start = bare.start() if bare else 0
        return Quote(_cut(text[start:]), start)
    worth = [_worth(text[start:end], weights) for start, end in spans]
    best = max(range(len(spans)), key=lambda index: (worth[index], -index))
    start, end = spans[best]
    following = spans[best + 1 : best + 2]
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
    worth = sum(weights.get(word, 0.0) for word in set(words)) / math.sqrt(8 + len(words))
    return worth * ANNOUNCES if sentence.endswith(":") else worth


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text.rstrip()
    return text[:LONGEST].rsplit(None, 1)[0].rstrip()
