"""Drafts to be accepted, and what nothing is written about. Pure."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.incident import Incident
from bot.domain.unanswered import Unanswered
from skills.pages.logic import KINDS, PARTS, Draft

Shown = tuple[str, list[dict[str, Any]]]
OPTIONAL = frozenset({"lessons", "impact"})


def proposal(incident: Incident, gap: bool) -> Shown:  # noqa: FBT001  # a view's arguments are what it shows
    """The question in the thread of a resolved incident."""
    why = (
        "nothing was written about it; the next person on call will look for it" if gap else "so that it is found again"
    )
    text = f"Shall {incident.name} be written down? A draft from its timeline is ready: {why}."
    value = str(incident.id)
    buttons = b.actions(b.button("Look at the draft", "pages:draft", value), b.button("Not needed", "pages:no", value))
    return text, b.plain([b.text(text), buttons])


def draft_modal(incident: Incident, draft: Draft, owner: str) -> dict[str, Any]:
    """The draft, to be changed and accepted."""
    how = "worded by the language model from the timeline" if draft.worded else "made from the timeline"
    shown: list[Block] = [
        b.text(f"A draft of {incident.name}, {how}. What you keep is found by everyone's questions from then on."),
        b.ask_text("title", "Title", initial=draft.title[:200], lines=False),
        b.ask_choice("kind", "What is it?", [(words, words) for words, _ in KINDS]),
    ]
    shown += [
        b.ask_text(name, heading, initial=draft.parts.get(name, ""), optional=name in OPTIONAL)
        for name, heading in PARTS.items()
    ]
    shown.append(
        b.ask_text("owner", "Who keeps it right?", initial=owner, lines=False, optional=True, hint="a team or a person")
    )
    return b.modal("pages:accept", f"Write up {incident.name}", shown, submit="Accept", about=str(incident.id))


def accepted(incident: Incident, title: str, by: str) -> str:
    """What stands in the thread once a page was accepted."""
    return f"<@{by}> wrote {incident.name} down: “{w.line(title, 200)}”. `ask` finds it from now on."


def gaps(found: Sequence[Unanswered], command: str) -> Shown:
    """What nothing is written about, the most wanted first."""
    if not found:
        text = "Nothing is missing: every question and every alert so far found a page."
        return text, b.plain([b.text(text)])
    lines = []
    for one in found:
        owner = w.line(one.owner, 60) if one.owner else "nobody named"
        nearest = f", nearest {w.inline(one.nearest, 100)}" if one.nearest else ""
        lines.append(
            f"• `{one.id[:8]}` {one.kind} “{w.line(one.text, 160)}”  _{w.plural(one.times, 'time')}, last "
            f"{w.moment(one.last_at)}, for {owner}{nearest}_"
        )
    text = f"{w.plural(len(found), 'thing')} that nothing is written about"
    how = f"write a page, or say that it is dealt with: `{command} gaps done {found[0].id[:8]}`"
    return text, b.plain([b.text(f"*{text}*"), b.text("\n".join(lines)), b.small(how)])
