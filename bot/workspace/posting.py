"""Messages come, change and go: stored, told to the people who can see them and to the app as events."""

from collections.abc import Callable
from typing import Any

from bot.workspace import payloads
from bot.workspace.block_limits import elements_of
from bot.workspace.delivery import Delivery
from bot.workspace.feed import Feed
from bot.workspace.ids import Ids
from bot.workspace.records import Conversation, Message
from bot.workspace.refusal import SlackRefusal
from bot.workspace.state import State

Json = dict[str, Any]

SYSTEM_USER = "USLACKBOT"
_CHANNEL_TYPE = {"channel": "C", "group": "G", "im": "D"}


class Posting:
    """The one place where messages change."""

    def __init__(self, state: State, feed: Feed, delivery: Delivery, ids: Ids, clock: Callable[[], float]) -> None:
        self._state = state
        self._feed = feed
        self._delivery = delivery
        self._ids = ids
        self._clock = clock
        ids.after(state.newest_ts())

    def app_body(self, text: str) -> Json:
        """The frame of a message by the app."""
        app = self._state.seed.app
        return {
            "type": "message",
            "user": app.user,
            "bot_id": app.bot_id,
            "app_id": app.id,
            "team": self._state.seed.team_id,
            "text": text,
            "bot_profile": {
                "id": app.bot_id,
                "app_id": app.id,
                "user_id": app.user,
                "name": app.name,
                "team_id": self._state.seed.team_id,
                "deleted": False,
            },
        }

    def fill_ids(self, blocks: list[Json]) -> list[Json]:
        """The blocks with a ``block_id`` and ``action_id`` wherever there was none."""
        filled = []
        for given in blocks:
            block = dict(given)
            block["block_id"] = block.get("block_id") or self._ids.block()
            for name in ("accessory", "element"):
                if isinstance(block.get(name), dict):
                    block[name] = dict(block[name])
            if block["type"] in ("actions", "context_actions"):
                block["elements"] = [dict(element) for element in block["elements"]]
            for element in elements_of(block):
                element["action_id"] = element.get("action_id") or self._ids.block()
            filled.append(block)
        return filled

    def post(self, where: Conversation, owner: str, body: Json, only_for: str = "") -> Message:
        """A new message. ``thread_ts`` in the body must be a message; a reply's is replaced by its parent's."""
        ts = self._ids.timestamp(self._clock())
        body = dict(body)
        if body.get("blocks"):
            body["blocks"] = self.fill_ids(body["blocks"])
        if thread := body.get("thread_ts"):
            body["thread_ts"] = self._thread_root(where, str(thread), only_for)
        message = Message(where.id, ts, owner, body | {"ts": ts}, only_for)
        self._state.keep(message)
        self._tell("message", message)
        if message.thread:
            self._tell_parent(message)
        if not only_for:
            self._events(where, message)
        return message

    def _thread_root(self, where: Conversation, thread: str, only_for: str) -> str:
        parent = self._state.message(where.id, thread)
        if parent is None or (parent.only_for and not only_for):
            raise SlackRefusal("cannot_reply_to_message")
        return parent.thread or parent.ts

    def change(self, message: Message, body: Json) -> None:
        """The message has this body from now on."""
        if body.get("blocks"):
            body = body | {"blocks": self.fill_ids(body["blocks"])}
        previous, message.body = message.body, body
        self._state.keep(message)
        self._tell("changed", message)
        if not message.only_for:
            self._message_event(message, {"subtype": "message_changed", "message": body, "previous_message": previous})

    def delete(self, message: Message) -> None:
        """The message goes; a parent with replies leaves a trace, as in Slack."""
        if self._state.replies(message.channel, message.ts):
            kept = {"type": "message", "subtype": "tombstone", "user": SYSTEM_USER, "hidden": True}
            message.body = kept | {"text": "This message was deleted.", "ts": message.ts, "thread_ts": message.ts}
            self._state.keep(message)
            self._tell("changed", message)
        else:
            self._state.forget(message)
            self._tell("deleted", message)
            if message.thread:
                self._tell_parent(message)
        if not message.only_for:
            self._message_event(message, {"subtype": "message_deleted", "deleted_ts": message.ts})

    def annotate(self, message: Message, changes: Json) -> None:
        """Reactions and pins: seen at once, but not an edit."""
        message.body = message.body | changes
        self._state.keep(message)
        self._tell("changed", message)

    def notice(self, where: Conversation, person: str, text: str, thread_ts: str = "") -> Message:
        """A sentence from the workspace itself that only this person sees."""
        body: Json = {"type": "message", "user": SYSTEM_USER, "username": self._state.seed.team_name, "text": text}
        if thread_ts:
            body["thread_ts"] = thread_ts
        return self.post(where, SYSTEM_USER, body, only_for=person)

    def shown(self, message: Message, *, metadata: bool = True) -> Json:
        """The message as the API gives it out, with what its thread adds to it."""
        body = dict(message.body)
        if not metadata:
            body.pop("metadata", None)
        replies = [] if message.thread else self._state.replies(message.channel, message.ts)
        if replies:
            users = list(dict.fromkeys(str(r.body.get("user") or r.body.get("bot_id")) for r in replies))
            body |= {
                "thread_ts": message.ts,
                "reply_count": len(replies),
                "reply_users_count": len(users),
                "reply_users": users[:5],
                "latest_reply": replies[-1].ts,
                "is_locked": False,
            }
        return body

    def seen(self, message: Message) -> Json:
        """The message as the page gets it."""
        return self.shown(message) | {"channel": message.channel, "ephemeral": bool(message.only_for)}

    def audience(self, where: Conversation) -> frozenset[str] | None:
        """Who may see a conversation; ``None`` for everybody."""
        return None if where.kind == "channel" else frozenset(where.members)

    def event(self, body: Json) -> None:
        """Send an event to the app, when it has asked for events of this kind."""
        app = self._state.seed.app
        kind = str(body["type"])
        wanted = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}
        name = wanted.get(str(body.get("channel_type")), kind) if kind == "message" else kind
        if name in app.events:
            event_id = self._ids.slack("Ev")
            self._delivery.event(payloads.event(self._state.seed, body, event_id, int(self._clock())))

    def _tell(self, kind: str, message: Message) -> None:
        where = self._state.conversations[message.channel]
        only_for = frozenset({message.only_for}) if message.only_for else self.audience(where)
        told = {"kind": kind, "channel": message.channel, "ts": message.ts, "message": self.seen(message)}
        self._feed.publish(told, only_for)

    def _tell_parent(self, reply: Message) -> None:
        parent = self._state.message(reply.channel, reply.thread)
        if parent is not None and not reply.only_for:
            self._tell("changed", parent)

    def _events(self, where: Conversation, message: Message) -> None:
        app = self._state.seed.app
        if app.user not in where.members:
            return
        event = {name: value for name, value in message.body.items() if name not in ("bot_profile", "metadata")}
        if message.thread:
            parent = self._state.message(where.id, message.thread)
            event["parent_user_id"] = parent.owner if parent else ""
        event |= {"channel": where.id, "channel_type": where.kind, "event_ts": message.ts}
        self.event(event)
        if where.kind != "im" and f"<@{app.user}>" in message.body.get("text", "") and message.owner != app.user:
            self.event({**{k: v for k, v in event.items() if k != "channel_type"}, "type": "app_mention"})

    def _message_event(self, message: Message, body: Json) -> None:
        where = self._state.conversations[message.channel]
        if self._state.seed.app.user in where.members:
            now = self._ids.timestamp(self._clock())
            frame = {"type": "message", "channel": where.id, "channel_type": where.kind, "ts": now, "event_ts": now}
            self.event(frame | {"hidden": True} | body)

    def joined(self, where: Conversation, user: str, inviter: str = "") -> None:
        """A person or the app came into a channel."""
        where.members.append(user)
        self._state.keep(where)
        self._feed.publish({"kind": "conversations"})
        body = {"type": "message", "subtype": "channel_join", "user": user, "text": f"<@{user}> has joined the channel"}
        self.post(where, user, body | ({"inviter": inviter} if inviter else {}))
        if self._state.seed.app.user in where.members:
            event = {"type": "member_joined_channel", "user": user, "channel": where.id, "inviter": inviter}
            event |= {"channel_type": _CHANNEL_TYPE[where.kind], "team": self._state.seed.team_id}
            self.event(event | {"event_ts": self._ids.timestamp(self._clock())})
