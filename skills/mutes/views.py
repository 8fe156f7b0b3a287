"""What is held back, by whom, why and until when. Pure."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w
from bot.domain.hold import HoldKind
from bot.domain.incident import Alert, Mute
from bot.domain.maintenance import EVERY_SERVICE
from skills.mutes.logic import Quiet, Window

Shown = tuple[str, list[dict[str, Any]]]
MOST = 8


def everything(found: Quiet, command: str) -> Shown:
    """All of it, mutes with a button to end them."""
    shown: list[Block] = [b.header(_head(found))]
    for mute in found.mutes[:MOST]:
        shown += [b.text(_mute(mute, found)), b.actions(b.button("End this mute", "mutes:end", mute.id))]
    if len(found.mutes) > MOST:
        shown.append(b.small(f"and {len(found.mutes) - MOST} more mutes"))
    shown += [b.text(_window(one, found)) for one in found.windows[:MOST]]
    shown += [
        b.text(f"*Held back*  {w.line(reason, 300)}: {w.plural(len(alerts), 'alert')}{_named(alerts)}")
        for reason, alerts in list(found.inhibited.items())[:MOST]
    ]
    rules = f"{w.plural(found.inhibit, 'inhibition rule')} in fettle.yaml. " if found.inhibit else ""
    shown.append(
        b.small(
            f"{rules}What still fires when its reason ends opens an incident then. `{command} mutes end <id>` ends a "
            "mute; windows and rules stand in fettle.yaml."
        )
    )
    return _head(found), b.plain(shown)


def _head(found: Quiet) -> str:
    now = sum(one.now for one in found.windows)
    parts = [w.plural(len(found.mutes), "mute")] if found.mutes else []
    parts += [f"{w.plural(now, 'maintenance window')} now"] if now else []
    parts += [f"{w.plural(len(found.held), 'alert')} held back"] if found.held else []
    return ", ".join(parts) or "Nothing is muted, and nothing is held back"


def _mute(mute: Mute, found: Quiet) -> str:
    about = f"*{w.line(mute.service, 60)}*" + (f", alert {w.line(mute.alert, 80)}" if mute.alert else "")
    why = w.line(mute.why, 150) or "no reason given"
    back = _back(found.behind(HoldKind.MUTE, mute.id))
    return f"{about} muted by <@{mute.by}> until {w.moment(mute.until)}: {why}{back}\n`{mute.id}`"


def _window(one: Window, found: Quiet) -> str:
    window = one.maintenance
    services = (
        "every service" if EVERY_SERVICE in window.services else w.listed([w.line(s, 60) for s in window.services])
    )
    when = f"until {w.moment(one.end)}" if one.now else f"{w.moment(one.start)} to {w.moment(one.end)}"
    often = f" (`{w.line(window.crontab.text, 60)}`)" if window.crontab else ""
    state = "*Maintenance*" if one.now else "Coming maintenance"
    joins = " Alerts may join an open incident." if window.joins else ""
    back = _back(found.behind(HoldKind.MAINTENANCE, window.name)) if one.now else ""
    who, why = w.told(window.who, 60), w.line(window.why, 150)
    return f"{state}  *{services}* {when}{often}, by {who}: {why}.{joins}{back}"


def _back(alerts: Sequence[Alert]) -> str:
    return f"  _{w.plural(len(alerts), 'alert')} held back{_named(alerts)}_" if alerts else ""


def _named(alerts: Sequence[Alert]) -> str:
    names = sorted({w.line(one.name, 60) for one in alerts})
    return f" ({w.listed(names, 3)})" if names else ""


def ended(mute: Mute, held: int) -> str:
    """A mute was ended."""
    then = (
        f" {w.plural(held, 'alert')} that it held back {'is' if held == 1 else 'are'} looked at again." if held else ""
    )
    return f"The mute of {w.line(mute.service, 60)} is over.{then}"
