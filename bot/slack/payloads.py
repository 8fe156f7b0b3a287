"""What Slack's payloads say, read into plain words. Pure; whatever is missing reads as empty."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]

_LINK = re.compile(r"<((?:https?|mailto):[^<>|]+)(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^<>]*))?>")
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")
_FIRST_PERSON = re.compile(r"<@[A-Z0-9]+(?:\|[^<>]*)?>")
_GROUP = re.compile(r"<!(?:subteam\^)?([^<>|]+)(?:\|([^<>]*))?>")
_CHOSEN_ONE = ("selected_user", "selected_conversation", "selected_channel", "selected_date", "selected_time")
_CHOSEN_MANY = ("selected_users", "selected_conversations", "selected_channels")
_HUMAN_SUBTYPES = (None, "file_share", "thread_broadcast", "me_message")


def plain(text: str) -> str:
    """Slack's marked-up text as it was typed: links as addresses, ``#channel`` by name, people as ``<@id>``."""
    text = _LINK.sub(r"\1", text)
    text = _CHANNEL.sub(lambda found: f"#{found[2] or found[1]}", text)
    text = _PERSON.sub(r"<@\1>", text)
    text = _GROUP.sub(lambda found: found[2] or f"@{found[1]}", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def said_by_a_person(message: Body) -> bool:
    """Whether a person wrote it. Bots answering bots would never end, Fettle itself included."""
    if message.get("bot_id") or message.get("bot_profile") or message.get("hidden") or not message.get("user"):
        return False
    return message.get("subtype") in _HUMAN_SUBTYPES


def without_mention(text: str, body: Body) -> str:
    """The text without the mention that made it Fettle's, wherever that stands; nobody else's is taken away."""
    for one in body.get("authorizations") or ():
        mention = re.compile(rf"<@{re.escape(str(one.get('user_id', '')))}(?:\|[^<>]*)?>")
        if mention.search(text):
            return mention.sub(" ", text, count=1).strip()
    return _FIRST_PERSON.sub(" ", text, count=1).strip()


def value(element: Body) -> str:
    """What a button carries, or what a person chose or typed; several choices with commas between."""
    for name in ("value", *_CHOSEN_ONE):
        if element.get(name):
            return str(element[name])
    for name in _CHOSEN_MANY:
        if element.get(name):
            return ",".join(str(one) for one in element[name])
    if element.get("selected_options"):
        return ",".join(str(one.get("value", "")) for one in element["selected_options"])
    return str((element.get("selected_option") or {}).get("value", ""))


def values(view: Body) -> dict[str, str]:
    """What stands in a modal's fields, by block id."""
    state = (view.get("state") or {}).get("values") or {}
    return {block: value(next(iter(elements.values()))) for block, elements in state.items() if elements}


def first_input(view: Body) -> str:
    """The id of a modal's first field, under which an error can be shown."""
    return next((str(one.get("block_id", "")) for one in view.get("blocks") or () if one.get("type") == "input"), "")


def all_text(message: Body) -> str:
    """Everything that is written in a message: other bots often put it into blocks or attachments."""
    parts = [str(message.get("text") or ""), *_written(message.get("blocks"))]
    for one in message.get("attachments") or ():
        written = [str(one.get(name) or "") for name in ("pretext", "title", "text")]
        written += [f"{field.get('title', '')} {field.get('value', '')}" for field in one.get("fields") or ()]
        written += list(_written(one.get("blocks")))
        parts += written if any(part.strip() for part in written) else [str(one.get("fallback") or "")]
    return plain(" ".join(part.strip() for part in dict.fromkeys(parts) if part.strip()))


def _written(blocks: object) -> Iterator[str]:
    """The texts of blocks, however deep; what an element carries or asks before it acts is not one of them."""
    if isinstance(blocks, list):
        for one in blocks:
            yield from _written(one)
    elif isinstance(blocks, Mapping):
        if isinstance(blocks.get("text"), str):
            yield blocks["text"]
        for name in ("text", "fields", "elements"):
            if not isinstance(blocks.get(name), str):
                yield from _written(blocks.get(name))


def about(metadata: str) -> tuple[str, str, str]:
    """What a modal was opened for, its channel and its thread: the gateway puts them into its metadata."""
    what, _, where = metadata.partition("\n")
    channel, _, thread = where.partition(" ")
    return what, channel, thread


def place(body: Body) -> tuple[str, str, str, str]:
    """Of a press: the channel, the message, its thread, and the message that the thread hangs on.

    The first message of a thread is not in it: who presses there looks at the channel.
    """
    container, message = body.get("container") or {}, body.get("message") or {}
    channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
    ts = str(container.get("message_ts") or message.get("ts") or "")
    thread = str(message.get("thread_ts") or container.get("thread_ts") or "")
    return channel, ts, thread if thread != ts else "", thread or ts
