"""What the workspace knows: conversations, messages, views and files, and how to find them."""

from typing import Any

from bot.workspace.records import Conversation, Message, Upload, View
from bot.workspace.refusal import SlackRefusal
from bot.workspace.seed import Seed
from bot.workspace.storage import Storage

Json = dict[str, Any]


class State:
    """In memory, written through to ``storage``. Nothing here checks rights or tells anybody."""

    def __init__(self, seed: Seed, storage: Storage, now: float) -> None:
        self.seed = seed
        self._storage = storage
        self.people = {person.id: person for person in seed.people}
        self.conversations: dict[str, Conversation] = {}
        self.messages: dict[str, dict[str, Message]] = {}
        self._threads: dict[tuple[str, str], dict[str, Message]] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.uploads: dict[str, Upload] = {}
        self._load()
        self._sow(int(now))

    def _load(self) -> None:
        for body, _ in self._storage.load("conversation"):
            self.conversations[body["id"]] = Conversation(**body)
        for body, _ in self._storage.load("message"):
            message = Message(**body)
            self._index(message)
        for body, _ in self._storage.load("home"):
            self.homes[body["person"]] = View(**body)
        for body, content in self._storage.load("upload"):
            self.uploads[body["id"]] = Upload(**body, content=content)

    def _sow(self, now: int) -> None:
        everybody = [*self.people, self.seed.app.user]
        for channel in self.seed.channels:
            if channel.id not in self.conversations:
                members = everybody if channel.members is None else list(channel.members)
                kind = "group" if channel.private else "channel"
                self.keep(
                    Conversation(
                        channel.id, channel.name, kind, list(members), now, members[0] if members else "",
                        channel.topic, channel.purpose,
                    )
                )  # fmt: skip
        for person in self.seed.people:
            if not person.bot:
                self.direct(person.id, self.seed.app.user, now)

    def _index(self, message: Message) -> None:
        self.messages.setdefault(message.channel, {})[message.ts] = message
        if message.thread and not message.only_for:
            self._threads.setdefault((message.channel, message.thread), {})[message.ts] = message

    def newest_ts(self) -> str:
        """The last ``ts`` given in an earlier run; ``0`` in a new workspace."""
        return max((ts for channel in self.messages.values() for ts in channel), default="0")

    def keep(self, thing: Conversation | Message | Upload) -> None:
        """Store a new or changed record."""
        if isinstance(thing, Conversation):
            self.conversations[thing.id] = thing
            self._storage.put("conversation", thing.id, thing.record())
        elif isinstance(thing, Message):
            self._index(thing)
            self._storage.put("message", f"{thing.channel}:{thing.ts}", thing.record())
        else:
            self.uploads[thing.id] = thing
            self._storage.put("upload", thing.id, thing.record(), thing.content)

    def keep_home(self, view: View) -> None:
        self.homes[view.person] = view
        self._storage.put("home", view.person, view.record())

    def forget(self, message: Message) -> None:
        self.messages[message.channel].pop(message.ts, None)
        self._threads.get((message.channel, message.thread), {}).pop(message.ts, None)
        self._storage.remove("message", f"{message.channel}:{message.ts}")

    def close(self) -> None:
        self._storage.close()

    def direct(self, one: str, other: str, now: int) -> Conversation:
        """The direct messages between two, made when there are none."""
        pair = {one, other}
        for conversation in self.conversations.values():
            if conversation.kind == "im" and set(conversation.members) == pair:
                return conversation
        # With the app, the id names the other one, so that it is the same in every run.
        guests = sorted(pair - {self.seed.app.user})
        conversation = Conversation("D" + "".join(guest[1:] for guest in guests), "", "im", [one, other], now)
        self.keep(conversation)
        return conversation

    def conversation(self, reference: str, now: float) -> Conversation:
        """By id, by ``#name`` or name, or a user's id for direct messages with the app. Raises channel_not_found."""
        found = self.conversations.get(reference)
        if found is None and reference in self.people:
            return self.direct(reference, self.seed.app.user, int(now))
        if found is None:
            name = reference.removeprefix("#")
            found = next((c for c in self.conversations.values() if c.name == name and name), None)
        if found is None:
            raise SlackRefusal("channel_not_found")
        return found

    def message(self, channel: str, ts: str) -> Message | None:
        return self.messages.get(channel, {}).get(ts)

    def ordered(self, channel: str) -> list[Message]:
        """All messages of a conversation, oldest first, replies and ephemeral ones among them."""
        # Every ts is later than the one before, and the file gives them back in order.
        return list(self.messages.get(channel, {}).values())

    def replies(self, channel: str, thread_ts: str) -> list[Message]:
        """The replies in a thread that everybody can see, oldest first, without the parent."""
        return list(self._threads.get((channel, thread_ts), {}).values())

    def person_name(self, user: str) -> str:
        """The handle of a person, or of the app."""
        person = self.people.get(user)
        return person.name if person else self.seed.app.name.lower()

    def known_file(self, reference: str) -> bool:
        """Whether an uploaded file has this id, or this address."""
        return self.file(reference) is not None

    def file(self, reference: str) -> Upload | None:
        """A completed upload by its id or by an address that ends in ``/files/<id>/<name>``."""
        parts = reference.split("/")
        upload = self.uploads.get(reference) or next((self.uploads[p] for p in parts if p in self.uploads), None)
        return upload if upload is not None and upload.complete else None
