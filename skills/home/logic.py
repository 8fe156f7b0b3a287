"""What a person's home tab is made of. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bot.domain.approval import Approval
from bot.domain.change import Change
from bot.domain.guide import GuideRun, StepState
from bot.domain.incident import Incident
from bot.domain.policy import Actor, Automation


@dataclass(frozen=True, slots=True)
class Desk:
    """What one person sees first: what waits for them, then everything that is open."""

    actor: Actor
    approvals: tuple[tuple[Approval, Change], ...]
    mine: tuple[Incident, ...]
    unknown: tuple[Change, ...]
    others: tuple[Incident, ...]
    automation: Automation


def desk(
    actor: Actor,
    still: Sequence[Incident],
    waiting: Sequence[tuple[Approval, Change]],
    unknown: Sequence[Change],
    automation: Automation,
) -> Desk:
    """Sort what is open by whose turn it is; the worst first."""
    ranked = sorted(still, key=lambda one: (one.severity.rank, one.opened_at))
    return Desk(
        actor=actor,
        approvals=tuple(pair for pair in waiting if pair[0].role in actor.roles and pair[0].asked_by != actor.id),
        mine=tuple(one for one in ranked if one.assignee == actor.id),
        unknown=tuple(unknown),
        others=tuple(one for one in ranked if one.assignee != actor.id),
        automation=automation,
    )


def next_step(run: GuideRun | None) -> str:
    """Where a guide stands, in words; empty when there is none."""
    if run is None or run.current is None:
        return ""
    state = run.steps[run.current].state
    waits = f" ({state})" if state is not StepState.OFFERED else ""
    return f"step {run.current + 1} of {len(run.steps)}: {run.shown.steps[run.current].title}{waits}"


def near(word: str, commands: Sequence[str]) -> list[str]:
    """The commands that a mistyped one may mean, the nearest first."""
    return get_close_matches(word.lower(), commands, n=2)
