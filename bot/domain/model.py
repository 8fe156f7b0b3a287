"""What may be asked of a language model, and what comes back: wording in which every sentence names its evidence.

A model decides nothing and changes nothing. It is given evidence, or tools that only read, and gives back sentences;
what cannot be traced to evidence is dropped before anybody sees it. Whoever asks has an answer without it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.domain.prompt import Prompt
from bot.domain.wording import line

LONGEST_SENTENCE = 500


class Why(StrEnum):
    """Why a model's wording is missing. The word is short enough for a metric; the reason beside it is for people."""

    BUDGET = "budget"
    HOSTILE = "hostile"
    MALFORMED = "malformed"
    OUTAGE = "outage"
    QUOTA = "quota"
    REFUSED = "refused"
    RESTING = "resting"
    SETUP = "setup"
    SLOW = "slow"
    STEPS = "steps"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence as a model sees it: its id, under which a sentence can name it, and its text."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with the ids of the evidence that it rests on, never none. ``part`` is the prompt's, or empty.

    ``text`` is plain and on one line; ``shown`` is the same made harmless for Slack.
    """

    text: str
    cites: tuple[str, ...]
    part: str = ""

    @property
    def shown(self) -> str:
        """The sentence as mrkdwn: escaped, on one line, of limited length."""
        return line(self.text, LONGEST_SENTENCE)


@dataclass(frozen=True, slots=True)
class Told:
    """A model's wording. ``dropped`` counts the sentences that nothing supported.

    ``pieces`` is the evidence that the sentences name, in the order of its first mention; ``consulted`` are the tools
    that were used, each with its arguments. ``cost`` is in the currency of the prices; ``cached`` says that the same
    question had been answered before, which costs nothing.
    """

    sentences: tuple[Sentence, ...]
    pieces: tuple[Piece, ...] = ()
    dropped: int = 0
    model: str = ""
    prompt: str = ""
    cost: float = 0.0
    seconds: float = 0.0
    consulted: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class NotTold:
    """No wording. ``reason`` is a clause for a person: “… because {reason}”."""

    why: Why
    reason: str
    dropped: int = 0
    cost: float = 0.0
    seconds: float = 0.0


Arguments = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model may look up. ``look`` only reads.

    ``parameters`` is a JSON Schema of an object whose properties are texts, numbers or truths; see
    ``bot.domain.tool_arguments`` for the keywords. ``look`` gets arguments that fit it, gives pieces of evidence, and
    may raise ``FettleError``: its text is what the model is told.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    look: Callable[[Arguments], Awaitable[Sequence[Piece]]] = field(repr=False)


OnSentence = Callable[[Sentence], Awaitable[None]]


class LanguageModel(Protocol):
    """A language model behind everything that keeps it harmless and affordable. Never raises for an outage."""

    async def answer(
        self,
        prompt: Prompt,
        values: Mapping[str, str],
        evidence: Mapping[str, str],
        *,
        purpose: str,
        incident: int | None = None,
        on_sentence: OnSentence | None = None,
    ) -> Told | NotTold:
        """Put this evidence into words.

        ``values`` are the prompt's variables, ``evidence`` texts by id. ``purpose`` and ``incident`` say what the cost
        is booked on. ``on_sentence`` hears each sentence as soon as it stands, while the rest is still being written.
        """
        ...

    async def ask(
        self,
        prompt: Prompt,
        values: Mapping[str, str],
        tools: Sequence[Tool],
        *,
        evidence: Mapping[str, str] | None = None,
        purpose: str,
        incident: int | None = None,
        on_sentence: OnSentence | None = None,
    ) -> Told | NotTold:
        """Answer by looking things up: the model may use the tools, within its bounds, before it answers."""
        ...


class Spending(Protocol):
    """What has been spent, by scope (``incident:214``, ``day:2026-11-21``), in the currency of the prices."""

    async def spent(self, scope: str) -> float:
        """The scope's total."""
        ...

    async def add(self, scope: str, cost: float) -> float:
        """Add to a scope, or take back with a negative cost; gives the total after it, read in the same moment."""
        ...


class Rest(Protocol):
    """Leaves a model alone that has failed again and again (``bot.sources.breaker.Breaker`` is one)."""

    def resting(self) -> str:
        """Why it is not to be asked now, empty when it may be."""
        ...

    def worked(self) -> None:
        """It answered."""
        ...

    def failed(self, reason: str) -> None:
        """It did not."""
        ...
