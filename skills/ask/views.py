"""Answers from what is written down, each with where it stands. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.cause import CauseReport, cite
from bot.domain.incident import Incident
from bot.domain.model import Told
from bot.domain.passage import Answer, Band, Document, DocumentKind, Near, Passage
from bot.domain.redaction import without_keys
from skills.ask.logic import section

Shown = tuple[str, list[dict[str, Any]]]
SHOWN, READ, PART, MOST_PARTS, ROOM = 3, 5, 2_000, 6, 12_000
KINDS = {DocumentKind.INCIDENT: "past incident", DocumentKind.POSTMORTEM: "post-mortem"}


def what_is_known(incident: Incident, report: CauseReport | None) -> str:
    """An incident in a few lines, for whoever asks about its message."""
    lines = [
        f"*{incident.name}*  {w.line(incident.title, 200)}: {incident.state}, since {w.clock(incident.started_at)}"
    ]
    if report and report.best:
        lines.append(f"*Likely cause*  {w.line(report.best.text, 300)}   {w.percent(report.best.confidence)}")
        lines += [f"• {cite(piece)}" for piece in report.cited(report.best.supports)[:3]]
    elif report:
        lines.append("No likely cause has been found yet.")
    return "\n".join(lines)


def answer(question: str, found: Answer, samples: Mapping[str, bool], known: str = "", *, why: str = "") -> Shown:
    """The passages that answer, quoted; or the nearest ones, said to be unconfirmed; or that there is nothing.

    ``known`` stands above them where the question is about an incident. ``why`` says why no model worded it, where one
    is configured.
    """
    asked = w.line(question, 200)
    unworded = [b.small(f"quoted, not worded: {w.line(why, 200)}")] if why else []
    if found.band is Band.NONE or not found.passages:
        text = f"I found nothing written about “{asked}”, so I do not answer. {w.line(found.reason, 200)}".strip()
        near = [b.text("*Nearest pages*\n" + "\n".join(_near(one) for one in found.nearest[:3]))]
        shown: list[Block] = [b.text(known)] if known else []
        return text, b.plain([*shown, b.text(text), *(near if found.nearest else []), *unworded])
    lead = (
        ""
        if found.band is Band.FOUND
        else "Possibly, and unconfirmed: nothing names this exactly. The nearest pages:\n"
    )
    shown = [b.text(known), b.text(f"*What is written about it*\n{lead}".strip())] if known else []
    shown = shown or [b.text(f"*{asked}*\n{lead}".strip())]
    for number, passage in enumerate(found.passages[:SHOWN], 1):
        shown.append(b.text(f"> {w.line(passage.quote, 900)}\n[{number}] {_where(passage, samples)}"))
    text = f"{w.plural(len(found.passages[:SHOWN]), 'passage')} on “{asked}”"
    opens = {number: f"{one.document}#{one.anchor}" for number, one in enumerate(found.passages[:SHOWN], 1)}
    return text, b.plain([*shown, *_readers(opens), *unworded])


def _readers(opens: Mapping[int, str]) -> list[Block]:
    """Buttons that open citations, by their numbers."""
    shown = [(number, value) for number, value in opens.items() if value and number <= READ]
    buttons = [b.button(f"Read [{number}]", f"ask:read:{number}", value) for number, value in shown]
    return [b.actions(*buttons)] if buttons else []


def page(document: Document, anchor: str) -> dict[str, Any]:
    """A section as it is written."""
    foot = f"{w.inline(document.path, 150)} version {document.version}"
    if document.owner:
        foot += f", owned by {w.told(document.owner, 60)}"
    if document.url:
        foot += f", {w.link(document.url, 'open it where it stands')}"
    text = without_keys(section(document.text, anchor))
    return b.modal("ask:page", w.line(document.title, 24), [*_written(text), b.small(foot)])


def _written(text: str) -> list[Block]:
    """As much of a page's text as a modal takes, a code block that goes over several of Slack's blocks in each."""
    shown, room, inside = list[Block](), ROOM, False
    for part in _parts(text):
        told = (b.FENCE if inside else "") + w.quiet(part, PART)
        inside = told.count(b.FENCE) % 2 == 1
        block = b.text(told)
        room -= len(json.dumps(block.to_dict(), ensure_ascii=False))
        if room < 0:
            break
        shown.append(block)
    return shown


def _parts(text: str) -> list[str]:
    """A long text in pieces that fit into blocks, cut where a line ends, else where a word does."""
    pieces, rest = list[str](), text
    while rest and len(pieces) < MOST_PARTS:
        cut = len(rest) if len(rest) <= PART else max(rest.rfind("\n", 0, PART), 0) or rest.rfind(" ", 0, PART)
        pieces.append(rest[: cut if cut > 0 else PART])
        rest = rest[len(pieces[-1]) :].lstrip("\n")
    return pieces or ["The page is empty."]


def _near(one: Near) -> str:
    owner = f"owned by {w.line(one.owner, 60)}" if one.owner else "nobody is named as its owner"
    return f"• {w.link(one.url, w.line(one.title, 100))}  _{owner}_"


def _where(passage: Passage, samples: Mapping[str, bool]) -> str:
    name = (
        f"{w.line(passage.title, 100)} › {w.line(passage.heading, 100)}"
        if passage.heading
        else w.line(passage.title, 120)
    )
    kind = KINDS.get(passage.kind, str(passage.kind))
    sample = " · sample data" if samples.get(passage.document.rpartition("/")[2]) else ""
    return f"{w.link(passage.url, f'*{name}*')}  _{kind}, {w.inline(passage.citation, 150)}{sample}_"


def worded(question: str, told: Told, sources: Mapping[str, str], opens: Mapping[str, str], known: str = "") -> Shown:
    """A model's wording, each sentence with the numbers of what it rests on.

    ``sources`` are citations by the pieces' ids, and ``opens`` the pages behind them.
    """
    order = {piece.id: number for number, piece in enumerate(told.pieces, 1)}
    sentences = [
        one.shown + "".join(f" [{order[name]}]" for name in one.cites if name in order) for one in told.sentences
    ]
    cited = [f"[{number}] {sources[name]}" for name, number in order.items()]
    foot = f"worded by {w.line(told.model, 60)} from what is cited"
    if told.dropped:
        foot += f"; {w.plural(told.dropped, 'sentence')} without support left out"
    shown: list[Block] = [b.text(known)] if known else [b.text(f"*{w.line(question, 200)}*")]
    readers = _readers({number: opens.get(name, "") for name, number in order.items()})
    shown += [b.text(" ".join(sentences)), b.text("\n".join(cited)[:2_900]), *readers, b.small(foot)]
    return " ".join(one.shown for one in told.sentences)[:300], b.plain(shown)


def growing(data: Mapping[str, object]) -> Shown:
    """An answer as far as it has been written, or all of it."""
    blocks = data.get("blocks")
    if isinstance(blocks, list):
        return str(data.get("text", "")), blocks
    sentences = data.get("sentences")
    said = " ".join(str(one) for one in sentences) if isinstance(sentences, list) else ""
    asked = w.line(str(data.get("question", "")), 200)
    return f"Looking for an answer to “{asked}”", b.plain([b.text(f"*{asked}*"), b.text(f"{said} …".strip())])
