"""How several signals become one order. Pure.

Each signal scores the candidates on a scale of its own; their z-scores make the scales comparable, and a weighted sum
joins them. A document that a signal did not bring is given the lowest score that it did bring. The weights are round
numbers from the middle of a wide plateau, chosen on 106 real alerts with 108 pages: any of them may be halved without
losing more than three alerts. Equal weights put five pages in a hundred fewer first; weights learnt without a page's
own alerts (``tests/benchmarks/retrieval.py --left-out``) two. Reciprocal ranks, clipped z-scores, metrics' whole names
looked for in pages, titles compared line by line, and a whole PromQL expression in the question did no better.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

# page: BM25 over a document's fields; section: the best section's BM25; meaning: the best section's cosine;
# title_meaning: the title's cosine; title_words: how much of the title's rare words the question has; pairs: BM25 of
# neighbouring words; metrics: words of the expression's metric names in title and folder.
WEIGHTS = {
    "page": 0.7,
    "section": 0.4,
    "meaning": 1.5,
    "title_meaning": 0.8,
    "title_words": 1.0,
    "pairs": 0.4,
    "metrics": 1.5,
}
# These say nothing about a document they do not know; the others know their best fifty only.
ABSENT_IS_ZERO = frozenset({"title_words", "pairs", "metrics"})

FEW = 50

Signal = Mapping[int, float]


def ranked(candidates: Collection[int], signals: Mapping[str, Signal]) -> list[tuple[int, float]]:
    """The candidates with their joined score, best first; equal ones in order of their number."""
    order = sorted(candidates)
    total = np.zeros(len(order))
    for name, values in scaled(order, signals).items():
        total += WEIGHTS[name] * values
    return sorted(zip(order, total.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))


def scaled(order: Sequence[int], signals: Mapping[str, Signal]) -> dict[str, npt.NDArray[np.float64]]:
    """Each signal's scores for the candidates in ``order``, as z-scores; a signal that says nothing is left out."""
    found = {}
    for name, signal in signals.items():
        if not signal:
            continue
        floor = 0.0 if name in ABSENT_IS_ZERO else min(signal.values())
        values = np.array([signal.get(candidate, floor) for candidate in order])
        spread = values.std()
        if spread > 1e-9:  # noqa: PLR2004 - less than this is rounding
            found[name] = (values - values.mean()) / spread
    return found


def rarity(documents_with_word: int, documents: int) -> float:
    """How much a word tells: BM25's inverse document frequency, never negative.

    With few documents a word's absence says little, so at least fifty are assumed.
    """
    return math.log(1 + (max(documents, FEW) - documents_with_word + 0.5) / (documents_with_word + 0.5))


def share(words: Collection[str], among: Collection[str], weight: Mapping[str, float]) -> float:
    """The share of ``words``, each with its weight, that is ``among`` the others; 0 when they weigh nothing."""
    total = sum(weight.get(word, 0.0) for word in words)
    return sum(weight.get(word, 0.0) for word in words if word in among) / total if total else 0.0
