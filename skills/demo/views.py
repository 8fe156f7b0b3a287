"""What the demo's service can do. Pure."""

from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Block

from bot import blocks as b
from bot.domain import wording as w

Shown = tuple[str, list[dict[str, Any]]]


def faults(listed: Mapping[str, str], command: str) -> Shown:
    """The faults, each with the command that breaks it."""
    shown: list[Block] = [
        b.text("*The demo's small shop really breaks.* Choose how; the alert follows within half a minute.")
    ]
    shown += [b.text(f"`{command} demo break {name}`  {w.line(words, 250)}") for name, words in listed.items()]
    return "Faults of the demo", b.plain(shown)
