"""Stopping and resuming all automation. Pure."""

from dataclasses import replace
from datetime import datetime

from bot.domain.journal import Entry
from bot.domain.policy import Automation
from bot.errors import Refused


def stop(automation: Automation, by: str, why: str, now: datetime) -> tuple[Automation, Entry]:
    """Nothing may change any more. Raises ``Refused`` when it is stopped already."""
    if automation.stopped:
        raise Refused(f"All automation is stopped already, by <@{automation.stopped_by}>.")
    stopped = replace(automation, stopped_by=by, stopped_at=now, why=why)
    return stopped, Entry("automation", "stop", by, "on", "stopped", why)


def resume(automation: Automation, by: str) -> tuple[Automation, Entry]:
    """Changes may be made again. Raises ``Refused`` when nothing is stopped."""
    if not automation.stopped:
        raise Refused("Automation is on; there is nothing to resume.")
    return replace(automation, stopped_by="", stopped_at=None, why=""), Entry(
        "automation", "resume", by, "stopped", "on"
    )
