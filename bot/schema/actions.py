"""actions/*.yaml: one action of the fix catalogue in each file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from bot.domain.action import Action, Parameter, Rollback, Value, Verify, Watch
from bot.domain.policy import ROLES, May
from bot.schema.table import Table

Type = Literal["string", "integer", "number", "boolean"]
TYPES: tuple[Type, ...] = get_args(Type)
RUNNERS = ("ansible",)
WORD = r"[A-Za-z_]\w{0,99}"
APPROVING = tuple(role for role, allowed in ROLES.items() if May.APPROVE in allowed)


def read_action(table: Table, folder: Path) -> Action:
    """Read one file's top mapping; ``folder`` is where playbooks' paths begin."""
    action = Action(
        name=table.name("name", must=True),
        version=table.whole("version", 1, least=1, must=True),
        title=table.text("title", must=True, most=150),
        summary=table.text("summary"),
        runner=table.choice("runner", RUNNERS, "ansible"),
        playbook=_playbook(table, folder),
        parameters=_parameters(table.table("parameters")),
        targets=_words(table.table("targets"), ("service",)) or {"service": "{service}"},
        command_class=table.choice("class", ("changing", "destructive"), "changing"),
        requires=table.choice("requires", APPROVING, "approver"),
        approvals=table.whole("approvals", 1, least=1, most=10),
        downtime_seconds=table.seconds("downtime_seconds", 0.0),
        blind=table.texts("blind"),
        rollback=_rollback(table.table("rollback")),
        rollback_note=table.text("rollback_note"),
        verify=_verify(table.table("verify")),
        timeout_seconds=table.seconds("timeout_seconds", 300.0, least=1, most=6 * 3600.0),
        secrets=table.texts(
            "secrets", pattern=WORD, like="a secret's name (db_password is in FETTLE_SECRET_DB_PASSWORD)"
        ),
    )
    table.done()
    return action


def _playbook(table: Table, folder: Path) -> str:
    text = table.text("playbook", must=True, most=300)
    if not text:
        return ""
    path = (folder / text).resolve()
    if not path.is_relative_to(folder.resolve()):
        table.place("playbook").error(f"playbook: {text} leaves the folder {folder.name}/, expected a path inside it")
    elif not path.is_file():
        table.place("playbook").error(f"playbook: there is no file {text} in {folder.name}/")
    return text


def _parameters(table: Table | None) -> Mapping[str, Parameter]:
    found: dict[str, Parameter] = {}
    for name, one in table.each(WORD) if table else ():
        found[name] = _parameter(one)
        one.done()
    return found


def _parameter(table: Table) -> Parameter:
    kind: Type = table.choice("type", TYPES, "string", must=True)
    pattern = table.text("pattern")
    if pattern:
        try:
            re.compile(pattern)
        except re.error as wrong:
            table.place("pattern").error(f"{table.path}.pattern is not a regular expression: {wrong}")
            pattern = ""
    enum = table.values("enum")
    parameter = Parameter(
        kind, table.text("description"), pattern, enum, table.maybe_number("minimum"), table.maybe_number("maximum")
    )
    for one in enum:
        if not _is(kind, one):
            table.place("enum").error(f"{table.path}.enum: {one!r} is not a {kind}")
    if kind not in ("integer", "number"):
        for bound in ("minimum", "maximum"):
            if bound in table:
                table.place(bound).error(f"{table.path}.{bound}: a {kind} has no {bound}")
    elif None not in (parameter.minimum, parameter.maximum) and (parameter.minimum or 0) > (parameter.maximum or 0):
        table.place("minimum").error(
            f"{table.path}: minimum {parameter.minimum:g} is above maximum {parameter.maximum:g}"
        )
    if kind != "string" and pattern:
        table.place("pattern").error(f"{table.path}.pattern: only a string has a pattern")
    return parameter


def _is(kind: str, value: Value) -> bool:
    kinds: Mapping[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _words(table: Table | None, known: tuple[str, ...]) -> Mapping[str, str]:
    if table is None:
        return {}
    words = {key: table.text(key) for key in known if key in table}
    table.done()
    return words


def _rollback(table: Table | None) -> Rollback | None:
    if table is None:
        return None
    parameters = table.table("parameters")
    rollback = Rollback(table.name("action", must=True), parameters.words(WORD) if parameters else {})
    table.done()
    return rollback


def _verify(table: Table | None) -> Verify:
    usual = Verify()
    if table is None:
        return usual
    watches = []
    for one in table.tables("metrics"):
        watches.append(Watch(one.name("indicator", must=True), one.choice("better", ("lower", "higher"), "lower")))
        one.done()
    verify = Verify(table.seconds("wait_seconds", usual.wait_seconds, most=86400.0), tuple(watches))
    table.done()
    return verify
