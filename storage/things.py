"""Where each thing is stored, and saving under an optimistic lock."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.approval import Approval
from bot.domain.cause import Search
from bot.domain.change import Change
from bot.domain.guide import GuideRun
from bot.domain.incident import Alert, Incident, Mute
from bot.domain.policy import Automation
from bot.domain.troubleshooting import Session
from bot.domain.unanswered import Unanswered
from bot.errors import Stale
from storage import tables
from storage.codec import encode
from storage.database import insert

_NOT_SEARCHED = {"version", "body"}


@dataclass(frozen=True)
class Spec:
    """One kind of thing: its table, the column that orders it in time, and the columns that it does not have.

    Every other column is the field or property of the same name. ``word`` is what people call the thing.
    """

    kind: type
    word: str
    table: sa.Table
    order: str
    computed: Mapping[str, Callable[[Any], object]] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the columns that identify it."""
        return tuple(column.name for column in self.table.primary_key)

    def column(self, name: str) -> sa.Column[Any]:
        """The indexed column of that name. Raises ``ValueError`` naming those that there are."""
        if name in _NOT_SEARCHED or name not in self.table.c:
            known = ", ".join(column.name for column in self.table.c if column.name not in _NOT_SEARCHED)
            raise ValueError(f"A {self.word} cannot be searched by {name}, only by {known}.")
        return self.table.c[name]

    def row(self, thing: Any) -> dict[str, object]:  # noqa: ANN401  # a thing of this kind
        """The thing as it is stored next, its version counted up."""
        saved = replace(thing, version=thing.version + 1)
        searched = [column.name for column in self.table.c if column.name not in _NOT_SEARCHED]
        columns = {
            name: self.computed[name](saved) if name in self.computed else getattr(saved, name) for name in searched
        }
        return {**columns, "version": saved.version, "body": encode(saved)}

    def key(self, thing: Any) -> tuple[Any, ...]:  # noqa: ANN401  # as above
        """The values of ``keys``."""
        return tuple(getattr(thing, name) for name in self.keys)


SPECS: tuple[Spec, ...] = (
    Spec(
        Incident,
        "incident",
        tables.incidents,
        "opened_at",
        {"closed": lambda one: one.state.closed},
    ),
    Spec(Alert, "alert", tables.alerts, "since", {"firing": lambda one: one.cleared_at is None}),
    Spec(Mute, "mute", tables.mutes, "until"),
    Spec(Search, "cause search", tables.searches, "started_at"),
    Spec(GuideRun, "guide", tables.guide_runs, "started_at"),
    Spec(Change, "change", tables.changes, "planned_at"),
    Spec(Approval, "approval", tables.approvals, "asked_at"),
    Spec(Automation, "automation switch", tables.automation, "id"),
    Spec(Session, "troubleshooting session", tables.troubleshooting, "touched_at"),
    Spec(Unanswered, "gap", tables.unanswered, "last_at"),
)


def spec_of(kind: type) -> Spec:
    """Where things of that kind are. Raises ``TypeError`` when they are nowhere."""
    for spec in SPECS:
        if spec.kind is kind:
            return spec
    raise TypeError(
        f"{kind.__name__} is not a thing that is saved; those are {', '.join(s.kind.__name__ for s in SPECS)}."
    )


async def save(session: AsyncSession, things: Sequence[object]) -> None:
    """Store the things: version 0 as new ones, the others over the very version that they were read as.

    Raises ``Stale`` when another was faster with one of them, and ``ValueError`` when one thing comes twice.
    """
    placed = [(spec_of(type(thing)), thing) for thing in things]
    twice = [name for name, times in Counter(_name(spec, thing) for spec, thing in placed).items() if times > 1]
    if twice:
        raise ValueError(f"One outcome saves {', '.join(twice)} more than once; it should save only how each ends up.")
    # In one order everywhere, so that two transactions wait for each other instead of blocking each other.
    placed.sort(key=lambda pair: (SPECS.index(pair[0]), pair[0].key(pair[1])))
    for spec, group in groupby(placed, key=lambda pair: pair[0]):
        alike: list[Any] = [thing for _, thing in group]
        await _add(session, spec, [thing for thing in alike if thing.version == 0])
        for thing in alike:
            if thing.version:
                await _replace(session, spec, thing)


async def _add(session: AsyncSession, spec: Spec, things: Sequence[Any]) -> None:
    if not things:
        return
    keys = [spec.table.c[name] for name in spec.keys]
    statement = insert(session, spec.table).on_conflict_do_nothing().returning(*keys)
    added = {tuple(row) for row in await session.execute(statement, [spec.row(thing) for thing in things])}
    if len(added) < len(things):
        lost = next(thing for thing in things if spec.key(thing) not in added)
        raise Stale(f"Somebody else has made {_name(spec, lost)} meanwhile.")


async def _replace(session: AsyncSession, spec: Spec, thing: Any) -> None:  # noqa: ANN401  # a thing of that kind
    row = spec.row(thing)
    where = [spec.table.c[name] == row.pop(name) for name in spec.keys]
    statement = sa.update(spec.table).where(*where, spec.table.c.version == thing.version).values(row)
    result: sa.CursorResult[Any] = await session.execute(statement)  # type: ignore[assignment]  # an update's result counts rows
    if result.rowcount == 0:
        raise Stale(f"Somebody else has changed {_name(spec, thing)} meanwhile.")


def _name(spec: Spec, thing: object) -> str:
    return f"{spec.word} {'/'.join(map(str, spec.key(thing)))}"
