"""Whether a sentence that a model wrote may be shown: it rests on evidence, or it is not shown. Pure.

What is checked can be checked word for word. A sentence must name evidence that exists, and every address, every
mark of personal data, and every figure in it must stand in that evidence (a figure may also stand in the question),
and it must be about the same things: some of its words are the evidence's, too. Whether the evidence really says so
is for the reader to see, who finds it beside the sentence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.claims import Claim
from bot.domain.model import LONGEST_SENTENCE, Sentence
from bot.domain.redaction import marks_in, visible

_PING = re.compile(r"<\s*(?:!|@[UWB]|#C)|&lt;\s*!|@(?:here|channel|everyone)\b", re.IGNORECASE)
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:|javascript:|data:\w+/)[^\s<>|\"'`)\]}]+", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>|]*\||\]\(")
_HOST = re.compile(r"(?<![\w@/-])(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])", re.IGNORECASE)
_FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"[^\W\d_]{4,}")
STEM = 5
SHARED = 0.2  # of a sentence's words; a paraphrase shares about half, an answer to something else next to nothing
SMALL = 10  # “three of the four”: a count up to here may be the model's own


@dataclass(frozen=True, slots=True)
class Dropped:
    """Not shown, because nothing supports it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hostile:
    """Not what a colleague would write: whatever else this model wrote to the same question is not shown either."""

    reason: str


def weigh(
    claim: Claim, evidence: Mapping[str, str], question: str, parts: tuple[str, ...]
) -> Sentence | Dropped | Hostile:
    """The claim as a sentence, or why not. ``evidence`` is every text that was seen, by id."""
    text = " ".join(visible(claim.text).split())
    known = tuple(dict.fromkeys(one for one in claim.cites if one in evidence))
    seen = "\n".join(evidence[one] for one in known)
    if _PING.search(text):
        return Hostile("it wanted to call a whole channel or a person")
    here = addresses(seen)
    foreign = [one for one in addresses(text) if one not in here]
    if foreign or _MARKUP.search(text):
        return Hostile("it wrote a link that is not in the evidence")
    if not known:
        return Dropped("it names no evidence that there is")
    if len(text) > LONGEST_SENTENCE:
        return Dropped("it is longer than a sentence")
    if parts and claim.part not in parts:
        return Dropped("it belongs to no part of the answer")
    if marks_in(text) - marks_in(seen):
        return Dropped("it names a person's data that the evidence does not have")
    lowered = f"{seen}\n{question}".lower()
    if any(host.lower() not in lowered for host in _HOST.findall(_URL.sub(" ", text))):
        return Dropped("it names an address that the evidence does not have")
    missing = figures(text) - figures(seen) - figures(question)
    if missing:
        return Dropped(f"the evidence does not have the figure {min(missing)}")
    words = stems(text)
    if len(words & stems(seen)) < SHARED * len(words):
        return Dropped("it is about something else than the evidence")
    return Sentence(text, known, claim.part if parts else "")


def addresses(text: str) -> frozenset[str]:
    """The addresses in a text, each whole, without the punctuation that ends its sentence."""
    return frozenset(one.rstrip(".,;:!?*_~").lower() for one in _URL.findall(text))


def figures(text: str) -> frozenset[str]:
    """The telling figures in a text, written alike: ``1,200`` and ``1200.0`` are one. Small counts are left out."""
    found = set()
    for one in _FIGURE.findall(text):
        plain = one.replace(",", "")
        whole, _, rest = plain.partition(".")
        rest = rest.rstrip("0")
        if rest or int(whole or "0") > SMALL:
            found.add(f"{int(whole or '0')}.{rest}" if rest else str(int(whole or "0")))
    return frozenset(found)


def stems(text: str) -> frozenset[str]:
    """The beginnings of a text's longer words, in small letters: enough to tell that two texts share a subject."""
    return frozenset(one[:STEM].casefold() for one in _WORD.findall(text))
