"""Why an incident is happening: hypotheses, each resting on evidence by id."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain import wording as w


class Verdict(StrEnum):
    """What a cause search concludes."""

    LIKELY = "likely cause"
    UNSURE = "not enough evidence"
    FALSE_ALARM = "false alarm"


class CauseKind(StrEnum):
    """The kinds of cause that Fettle tells apart, named for what is wrong."""

    POOL = "pool"
    DISK = "disk"
    CPU = "cpu"
    MEMORY = "memory"
    LATENCY = "latency"
    ERRORS = "errors"
    TRAFFIC = "traffic"
    CHANGE = "change"
    NETWORK = "network"
    CERTIFICATE = "certificate"
    BEHAVIOUR = "behaviour"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation with the exact question that brought it. ``id`` is unique within a report (``E1``)."""

    id: str
    kind: str
    service: str
    text: str
    query: str
    source: str
    at: datetime | None = None
    url: str = ""


def cite(piece: Evidence) -> str:
    """One piece of evidence as a person reads it: what was seen, since when, and of what kind it is."""
    since = f", since {w.clock(piece.at)}" if piece.at and piece.kind == "metric" else ""
    kind = w.link(piece.url, piece.kind)
    return f"{w.line(piece.text, 160)}{since}  {kind if kind != piece.kind else f'_{kind}_'}"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A possible cause. ``confidence`` is in 0–1; ``supports`` and ``against`` are evidence ids.

    ``said_by`` is the person who says so, empty where Fettle found it.
    """

    kind: CauseKind
    service: str
    indicator: str
    text: str
    confidence: float
    supports: tuple[str, ...]
    against: tuple[str, ...]
    settles: str
    said_by: str = ""


@dataclass(frozen=True, slots=True)
class Worded:
    """A sentence of a language model about the cause, and the ids of the evidence that it rests on, never none."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A source that could not be read, so that its silence is not taken for an answer."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeBefore:
    """A change that preceded the onset. ``minutes`` is how long before; ``kind`` is what was changed (deploy, flag)."""

    signal_id: str
    service: str
    title: str
    version: str
    previous: str
    at: datetime
    minutes: float
    url: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Similar:
    """A past incident like this one. ``score`` in 0–1; ``held`` is None where nobody knows."""

    id: str
    title: str
    text: str
    fix: str
    held: bool | None
    score: float
    sample: bool = False


@dataclass(frozen=True, slots=True)
class RunbookRef:
    """The section of a runbook that fits. ``band`` is found or possible."""

    path: str
    title: str
    heading: str
    anchor: str
    quote: str
    band: str


@dataclass(frozen=True, slots=True)
class CauseReport:
    """The answer to *why*: hypotheses best first, every piece of evidence, and what was missing.

    ``gaps`` are sources that failed, ``missing`` kinds of signals that no source delivers here, ``again_of`` the
    earlier incident with the very same alert, whose cause was looked at anew, ``calls`` who was seen calling whom
    besides what the catalogue says, ``worded`` how a language model puts it, empty where none does, and
    ``shift`` by how much earlier outcomes moved the confidences, in log-odds.
    """

    verdict: Verdict
    hypotheses: tuple[Hypothesis, ...]
    evidence: tuple[Evidence, ...]
    gaps: tuple[Gap, ...]
    onset: datetime | None
    changes: tuple[ChangeBefore, ...]
    runbook: RunbookRef | None
    similar: tuple[Similar, ...]
    found_at: datetime
    seconds: float
    picture: str = ""
    missing: tuple[str, ...] = ()
    again_of: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    worded: tuple[Worded, ...] = ()
    shift: float = 0.0

    @property
    def best(self) -> Hypothesis | None:
        """The likely cause, if there is one."""
        return self.hypotheses[0] if self.verdict is Verdict.LIKELY and self.hypotheses else None

    def cited(self, ids: tuple[str, ...]) -> tuple[Evidence, ...]:
        """The pieces of evidence with those ids, in their order; an id that names nothing is dropped."""
        by_id = {piece.id: piece for piece in self.evidence}
        return tuple(by_id[i] for i in ids if i in by_id)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says that the cause was. ``by`` is a Slack user, ``was`` what Fettle had said (may be empty)."""

    by: str
    at: datetime
    service: str
    kind: CauseKind
    text: str
    was: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """The newest cause search of an incident. ``report`` is None until the first one has ended.

    ``again_at`` is when it is searched for once more by itself, because the evidence was not enough. ``right`` is
    whether the likely cause turned out to be the cause, None while nobody knows, and ``claimed`` how sure Fettle was.
    """

    incident: int
    version: int
    started_at: datetime
    report: CauseReport | None = None
    times: int = 1
    again_at: datetime | None = None
    correction: Correction | None = None
    right: bool | None = None
    claimed: float = 0.0
