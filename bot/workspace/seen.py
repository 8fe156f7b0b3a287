"""What a person sees: messages and views, read as text and as things to press. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.errors import NotFound
from bot.workspace.block_limits import elements_of

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action. ``error`` is Slack's word (``operation_timeout``), ``errors`` a modal's by block id."""

    ok: bool
    error: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Element:
    """Something to press, choose in or type into. ``label`` is what is written on it or beside it."""

    block_id: str
    action_id: str
    label: str
    raw: Json


def _texts(part: object) -> Iterator[str]:
    """Every text a reader sees in blocks, in order; values and ids are not seen."""
    if isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, dict):
        readable = ("text", "alt_text", "fallback") if part.get("type") == "date" else ("text", "alt_text")
        for name, value in part.items():
            if name in readable and isinstance(value, str):
                yield value
            elif name not in ("confirm", "value"):
                yield from _texts(value)


def _label(block: Json, element: Json) -> str:
    if "text" in element:
        return str(element["text"]["text"])
    if "label" in block:
        return str(block["label"]["text"])
    return str((element.get("placeholder") or {}).get("text", ""))


def elements(blocks: list[Json]) -> list[Element]:
    """Every interactive element of the blocks."""
    return [
        Element(str(block["block_id"]), str(element["action_id"]), _label(block, element), element)
        for block in blocks
        for element in elements_of(block)
        if "action_id" in element
    ]


def find_element(blocks: list[Json], what: str) -> Element:
    """The first element with this action id, block id or label. Raises NotFound naming those that are there."""
    there = elements(blocks)
    for name in ("action_id", "label", "block_id"):
        for one in there:
            if getattr(one, name) == what:
                return one
    names = ", ".join(f"{one.label or '-'} ({one.action_id})" for one in there)
    raise NotFound(f"There is no “{what}” here; there is {names or 'nothing to press'}.")


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message as one person sees it. ``raw`` is in Slack's shape, with ``channel`` and ``ephemeral`` added."""

    raw: Json

    @property
    def ts(self) -> str:
        return str(self.raw["ts"])

    @property
    def channel(self) -> str:
        return str(self.raw["channel"])

    @property
    def thread_ts(self) -> str:
        """The parent's ``ts`` when this is a reply or has replies; else empty."""
        return str(self.raw.get("thread_ts", ""))

    @property
    def text(self) -> str:
        """The plain fallback text, as sent."""
        return str(self.raw.get("text", ""))

    @property
    def author(self) -> str:
        """The user id, or the name under which a bot posted."""
        return str(self.raw.get("user") or self.raw.get("username") or self.raw.get("bot_id", ""))

    @property
    def ephemeral(self) -> bool:
        return bool(self.raw.get("ephemeral"))

    @property
    def edited(self) -> bool:
        return "edited" in self.raw

    @property
    def replies(self) -> int:
        return int(self.raw.get("reply_count", 0))

    @property
    def metadata(self) -> Json:
        return dict(self.raw.get("metadata") or {})

    @property
    def blocks(self) -> list[Json]:
        return list(self.raw.get("blocks") or [])

    @property
    def all_text(self) -> str:
        """Everything written in the message: its blocks where it has some, otherwise its text; then its files."""
        parts = list(_texts(self.blocks)) or [self.text]
        parts += [str(one.get("text") or one.get("fallback") or "") for one in self.raw.get("attachments") or []]
        parts += [str(one["title"]) for one in self.raw.get("files") or []]
        return "\n".join(part for part in parts if part)

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons, in order."""
        return [one.label for one in elements(self.blocks) if one.raw["type"] == "button"]

    def element(self, what: str) -> Element:
        """By action id, label or block id. Raises NotFound."""
        return find_element(self.blocks, what)


@dataclass(frozen=True, slots=True)
class SeenView:
    """A modal or Home tab."""

    raw: Json

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def title(self) -> str:
        return str(self.raw["title"]["text"])

    @property
    def callback_id(self) -> str:
        return str(self.raw["callback_id"])

    @property
    def blocks(self) -> list[Json]:
        return list(self.raw["blocks"])

    @property
    def all_text(self) -> str:
        """Everything written in the view below its title."""
        return "\n".join(_texts(self.blocks))

    @property
    def buttons(self) -> list[str]:
        return [one.label for one in elements(self.blocks) if one.raw["type"] == "button"]

    def element(self, what: str) -> Element:
        """By action id, label or block id. Raises NotFound."""
        return find_element(self.blocks, what)
