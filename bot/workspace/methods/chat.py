"""``chat.*``: messages by the app."""

from bot.workspace.limits import check_message
from bot.workspace.methods.contract import Call, Json, Method
from bot.workspace.records import Conversation, Message
from bot.workspace.refusal import SlackRefusal


def _content(call: Call) -> tuple[Json, Json]:
    """The content that was sent, and the same without what was left out."""
    sent: Json = {
        "text": call.args.get("text"),
        "blocks": call.structure("blocks", "invalid_blocks_format"),
        "attachments": call.structure("attachments", "invalid_attachments"),
        "metadata": call.structure("metadata", "invalid_metadata_format"),
    }
    return sent, {name: value for name, value in sent.items() if value is not None}


def _check(call: Call, content: Json) -> None:
    check_message(
        str(content.get("text") or ""),
        content.get("blocks"),
        content.get("attachments"),
        content.get("metadata"),
        call.workspace.state.known_file,
    )


def _identity(call: Call) -> Json:
    """A name and picture other than the app's own, when asked for."""
    given: Json = {}
    if name := call.text("username"):
        given["username"] = name
    if emoji := call.text("icon_emoji"):
        given["icons"] = {"emoji": emoji}
    return given


def _frame(call: Call) -> Json:
    """What every message of the caller has. A bot's message under a name of its own choice has no user."""
    other, identity = call.caller, _identity(call)
    if other is None:
        return call.workspace.posting.app_body("") | identity
    profile = {"id": other.bot_id, "app_id": other.app_id, "user_id": other.id, "name": other.real_name}
    body: Json = {"type": "message", "bot_id": other.bot_id, "app_id": other.app_id, "text": ""}
    body["team"] = call.workspace.seed.team_id
    return body | ({"subtype": "bot_message"} | identity if identity else {"user": other.id, "bot_profile": profile})


def _post(call: Call) -> Json:
    where = call.member_of()
    _, content = _content(call)
    markdown = call.text("markdown_text")
    if markdown:
        if content.get("text") or content.get("blocks"):
            raise SlackRefusal("markdown_text_conflict")
        content["blocks"] = [{"type": "markdown", "text": markdown}]
        content["text"] = markdown
    _check(call, content)
    # Slack counts for each app by itself.
    poster = f"{call.caller.id}:{where.id}" if call.caller else where.id
    if wait := call.workspace.throttle.wait_for_post(poster, call.workspace.clock()):
        raise SlackRefusal("ratelimited", status=429, retry_after=wait)
    body = _frame(call) | content
    if thread := call.text("thread_ts"):
        body["thread_ts"] = thread
        if call.flag("reply_broadcast"):
            body["subtype"] = "thread_broadcast"
    message = call.workspace.posting.post(where, call.app_user, body)
    if (where.id, message.thread) in call.workspace.statuses:
        call.workspace.set_status(where.id, message.thread, "")
    return {"ok": True, "channel": where.id, "ts": message.ts, "message": call.workspace.posting.shown(message)}


def _own(call: Call, where: Conversation, refusal: str) -> Message:
    message = call.message(where)
    if message.owner != call.app_user or message.body.get("subtype") == "tombstone":
        raise SlackRefusal(refusal)
    return message


def _update(call: Call) -> Json:
    where = call.member_of()
    message = _own(call, where, "cant_update_message")
    sent, content = _content(call)
    if all(value is None for value in sent.values()):
        raise SlackRefusal("no_text")
    merged = {k: v for k, v in message.body.items() if k in ("text", "blocks", "attachments", "metadata")} | content
    _check(call, merged)
    ts = call.workspace.ids.timestamp(call.workspace.clock())
    editor = call.caller.bot_id if call.caller else call.workspace.seed.app.bot_id
    body = message.body | merged | {"edited": {"user": editor, "ts": ts}}
    for name in ("blocks", "attachments", "metadata"):
        if name in content and not content[name]:
            body.pop(name, None)
    call.workspace.posting.change(message, body)
    return {
        "ok": True,
        "channel": where.id,
        "ts": message.ts,
        "text": body["text"],
        "message": call.workspace.posting.shown(message),
    }


def _delete(call: Call) -> Json:
    where = call.member_of()
    message = _own(call, where, "cant_delete_message")
    call.workspace.posting.delete(message)
    return {"ok": True, "channel": where.id, "ts": message.ts}


def _ephemeral(call: Call) -> Json:
    where = call.member_of()
    person = call.needed("user", "user_not_in_channel")
    if person not in call.workspace.state.people:
        raise SlackRefusal("user_not_in_channel")
    if person not in where.members:
        raise SlackRefusal("user_not_in_channel")
    _, content = _content(call)
    _check(call, content)
    body = call.workspace.posting.app_body("") | content | _identity(call)
    if thread := call.text("thread_ts"):
        body["thread_ts"] = thread
    message = call.workspace.posting.post(where, call.app_user, body, only_for=person)
    return {"ok": True, "message_ts": message.ts}


def _permalink(call: Call) -> Json:
    where = call.channel()
    message = call.message(where, "message_ts")
    link = call.workspace.permalink(where.id, message.ts, message.thread)
    return {"ok": True, "channel": where.id, "permalink": link}


METHODS = {
    "chat.delete": Method(_delete, 3),
    "chat.getPermalink": Method(_permalink, 0),
    "chat.postEphemeral": Method(_ephemeral, 4),
    "chat.postMessage": Method(_post, 0),
    "chat.update": Method(_update, 3),
}
