"""The ``watch`` part of fettle.yaml: the channels in which other bots' messages are alerts."""

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.domain.received import pattern
from bot.domain.signal import Severity
from bot.domain.watch import GROUPS, RESOLVED, Told, Watch
from bot.schema.table import Table

CHANNEL_ID = r"[CG][A-Z0-9]{2,20}"
CHANNEL = rf"{CHANNEL_ID}|#?[^\sA-Z#@,]{{1,80}}"


def read_watch(table: Table) -> tuple[Watch, ...]:
    """Every watched channel, in their order."""
    return tuple(_watch(one) for one in table.tables("watch"))


def _watch(table: Table) -> Watch:
    channel = table.text("channel", must=True, pattern=CHANNEL, like="a channel's id (C0123456789) or name (#alerts)")
    senders = table.texts("from", pattern=r"[^\s].{0,79}", like="the id of a bot or an app, or the name of a bot")
    if not senders:
        table.place("from").error(
            f"{table.path}.from is missing: say whose messages are alerts, such as [B0123456789, Alertmanager]"
        )
    usual = Watch(channel if re.fullmatch(CHANNEL_ID, channel) else "#" + channel.removeprefix("#"), senders)
    severity = table.choice("severity", ("", *Severity), "")
    watch = replace(
        usual,
        every=table.choice("shape", ("known", "every"), "known") == "every",
        name=table.choice("name", tuple(Told), Told.TITLE),
        pattern=_pattern(table),
        resolved=tuple(word.lower() for word in table.texts("resolved", RESOLVED)),
        service=table.text("service", most=200),
        severity=Severity(severity) if severity else None,
        environment=table.text("environment", most=200),
        source=replace(usual.source, services=_services(table)),
    )
    table.done()
    return watch


def _pattern(table: Table) -> re.Pattern[str] | None:
    text = table.text("pattern", most=500)
    if not text:
        return None
    place = table.place("pattern")
    try:
        found = pattern(text, re.IGNORECASE | re.MULTILINE)
    except ValueError as wrong:
        place.error(f"{table.path}.pattern: {wrong}")
        return None
    unknown = set(found.groupindex) - GROUPS
    if unknown:
        place.error(f"{table.path}.pattern: {', '.join(sorted(unknown))}: the groups are {', '.join(sorted(GROUPS))}")
    return found


def _services(table: Table) -> Mapping[str, tuple[str, ...]]:
    inner = table.table("services")
    return {key.lower(): inner.texts(key, pattern=r"[^\s].{0,199}") for key in inner.keys()} if inner else {}  # noqa: SIM118  # a Table is no mapping
