"""What a person does in the workspace, and what reaches the app because of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.errors import NotFound, Refused
from bot.workspace import inputs, payloads
from bot.workspace.delivery import Delivery, Envelope
from bot.workspace.ids import Ids
from bot.workspace.limits import TEXT, check_message, check_response_errors, check_view, reaction_name
from bot.workspace.modals import Modals
from bot.workspace.posting import Posting
from bot.workspace.records import Conversation, Message, View
from bot.workspace.refusal import SlackRefusal
from bot.workspace.responses import Responses
from bot.workspace.state import State

Json = dict[str, Any]

TROUBLE = "We had some trouble connecting. Try again?"
_TOKEN = re.compile(
    r"<(?:[@#][A-Z0-9]+(?:\|[^<>]*)?|!subteam\^[A-Z0-9]+|!here|!channel|https?://[^<>|\s]+(?:\|[^<>]*)?)>"
)
_NAME = re.compile(r"(?<![\w@#])([@#])([\w.-]*\w)")
_LINK = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)\]}'\"]")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an action. ``error`` is Slack's word, ``errors`` are a modal's by block id."""

    ok: bool = True
    error: str = ""
    errors: dict[str, str] = field(default_factory=dict)


class Acting:
    """The hands of every person. ``base_url`` is put in front of response addresses."""

    def __init__(
        self,
        state: State,
        posting: Posting,
        modals: Modals,
        responses: Responses,
        delivery: Delivery,
        ids: Ids,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._posting = posting
        self._modals = modals
        self._responses = responses
        self._delivery = delivery
        self._ids = ids
        self._clock = clock
        self._entered: dict[tuple[str, str, str], Json] = {}
        self.base_url = ""

    def place(self, person: str, channel: str) -> Conversation:
        """The conversation, if this person may see it. Raises NotFound."""
        if person not in self._state.people:
            raise NotFound(f"There is nobody with the id {person} in this workspace.")
        try:
            where = self._state.conversation(channel, self._clock())
        except SlackRefusal:
            where = None
        if where is None or not where.visible_to(person):
            raise NotFound(f"{person} sees no conversation {channel}.")
        return where

    def message(self, person: str, channel: str, ts: str) -> tuple[Conversation, Message]:
        """A message that this person can see. Raises NotFound."""
        where = self.place(person, channel)
        message = self._state.message(where.id, ts)
        if message is None or message.only_for not in ("", person):
            raise NotFound(f"{person} sees no message {ts} in {channel}.")
        return where, message

    def say(self, person: str, channel: str, text: str, thread_ts: str = "", extra: Json | None = None) -> Message:
        """Send a message. ``extra`` are blocks and attachments, which only bots can send."""
        where = self.place(person, channel)
        who = self._state.people[person]
        if where.archived:
            raise Refused(f"#{where.name} is archived.")
        if person not in where.members:
            self._posting.joined(where, person)
        body: Json = {"type": "message", "text": self._encode(text), "team": self._state.seed.team_id}
        if thread_ts:
            body["thread_ts"] = thread_ts
        if who.bot:
            body |= {"subtype": "bot_message", "bot_id": f"B{person[1:]}", "username": who.real_name}
            body |= {
                name: value for name, value in (extra or {}).items() if name in ("blocks", "attachments", "metadata")
            }
        else:
            body |= {"user": person, "client_msg_id": self._ids.envelope()}
        try:
            check_message(
                body["text"], body.get("blocks"), body.get("attachments"), body.get("metadata"), self._state.known_file
            )
            return self._posting.post(where, person, body)
        except SlackRefusal as refusal:
            raise Refused(f"The message was not sent: {refusal}") from refusal

    def _encode(self, text: str) -> str:
        """As the client sends it: ``&<>`` escaped, @names, #channels and links in angle brackets."""
        text = text[:TEXT]
        parts, end = [], 0
        for token in _TOKEN.finditer(text):
            parts += [self._encode_plain(text[end : token.start()]), token.group()]
            end = token.end()
        return "".join([*parts, self._encode_plain(text[end:])])

    def _encode_plain(self, text: str) -> str:
        parts, end = [], 0
        for link in _LINK.finditer(text):
            parts += [_NAME.sub(self._reference, _escape(text[end : link.start()])), f"<{_escape(link.group())}>"]
            end = link.end()
        return "".join([*parts, _NAME.sub(self._reference, _escape(text[end:]))])

    def _reference(self, match: re.Match[str]) -> str:
        sign, name = match.group(1), match.group(2).lower()
        if sign == "#":
            found = next((c for c in self._state.conversations.values() if c.name == name), None)
            return f"<#{found.id}|{found.name}>" if found else match.group()
        app = self._state.seed.app
        if name == app.name.lower():
            return f"<@{app.user}>"
        for person in self._state.people.values():
            if name == person.name:
                return f"<@{person.id}>"
        for group in self._state.seed.groups:
            if name == group.handle:
                return f"<!subteam^{group.id}>"
        return match.group()

    async def command(self, person: str, channel: str, text: str) -> Result:
        """Type a slash command, such as ``/fettle status``, in a channel."""
        where = self.place(person, channel)
        name, _, rest = text.strip().partition(" ")
        if name not in {command.command for command in self._state.seed.app.commands}:
            self._posting.notice(where, person, f"`{_escape(name)}` is not a valid command.")
            return Result(ok=False, error="invalid_command")
        payload = payloads.command(self._state.seed, person, where, name, _escape(rest.strip()))
        payload |= {
            "response_url": self.base_url + self._responses.issue(person, where.id),
            "trigger_id": self._modals.trigger(person),
        }
        answer = await self._delivery.once(Envelope.COMMAND, payload)
        failure = answer.failure
        if answer.payload:
            try:
                self._responses.acknowledged(person, where.id, answer.payload)
            except SlackRefusal:
                failure = "invalid_command_response"
        if failure:
            self._posting.notice(where, person, f'{name} failed with the error "{failure}"')
        return Result(not failure, failure)

    async def press(self, person: str, where_ts: tuple[str, str], ids: tuple[str, str], choice: object) -> Result:
        """Press a button or choose in a menu of a message: (channel, ts), (block id, action id), the choice."""
        where, message = self.message(person, *where_ts)
        blocks = message.body.get("blocks") or []
        found = inputs.find(blocks, *ids)
        if found is None:
            raise NotFound(f"The message {message.ts} has no {ids[1]}; it may have changed in the meantime.")
        block_id, element = found
        action = inputs.action(element, block_id, choice, self._ids.timestamp(self._clock()))
        entered = self._entered.setdefault((person, where.id, message.ts), {})
        if inputs.is_stateful(element):
            entered.setdefault(block_id, {})[ids[1]] = choice
        body = self._posting.shown(message)
        payload = payloads.message_actions(
            self._state.seed, person, where, body, action, ephemeral=bool(message.only_for)
        )
        payload["state"] = {"values": inputs.state_values(blocks, entered)}
        payload["response_url"] = self.base_url + self._responses.issue(person, where.id, message)
        payload["trigger_id"] = self._modals.trigger(person)
        answer = await self._delivery.once(Envelope.INTERACTIVE, payload)
        return Result(answer.ok, answer.failure)

    def _view(self, person: str, view_id: str) -> View:
        home = self._state.homes.get(person)
        if home is not None and home.id == view_id:
            return home
        view = self._state.views.get(view_id)
        if view is None or view.person != person:
            raise NotFound("This dialog is closed already.")
        return view

    async def press_in_view(
        self, person: str, view_id: str, ids: tuple[str, str], choice: object, entered: Json
    ) -> Result:
        """As ``press``, in a modal or the home tab; ``entered`` is everything entered so far."""
        view = self._view(person, view_id)
        found = inputs.find(view.body["blocks"], *ids)
        if found is None:
            raise NotFound(f"The view has no {ids[1]}; it may have changed in the meantime.")
        block_id, element = found
        action = inputs.action(element, block_id, choice, self._ids.timestamp(self._clock()))
        _merge(view.inputs, entered)
        if inputs.is_stateful(element):
            view.inputs.setdefault(block_id, {})[ids[1]] = choice
        payload = payloads.view_actions(self._state.seed, person, self._modals.shown(view), action)
        modal = view_id if view.body["type"] == "modal" else ""
        payload["trigger_id"] = self._modals.trigger(person, modal)
        answer = await self._delivery.once(Envelope.INTERACTIVE, payload)
        return Result(answer.ok, answer.failure)

    async def submit(self, person: str, view_id: str, entered: Json) -> Result:
        """Submit a modal; what the app answers happens, and its errors come back."""
        view = self._view(person, view_id)
        _merge(view.inputs, entered)
        shown = self._modals.shown(view)
        if found := inputs.problems(view.body["blocks"], shown["state"]["values"]):
            return Result(ok=False, errors=found)
        payload = payloads.view_submission(self._state.seed, person, shown)
        payload["trigger_id"] = self._modals.trigger(person, view_id)
        answer = await self._delivery.once(Envelope.INTERACTIVE, payload)
        if not answer.ok:
            return Result(ok=False, error=TROUBLE)
        try:
            return self._submitted(view, answer.payload)
        except SlackRefusal as refusal:
            return Result(ok=False, error=f"{TROUBLE} ({refusal})")

    def _submitted(self, view: View, answer: Json) -> Result:
        known_file = self._state.known_file
        match answer.get("response_action"):
            case "errors":
                return Result(ok=False, errors=check_response_errors(answer.get("errors"), view.body))
            case "update":
                self._modals.replace(view, check_view(answer.get("view"), known_file))
            case "push":
                self._modals.push_for(view.person, check_view(answer.get("view"), known_file))
            case "clear":
                self._modals.close(view, everything=True)
            case _:
                self._modals.close(view, everything=False)
        return Result()

    async def dismiss(self, person: str, view_id: str, *, everything: bool = False) -> Result:
        """Close a modal without submitting it; the app hears of it when it asked to."""
        view = self._view(person, view_id)
        everything = everything or view.body["clear_on_close"]
        payloads_due = []
        for gone in self._modals.close(view, everything=everything):
            if gone.body["notify_on_close"]:
                shown = self._modals.shown(gone)
                payloads_due.append(payloads.view_closed(self._state.seed, person, shown, cleared=everything))
        for payload in payloads_due:
            await self._delivery.once(Envelope.INTERACTIVE, payload)
        return Result()

    async def shortcut(self, person: str, callback_id: str, where_ts: tuple[str, str] | None) -> Result:
        """Use a shortcut: on a message (channel, ts), or on the workspace without one."""
        if callback_id not in {one.callback_id for one in self._state.seed.app.shortcuts}:
            raise NotFound(f"The app has no shortcut {callback_id}.")
        now = self._ids.timestamp(self._clock())
        if where_ts is None:
            payload = payloads.global_shortcut(self._state.seed, person, callback_id, now)
        else:
            where, message = self.message(person, *where_ts)
            shown = self._posting.shown(message)
            payload = payloads.message_shortcut(self._state.seed, person, where, shown, callback_id, now)
            payload["response_url"] = self.base_url + self._responses.issue(person, where.id, message)
        payload["trigger_id"] = self._modals.trigger(person)
        answer = await self._delivery.once(Envelope.INTERACTIVE, payload)
        return Result(answer.ok, answer.failure)

    def open_app(self, person: str, tab: str) -> View | None:
        """Look at the app's home or messages tab; the app gets ``app_home_opened``. Gives the home tab so far."""
        where = self._state.direct(person, self._state.seed.app.user, int(self._clock()))
        now = self._ids.timestamp(self._clock())
        event: Json = {"type": "app_home_opened", "user": person, "channel": where.id, "tab": tab, "event_ts": now}
        home = self._state.homes.get(person)
        if home is not None and tab == "home":
            event["view"] = self._modals.shown(home)
        self._posting.event(event)
        return home

    def react(self, person: str, where_ts: tuple[str, str], name: str, *, add: bool) -> None:
        """Put an emoji on a message, or take it off again."""
        _, message = self.message(person, *where_ts)
        try:
            self.set_reaction(person, message, reaction_name(name), add=add)
        except SlackRefusal as refusal:
            raise Refused(f"The reaction was not changed: {refusal}") from refusal

    def set_reaction(self, user: str, message: Message, name: str, *, add: bool) -> None:
        """As ``react``, for the app too. Refuses with already_reacted or no_reaction."""
        reactions = [dict(one) for one in message.body.get("reactions", [])]
        mine = next((one for one in reactions if one["name"] == name), None)
        if add:
            if mine and user in mine["users"]:
                raise SlackRefusal("already_reacted")
            if mine is None:
                reactions.append(mine := {"name": name, "users": [], "count": 0})
            mine["users"] = [*mine["users"], user]
        else:
            if mine is None or user not in mine["users"]:
                raise SlackRefusal("no_reaction")
            mine["users"] = [one for one in mine["users"] if one != user]
        mine["count"] = len(mine["users"])
        self._posting.annotate(message, {"reactions": [one for one in reactions if one["users"]]})
        event = {
            "type": "reaction_added" if add else "reaction_removed",
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "item_user": message.owner,
            "event_ts": self._ids.timestamp(self._clock()),
        }
        self._posting.event(event)

    def read(self, person: str, channel: str, ts: str) -> None:
        """This person has read up to here."""
        where = self.place(person, channel)
        if ts > where.read.get(person, "0"):
            where.read[person] = ts
            self._state.keep(where)


def _merge(into: Json, entered: Json) -> None:
    for block_id, actions in entered.items():
        into.setdefault(block_id, {}).update(actions)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
