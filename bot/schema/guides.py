"""guides/*.yaml: one way through a kind of incident in each file."""

import re
from pathlib import Path
from typing import Literal, get_args

from bot.domain.cause import CauseKind
from bot.domain.guide import Expect, Guide, Step
from bot.schema.actions import WORD
from bot.schema.table import Table, near

Kind = Literal["http", "command", "promql", "action", "manual"]
TESTS = ("below", "above", "equals", "matches", "exit_status")
KINDS: tuple[Kind, ...] = get_args(Kind)


def read_guide(table: Table, folder: Path, source: str) -> Guide:
    """Read one file's top mapping; ``folder`` is the configuration's, ``source`` names the file."""
    matches = table.table("matches")
    kinds = matches.texts("cause_kinds") if matches else ()
    for kind, place in matches.spotted("cause_kinds") if matches else ():
        if kind not in set(CauseKind):
            place.error(f"matches.cause_kinds: “{kind}” is not a kind of cause{near(kind, CauseKind)}")
    guide = Guide(
        name=table.name("name", must=True),
        version=table.whole("version", 1, least=1, must=True),
        title=table.text("title", must=True, most=150),
        service=table.name("service", must=True),
        steps=tuple(_step(one) for one in table.tables("steps", must=True)),
        cause_kinds=kinds,
        alerts=matches.texts("alerts") if matches else (),
        runbook=_runbook(table, folder),
        source=source,
    )
    if "steps" in table and not guide.steps:
        table.place("steps").error("steps: expected at least one step")
    if matches:
        matches.done()
    table.done()
    return guide


def _runbook(table: Table, folder: Path) -> str:
    text = table.text("runbook", most=300)
    if text:
        path = (folder / text.partition("#")[0]).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            table.place("runbook").error(
                f"runbook: there is no file {text.partition('#')[0]} in the configuration's folder"
            )
    return text


def _step(table: Table) -> Step:
    kind: Kind = table.choice("kind", KINDS, "manual", must=True)
    parameters = table.table("parameters")
    expect = table.table("expect")
    step = Step(
        title=table.text("title", must=True, most=150),
        kind=kind,
        why=table.text("why"),
        run=table.text("run", must=kind in ("http", "command", "promql")).strip(),
        on=table.name("on"),
        action=table.name("action", must=kind == "action"),
        parameters=parameters.words(WORD) if parameters else {},
        expect=_expect(expect) if expect else None,
        warning=table.text("warning"),
    )
    out_of_place = {"action": ("run", "expect"), "manual": ("action", "parameters", "expect")}
    for key in out_of_place.get(kind, ("action", "parameters")):
        if key in table:
            table.place(key).error(f"{table.path}.{key}: a step of kind {kind} has no {key}")
    table.done()
    return step


def _expect(table: Table) -> Expect:
    expect = Expect(
        text=table.text("text", most=300),
        path=table.text("path", most=200),
        below=table.maybe_number("below"),
        above=table.maybe_number("above"),
        equals=table.value("equals"),
        matches=table.text("matches", most=500),
        exit_status=table.whole("exit_status", 0, least=0, most=255) if "exit_status" in table else None,
        unit=table.text("unit", most=20),
    )
    if expect.matches:
        try:
            re.compile(expect.matches)
        except re.error as wrong:
            table.place("matches").error(f"{table.path}.matches is not a regular expression: {wrong}")
    if expect.below is not None and expect.above is not None and expect.below <= expect.above:
        table.place("below").error(
            f"{table.path}: nothing is above {expect.above:g} and below {expect.below:g} at the same time"
        )
    if not any(test in table for test in TESTS):
        table.spot.error(f"{table.path}: expected one of below, above, equals, matches or exit_status")
    table.done()
    return expect
