"""Words as the search sees them: identifiers taken apart, endings trimmed, template placeholders gone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

LONGEST = 60
SHORT = 3

_PLACEHOLDER = re.compile(r"\{\{.{0,500}?\}\}|\{%.{0,500}?%\}|\$\{[^}]{0,500}\}|\$labels\.\w+|\$value\b", re.DOTALL)
_WORD = re.compile(r"[^\W_]+(?:[_'’][^\W_]+)*")
_HUMP = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_COMMENT = re.compile(r"#[^\n]*")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()")
_UP = re.compile(r"\bup\s*\{[^{}]*?\bjob\s*=~?\s*[\"'`]([\w-]+)")
_LABELS = re.compile(r"\{[^{}]*\}")

# Words that say nothing about what a page is on. Words such as "not" and "down" say a great deal here.
STOP_WORDS = frozenset(
    "a about an and are as at be been but by can could did do does for from had has have how i if in into is it "
    "its may me my of on or our should so such than that the their them then there these they this those to too "
    "us was we were what when where which while who why will with would you your".split()
)
# The same thing under two names, in the words of the field; either finds the other.
_SAME = {
    "pg": ("postgresql", "postgres"),
    "postgresql": ("postgres",),
    "postgres": ("postgresql",),
    "k8s": ("kubernetes",),
    "kube": ("kubernetes",),
    "es": ("elasticsearch",),
    "db": ("database",),
    "pvc": ("volume",),
    "fs": ("filesystem",),
    "cert": ("certificate",),
    "config": ("configuration",),
    "mem": ("memory",),
    "oom": ("memory",),
    "hpa": ("autoscaler",),
    "lb": ("balancer",),
}
# What the field writes as one word when it names a thing and as two when somebody does it: after each of these, the
# verbs (trimmed) that go with it. “Rolling back”, “rolled back” and “rollback” then meet.
_PARTICLES = {
    "back": frozenset("call fall feed play roll writ".split()),
    "down": frozenset("break cool count scal shut slow tear".split()),
    "off": frozenset("back cut hand kick log shut switch turn".split()),
    "out": frozenset("black brown fan lock log roll scal tim".split()),
    "over": frozenset("chang cut fail hand roll switch turn".split()),
    "through": frozenset("break pass run walk writ".split()),
    "up": frozenset("back clean log look scal set start warm".split()),
}
_FUNCTIONS = frozenset(
    "abs absent avg bool bottomk ceil changes clamp count delta deriv floor group histogram_quantile idelta increase "
    "irate label_join label_replace ln max min offset predict_linear quantile rate resets round scalar sgn sort sqrt "
    "stddev stdvar sum time timestamp topk vector and or unless on by without ignoring group_left group_right inf nan "
    "ALERTS".split()
)


def plain(text: str) -> str:
    """The text without template placeholders such as ``{{ $labels.pod }}`` or ``${NAMESPACE}``."""
    return re.sub(r"\s+", " ", _PLACEHOLDER.sub(" ", text)).strip()


def spoken(text: str) -> str:
    """The text with its identifiers as words (``KubePodNotReady`` → ``Kube Pod Not Ready``), as a model reads it."""
    return re.sub(r"[A-Za-z0-9_]+", lambda word: " ".join(_parts(word.group())), text)


def stems(text: str, *, compounds: bool = True) -> list[str]:
    """The text's words in order, trimmed; an identifier gives its parts and then, as a compound, itself as one word.

    So does a verb with its particle: “timed out” gives ``tim``, ``out`` and ``timeout``.
    """
    found: list[str] = []
    before = ""
    for word in _WORD.findall(text):
        if len(word) > LONGEST:
            continue
        parts = [part.lower() for part in _parts(word)]
        found.extend(stem(part) for part in parts if part not in STOP_WORDS)
        if compounds and len(parts) > 1:
            found.append("".join(parts))
        elif compounds and before in _PARTICLES.get(parts[-1] if parts else "", ()):
            found.append(_one_word(before, parts[-1]))
        before = stem(parts[-1]) if parts else ""
    return found


def pairs(words: Iterable[str]) -> set[tuple[str, str]]:
    """Neighbouring words, each pair once."""
    return set(pairwise(words))


def synonyms(words: Iterable[str]) -> set[str]:
    """Other names of the same things, trimmed, without the words themselves."""
    given = set(words)
    return {stem(other) for name, others in _SAME.items() if stem(name) in given for other in others} - given


def metric_names(expression: str) -> list[str]:
    """The metric names in a PromQL expression, in order and once each; labels, strings and functions are left out.

    ``up`` says nothing by itself, so the job that it is asked about stands in its place.
    """
    jobs = _UP.findall(expression)
    bare = _COMMENT.sub(" ", expression)
    bare = _LABELS.sub("{", _STRING.sub('""', bare))
    bare = _GROUPING.sub(" ", bare)
    names = _NAME.findall(bare)
    return list(dict.fromkeys([*jobs, *(name for name in names if "_" in name and name not in _FUNCTIONS)]))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A lower-case word without its inflection.

    Lighter than Porter's stemmer: plurals, -ing, -ed and -ion fall away, and so does a final e, so that scrape, scraped
    and scraping meet; nothing is turned into another word.
    """
    if len(word) <= SHORT or not word.isalpha():
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("sses"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed", "ion"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= SHORT and re.search("[aeiouy]", rest):
            word = rest
            break
    if len(word) > SHORT and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > SHORT + 1 and word.endswith("e") else word


def _one_word(verb: str, particle: str) -> str:
    # These lose their e when they are trimmed, and the noun has it.
    return stem(f"{verb}e{particle}" if verb in {"chang", "scal", "tim", "writ"} else verb + particle)


def _parts(word: str) -> list[str]:
    bare = re.sub(r"['’]s?", "", word)
    parts = _HUMP.findall(bare) if bare.isascii() else bare.split("_")
    # k8s, i18n, p99 and their like are one word.
    if len(word) <= SHORT + 1 and any(part.isdigit() for part in parts):
        return [word]
    return parts
