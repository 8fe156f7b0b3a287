"""The ``maintenance`` part of fettle.yaml: announced work, once or by the clock, during which alerts open nothing."""

from datetime import timedelta

from bot.domain.crontab import Crontab
from bot.domain.maintenance import EVERY_SERVICE, Maintenance
from bot.schema.table import Table

LONGEST = 7 * 86400.0
SERVICE = r"\*|[^\s*].{0,199}"


def read_maintenance(table: Table) -> tuple[Maintenance, ...]:
    """Every window, in their order. Names are told apart by a number."""
    windows: list[Maintenance] = []
    for one in table.tables("maintenance"):
        windows.append(_window(one, {window.name for window in windows}))
    return tuple(windows)


def _window(table: Table, taken: set[str]) -> Maintenance:
    services = table.texts("services", pattern=SERVICE, like=f"a service's name, or {EVERY_SERVICE} for all")
    if not services:
        table.place("services").error(f"{table.path}.services is missing: name them, or write [“*”] for all")
    who = table.text("who", must=True, most=100)
    why = table.text("why", must=True, most=300)
    name = table.text("name", why[:60], most=100)
    if name in taken:
        table.place("name").error(f"{table.path}: “{name}” is the name of another window; give each its own")
    joins = table.choice("alerts", ("hold", "join"), "hold") == "join"
    if "every" in table:
        lasts = timedelta(seconds=table.seconds("for", 0.0, least=60, most=LONGEST))
        if not lasts:
            table.place("for").error(f"{table.path}.for is missing: say how long it takes, such as 2h")
        window = Maintenance(name, services, who, why, crontab=_crontab(table), lasts=lasts, joins=joins)
    else:
        start, end = table.time("from"), table.time("until")
        if start and end and end <= start:
            table.place("until").error(f"{table.path}.until is not after from")
        window = Maintenance(name, services, who, why, start, end, joins=joins)
    table.done()
    return window


def _crontab(table: Table) -> Crontab | None:
    text = table.text("every", most=100)
    try:
        return Crontab.read(text)
    except ValueError as wrong:
        table.place("every").error(f"{table.path}.every: {wrong}; expected a crontab line such as 0 3 * * sun")
        return None
