"""What a Web API method is, and the arguments that it is called with."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.workspace.records import Conversation, Message
from bot.workspace.refusal import SlackRefusal
from bot.workspace.seed import SeedPerson
from bot.workspace.workspace import Workspace

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call, already authorized. Arguments arrive as text from a form, or as they are from JSON.

    ``caller`` is another bot, None for the app.
    """

    workspace: Workspace
    args: Json
    caller: SeedPerson | None = None

    def text(self, name: str, default: str = "") -> str:
        value = self.args.get(name)
        return default if value is None else str(value)

    def needed(self, name: str, code: str = "invalid_arguments") -> str:
        """A required text."""
        value = self.text(name)
        if not value:
            raise SlackRefusal(code, (f"missing required field: {name}",))
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.args.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def whole(self, name: str, default: int, most: int) -> int:
        """A count between 1 and ``most``."""
        try:
            value = int(self.text(name, str(default)))
        except ValueError as error:
            raise SlackRefusal("invalid_arguments", (f"must be an integer: {name}",)) from error
        if value < 1:
            raise SlackRefusal("invalid_limit")
        return min(value, most)

    def structure(self, name: str, code: str) -> Any:  # noqa: ANN401 - what JSON holds is checked by the limits
        """An argument that is JSON: encoded as text in a form. ``None`` when it was not sent."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise SlackRefusal(code) from error

    def ids(self, name: str) -> list[str]:
        """Ids separated by commas, or a JSON list."""
        value = self.args.get(name)
        given = value if isinstance(value, list) else self.text(name).split(",")
        return [str(one).strip() for one in given if str(one).strip()]

    def channel(self, name: str = "channel") -> Conversation:
        """A conversation that the app can see."""
        where = self.workspace.state.conversation(self.needed(name, "channel_not_found"), self.workspace.clock())
        if not where.visible_to(self.app_user):
            raise SlackRefusal("channel_not_found")
        return where

    def member_of(self, name: str = "channel", *, archived: bool = False) -> Conversation:
        """A conversation that the app is in; by default not an archived one."""
        where = self.channel(name)
        if where.archived and not archived:
            raise SlackRefusal("is_archived")
        if self.app_user not in where.members:
            raise SlackRefusal("not_in_channel")
        return where

    def message(self, where: Conversation, name: str = "ts") -> Message:
        message = self.workspace.state.message(where.id, self.text(name))
        if message is None or message.only_for:
            raise SlackRefusal("message_not_found")
        return message

    @property
    def app_user(self) -> str:
        """The user id of the bot that calls."""
        return self.caller.id if self.caller else self.workspace.seed.app.user


@dataclass(frozen=True, slots=True)
class Method:
    """``tier`` is Slack's rate tier, 0 for the specially generous ones. ``token`` is ``bot``, ``app`` or ``none``."""

    answer: Callable[[Call], Json]
    tier: int = 3
    token: str = "bot"  # noqa: S105 - the kind of token, not one


def page(things: list[Any], call: Call, *, default: int = 100, most: int = 1000) -> tuple[list[Any], str]:
    """The part of a list that ``cursor`` and ``limit`` ask for, and the cursor of the next part (empty at the end)."""
    limit = call.whole("limit", default, most)
    start = 0
    if cursor := call.text("cursor"):
        try:
            start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
        except (binascii.Error, ValueError) as error:
            raise SlackRefusal("invalid_cursor") from error
    end = start + limit
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(things) else ""
    return things[start:end], following


def with_cursor(body: Json, following: str) -> Json:
    """The answer with its ``response_metadata``."""
    return body | {"response_metadata": {"next_cursor": following}}
