"""What a skill answers with besides the state to save: messages to show, runs to start, things to do later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.events import Event, Origin
from bot.domain.passage import Document
from bot.domain.run import Call

Blocks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Refresh:
    """Bring a living message up to date: it is rendered from the newest state when it is sent.

    ``key`` names it (``incident:214``, ``step:a1b2:3``, ``home:U1``); the part before the first colon is its surface.
    """

    key: str


@dataclass(frozen=True, slots=True)
class Note:
    """A message that is written once. ``under`` is the key of the message in whose thread it goes, empty for none."""

    key: str
    channel: str
    text: str
    blocks: Blocks = ()
    under: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to the person who asked, where they asked.

    ``private`` None means: seen by all where the question was (a mention, a direct message), else by who asked.
    """

    text: str
    blocks: Blocks = ()
    private: bool | None = None


@dataclass(frozen=True, slots=True)
class Modal:
    """The content of the modal that was opened at the press."""

    view: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StartRun:
    """Give a call to its runner, once. Its end becomes a ``RunEnded``; ``shows`` is the message that tells of it."""

    run_id: str
    call: Call
    incident: int
    change: str
    shows: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Stop a run that is under way."""

    run_id: str
    runner: str


@dataclass(frozen=True, slots=True)
class Later:
    """An event for a later time. ``key`` names it, so that it can be taken back and is never there twice."""

    key: str
    due: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class NotLater:
    """Take back what was put off under that key."""

    key: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Put a document into the knowledge index."""

    document: Document


Effect = Refresh | Note | Reply | Modal | StartRun | CancelRun | Later | NotLater | Remember


@dataclass(frozen=True, slots=True)
class Rendered:
    """A living message as it shall look now. ``picture`` ids inside blocks are resolved when it is sent."""

    channel: str
    text: str
    blocks: Blocks
    under: str = ""
    origin: Origin = field(default_factory=Origin)
