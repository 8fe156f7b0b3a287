"""fettle.yaml: channels, roles, times, webhooks and knowledge."""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.domain.house import House
from bot.domain.incident import Grouping
from bot.domain.policy import ROLES, RoleMembers
from bot.domain.source import Source
from bot.schema.table import Table, near
from bot.schema.webhooks import read_webhooks

USER = r"[UW][A-Z0-9]{1,20}"
GROUP = r"S[A-Z0-9]{1,20}"
CHANNEL_ID = r"[CG][A-Z0-9]{2,20}"
CHANNEL = rf"{CHANNEL_ID}|#?[^\sA-Z#@,]{{1,80}}"


@dataclass(frozen=True, slots=True)
class HouseFile:
    """What fettle.yaml says."""

    house: House
    roles: Mapping[str, RoleMembers] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    knowledge: tuple[Path, ...] = ()


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
    )
    for part in (escalation, expiry, search, mute):
        if part:
            part.done()
    roles = _roles(table.table("roles"))
    _somebody(table, roles, house.escalate_role, "an incident that nobody acknowledges would be escalated to nobody")
    read = HouseFile(house, roles, read_webhooks(table.table("webhooks")), _knowledge(table, folder))
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
    )
    table.done()
    return grouping


def _zone(table: Table, usual: str) -> str:
    name = table.text("zone", usual, most=60)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = near(name, zoneinfo.available_timezones()) if "/" in name else ""
        table.place("zone").error(f"zone: found “{name}”, expected a time zone such as Europe/Vienna or UTC{hint[:80]}")
        return usual
    return name


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


def _knowledge(table: Table, folder: Path) -> tuple[Path, ...]:
    knowledge = table.table("knowledge")
    if knowledge is None:
        usual = folder / "runbooks"
        return (usual,) if usual.is_dir() else ()
    found: dict[str, Path] = {}
    for text, spot in knowledge.spotted("folders"):
        path = folder / Path(text).expanduser()
        name = path.resolve().name
        if not path.is_dir():
            spot.error(f"knowledge.folders: there is no folder {text} (relative paths begin beside fettle.yaml)")
        elif name in found:
            spot.error(
                f"knowledge.folders: {text} and {found[name]} are both called {name}, and citations go by that name"
            )
        else:
            found[name] = path
    knowledge.done()
    return tuple(found.values())
