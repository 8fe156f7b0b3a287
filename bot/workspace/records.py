"""The things a workspace keeps. Bodies are in the shape in which Slack's API gives them out."""

from dataclasses import asdict, dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Message:
    """A message, or an ephemeral one when ``only_for`` names its single reader.

    ``owner`` is the user id of who may update it; ``body`` holds ``ts``, ``text``, ``blocks``, ``metadata`` and so on.
    """

    channel: str
    ts: str
    owner: str
    body: Json
    only_for: str = ""

    @property
    def thread(self) -> str:
        """The parent's ``ts``; empty when this is not a reply."""
        thread = str(self.body.get("thread_ts", ""))
        return "" if thread == self.ts else thread

    def record(self) -> Json:
        return asdict(self)


@dataclass(slots=True)
class Conversation:
    """A channel, private channel (``group``) or direct message (``im``)."""

    id: str
    name: str
    kind: str
    members: list[str]
    created: int
    creator: str = ""
    topic: str = ""
    purpose: str = ""
    archived: bool = False
    read: dict[str, str] = field(default_factory=dict)

    def record(self) -> Json:
        return asdict(self)

    def visible_to(self, user: str) -> bool:
        """Public channels are everybody's; the rest belong to their members."""
        return self.kind == "channel" or user in self.members


@dataclass(slots=True)
class View:
    """A modal or a home tab as one person has it. ``inputs`` is what that person has entered so far."""

    id: str
    person: str
    body: Json
    inputs: Json = field(default_factory=dict)

    def record(self) -> Json:
        return asdict(self)


@dataclass(slots=True)
class Upload:
    """A file: announced first, then sent, then completed."""

    id: str
    name: str
    title: str
    length: int
    owner: str
    created: int
    mimetype: str
    alt: str = ""
    content: bytes | None = None
    complete: bool = False
    channels: list[str] = field(default_factory=list)

    def record(self) -> Json:
        record = asdict(self)
        del record["content"]
        return record


@dataclass(slots=True)
class Trigger:
    """A ``trigger_id``: who caused it and until when it opens a view. ``modal`` is the view it was pressed in."""

    person: str
    expires: float
    modal: str = ""
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """Where an app may answer an interaction: five times within half an hour."""

    person: str
    channel: str
    expires: float
    message_ts: str = ""
    ephemeral: bool = False
    uses: int = 0
