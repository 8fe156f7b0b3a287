"""Answers that an app sends to a ``response_url`` or as the acknowledgement of a command."""

from collections.abc import Callable
from typing import Any

from bot.workspace.ids import Ids
from bot.workspace.limits import check_message
from bot.workspace.posting import Posting
from bot.workspace.records import Message, ResponseUrl
from bot.workspace.refusal import SlackRefusal
from bot.workspace.state import State
from bot.workspace.timing import Timing

Json = dict[str, Any]

_NOT_FOUND = 404
_BAD_REQUEST = 400


class Responses:
    """Issues the addresses and carries out what is sent there."""

    def __init__(self, state: State, posting: Posting, ids: Ids, clock: Callable[[], float], timing: Timing) -> None:
        self._state = state
        self._posting = posting
        self._ids = ids
        self._clock = clock
        self._timing = timing
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, person: str, channel: str, message: Message | None = None) -> str:
        """The path of a new address, good for five uses within half an hour."""
        now = self._clock()
        self._issued = {key: one for key, one in self._issued.items() if one.expires > now - 600}
        key = self._ids.secret()
        self._issued[key] = ResponseUrl(
            person,
            channel,
            now + self._timing.response_url,
            message.ts if message else "",
            ephemeral=bool(message and message.only_for),
        )
        return f"/hooks/{self._state.seed.team_id}/{key}"

    def use(self, key: str, body: Json) -> None:
        """What an app posts to an address. Refused with ``expired_url`` or ``used_url`` as Slack does."""
        issued = self._issued.get(key)
        if issued is None or self._clock() > issued.expires:
            raise SlackRefusal("expired_url", status=_NOT_FOUND)
        if issued.uses >= self._timing.response_uses:
            raise SlackRefusal("used_url", status=_NOT_FOUND)
        issued.uses += 1
        try:
            self.answer(issued, body)
        except SlackRefusal as refusal:
            raise SlackRefusal(refusal.code, refusal.messages, status=_BAD_REQUEST) from refusal

    def acknowledged(self, person: str, channel: str, body: Json) -> None:
        """The payload with which an app acknowledged a command."""
        self.answer(ResponseUrl(person, channel, 0.0), body)

    def answer(self, issued: ResponseUrl, body: Json) -> None:
        original = self._state.message(issued.channel, issued.message_ts) if issued.message_ts else None
        if body.get("delete_original"):
            if original is None:
                raise SlackRefusal("message_not_found")
            self._posting.delete(original)
            return
        text, blocks, attachments = str(body.get("text") or ""), body.get("blocks"), body.get("attachments")
        check_message(text, blocks, attachments, body.get("metadata"), self._state.known_file)
        said = {name: body[name] for name in ("blocks", "attachments", "metadata") if body.get(name)}
        if body.get("replace_original"):
            if original is None:
                raise SlackRefusal("message_not_found")
            kept = {k: v for k, v in original.body.items() if k not in ("blocks", "attachments")}
            edited = {"user": self._state.seed.app.bot_id, "ts": self._ids.timestamp(self._clock())}
            self._posting.change(original, kept | said | {"text": text, "edited": edited})
            return
        where = self._state.conversations[issued.channel]
        message = self._posting.app_body(text) | said
        if body.get("thread_ts"):
            message["thread_ts"] = body["thread_ts"]
        only_for = "" if body.get("response_type") == "in_channel" else issued.person
        self._posting.post(where, self._state.seed.app.user, message, only_for)
