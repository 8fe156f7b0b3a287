"""What Fettle has read: documents, the passages cited from them, and an answer that may say it has nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class DocumentKind(StrEnum):
    """What a document is for; an answer can be limited to one of them."""

    RUNBOOK = "runbook"
    POSTMORTEM = "postmortem"
    DECISION = "decision"
    VENDOR = "vendor"
    INCIDENT = "incident"


class Band(StrEnum):
    """How far an answer may be trusted.

    ``FOUND``: cite it. ``POSSIBLE``: show the quotes and say that they are unconfirmed. ``NONE``: say that nothing
    was found, and list it as a gap.
    """

    FOUND = "found"
    POSSIBLE = "possible"
    NONE = "none"


@dataclass(frozen=True)
class Document:
    """One document as Fettle keeps it.

    ``path`` names it for good (``runbooks/checkout/latency.md``, ``incidents/INC-12``), ``text`` is Markdown without
    front matter, ``service`` is None for a document about no service in particular, ``meta`` is the rest of what its
    front matter says. ``owner`` is whoever keeps it right, in the words of its source (a team, a channel, a person).
    ``revision`` is the commit that these words were read from, empty where there is none.
    """

    path: str
    title: str
    text: str
    kind: DocumentKind = DocumentKind.RUNBOOK
    service: str | None = None
    url: str | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    revision: str = ""

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that change when anything about the document but its path and revision changes."""
        content = [self.title, self.text, self.kind, self.service, self.url, sorted(self.meta.items()), self.owner]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Passage:
    """A section of a document that speaks to a question.

    ``document`` is the document's path, ``text`` the whole section as it is written, ``quote`` its most telling
    sentences word for word, ``heading`` and ``anchor`` (GitHub's form, empty above the first heading) where the quote
    stands, ``version`` the commit that it was read from, else a digest of its content, in twelve digits. ``url`` opens
    it at the anchor. ``score`` orders passages within one answer and means nothing across answers.
    """

    document: str
    title: str
    heading: str
    anchor: str
    version: str
    text: str
    quote: str
    service: str | None
    kind: DocumentKind
    score: float
    url: str | None = None
    owner: str | None = None

    @property
    def citation(self) -> str:
        """``path#anchor@version``: enough to find the very words again."""
        place = f"{self.document}#{self.anchor}" if self.anchor else self.document
        return f"{place}@{self.version}"


@dataclass(frozen=True, slots=True)
class Near:
    """A document that comes near a question without answering it, and who owns it.

    ``closeness`` is how near its closest section is in meaning, from 0 to 1, comparable across answers; the order of
    documents also follows the words that they share with the question.
    """

    document: str
    title: str
    kind: DocumentKind
    closeness: float
    service: str | None = None
    owner: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Passages, best first and one per document, with how far to trust them and why.

    ``NONE`` has no passages but, where anything is indexed that might have answered, the ``nearest`` documents, best
    first: they support nothing, and their owners are whom to ask.
    """

    band: Band
    passages: tuple[Passage, ...]
    reason: str
    nearest: tuple[Near, ...] = ()
