"""fettle.yaml: channels, roles, times, webhooks, watched channels, what is held back, and knowledge."""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.domain.grouping import Flapping, Grouping
from bot.domain.house import House, ModelBounds
from bot.domain.money import Budget, Prices
from bot.domain.policy import ROLES, RoleMembers
from bot.domain.reading import Reading
from bot.domain.source import Source
from bot.domain.watch import Watch
from bot.schema.inhibit import read_inhibit
from bot.schema.knowledge import read_knowledge
from bot.schema.maintenance import read_maintenance
from bot.schema.table import Table, near
from bot.schema.watch import CHANNEL, CHANNEL_ID, read_watch
from bot.schema.webhooks import read_webhooks

USER = r"[UW][A-Z0-9]{1,20}"
GROUP = r"S[A-Z0-9]{1,20}"


@dataclass(frozen=True, slots=True)
class HouseFile:
    """What fettle.yaml says."""

    house: House
    roles: Mapping[str, RoleMembers] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    knowledge: tuple[Reading, ...] = ()
    watch: tuple[Watch, ...] = ()


def read_house(table: Table, folder: Path) -> HouseFile:
    """Read the file's top mapping. Paths are relative to ``folder``."""
    alerts, approvals = _channels(table.table("channels", must=True))
    usual = House(alerts, approvals)
    escalation = table.table("escalation")
    expiry = table.table("approvals")
    search = table.table("search")
    mute = table.table("mute")
    house = House(
        alerts_channel=alerts,
        approvals_channel=approvals,
        command=table.text(
            "command", usual.command, pattern=r"/[a-z0-9_-]{1,31}", like="a slash command such as /fettle"
        ),
        escalate_after=escalation.seconds("after", usual.escalate_after, least=1)
        if escalation
        else usual.escalate_after,
        escalate_role=escalation.choice("role", tuple(ROLES), usual.escalate_role)
        if escalation
        else usual.escalate_role,
        approval_expires_after=(
            expiry.seconds("expire_after", usual.approval_expires_after, least=1)
            if expiry
            else usual.approval_expires_after
        ),
        search_window=search.seconds("window", usual.search_window, least=60) if search else usual.search_window,
        search_step=search.seconds("step", usual.search_step, least=0.1) if search else usual.search_step,
        search_guard=search.seconds("guard", usual.search_guard) if search else usual.search_guard,
        mute_seconds=mute.seconds("for", usual.mute_seconds, least=1) if mute else usual.mute_seconds,
        grouping=_grouping(table.table("grouping")),
        zone=_zone(table, usual.zone),
        model=_model(table.table("model"), usual.model),
        inhibit=read_inhibit(table),
        maintenance=read_maintenance(table),
    )
    for part in (escalation, expiry, search, mute):
        if part:
            part.done()
    roles = _roles(table.table("roles"))
    _somebody(table, roles, house.escalate_role, "an incident that nobody acknowledges would be escalated to nobody")
    read = HouseFile(
        house,
        roles,
        read_webhooks(table.table("webhooks")),
        read_knowledge(table.table("knowledge"), folder),
        read_watch(table),
    )
    table.done()
    return read


def _somebody(table: Table, roles: Mapping[str, RoleMembers], role: str, otherwise: str) -> None:
    members = roles.get(role)
    if members is None or not (members.users or members.groups):
        table.place("roles").warn(f"nobody has the role {role}: {otherwise}")


def _channels(table: Table | None) -> tuple[str, str]:
    if table is None:
        return "", ""
    like = "a channel's id (C0123456789) or name (#alerts, in lower case)"
    alerts = table.text("alerts", must=True, pattern=CHANNEL, like=like)
    approvals = table.text("approvals", alerts, pattern=CHANNEL, like=like)
    table.done()
    return _channel(alerts), _channel(approvals)


def _channel(text: str) -> str:
    return text if not text or re.fullmatch(CHANNEL_ID, text) else "#" + text.removeprefix("#")


def _grouping(table: Table | None) -> Grouping:
    usual = Grouping()
    if table is None:
        return usual
    grouping = Grouping(
        window=timedelta(seconds=table.seconds("window", usual.window.total_seconds(), least=1)),
        storm_after=table.whole("storm_after", usual.storm_after, least=2),
        storm_window=timedelta(seconds=table.seconds("storm_window", usual.storm_window.total_seconds(), least=1)),
        flapping=_flapping(table.table("flapping"), usual.flapping),
    )
    table.done()
    return grouping


def _flapping(table: Table | None, usual: Flapping) -> Flapping:
    if table is None:
        return usual
    flapping = Flapping(
        times=table.whole("times", usual.times, least=2, most=50),
        within=timedelta(seconds=table.seconds("within", usual.within.total_seconds(), least=60)),
        quiet=timedelta(seconds=table.seconds("quiet", usual.quiet.total_seconds(), least=60)),
    )
    table.done()
    return flapping


def _zone(table: Table, usual: str) -> str:
    name = table.text("zone", usual, most=60)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = near(name, zoneinfo.available_timezones()) if "/" in name else ""
        table.place("zone").error(f"zone: found “{name}”, expected a time zone such as Europe/Vienna or UTC{hint[:80]}")
        return usual
    return name


def _model(table: Table | None, usual: ModelBounds) -> ModelBounds:
    if table is None:
        return usual
    prices, budget = table.table("prices"), table.table("budget")
    bounds = ModelBounds(
        prices=Prices(prices.number("read", 0.0, least=0), prices.number("written", 0.0, least=0))
        if prices
        else usual.prices,
        budget=Budget(budget.maybe_number("incident"), budget.maybe_number("day")) if budget else usual.budget,
        seconds=table.seconds("within", usual.seconds, least=1),
        steps=table.whole("steps", usual.steps, least=1),
    )
    for part in (prices, budget, table):
        if part:
            part.done()
    return bounds


def _roles(table: Table | None) -> Mapping[str, RoleMembers]:
    roles: dict[str, RoleMembers] = {}
    for name, one in table.each() if table else ():
        if name not in ROLES:
            one.spot.error(f"roles.{name} is not a role{near(name, ROLES)}")
        roles[name] = RoleMembers(
            one.texts("users", pattern=USER, like="a Slack user's id, such as U0123456789"),
            one.texts("groups", pattern=GROUP, like="a Slack user group's id, such as S0123456789"),
        )
        one.done()
    return roles
