"""``conversations.*``: channels, their members and their history."""

from bot.workspace.limits import channel_name
from bot.workspace.methods.contract import Call, Json, Method, page, with_cursor
from bot.workspace.records import Conversation, Message
from bot.workspace.refusal import SlackRefusal

_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def described(call: Call, where: Conversation, *, count: bool = False) -> Json:
    """A conversation as the API describes it."""
    common: Json = {"id": where.id, "created": where.created, "is_archived": where.archived}
    common |= {"is_im": where.kind == "im", "is_org_shared": False, "context_team_id": call.workspace.seed.team_id}
    if where.kind == "im":
        other = next((one for one in where.members if one != call.app_user), call.app_user)
        return common | {"user": other, "is_user_deleted": False, "priority": 0}
    common |= {
        "name": where.name,
        "name_normalized": where.name,
        "is_channel": where.kind == "channel",
        "is_group": where.kind == "group",
        "is_mpim": False,
        "is_private": where.kind == "group",
        "is_member": call.app_user in where.members,
        "is_general": False,
        "creator": where.creator,
        "topic": {"value": where.topic, "creator": where.creator, "last_set": where.created},
        "purpose": {"value": where.purpose, "creator": where.creator, "last_set": where.created},
    }
    return common | ({"num_members": len(where.members)} if count else {})


def _list(call: Call) -> Json:
    kinds = {_TYPES.get(one, "") for one in call.ids("types") or ["public_channel"]}
    if "" in kinds:
        raise SlackRefusal("invalid_types")
    found = [
        where
        for where in call.workspace.state.conversations.values()
        if where.kind in kinds
        and where.visible_to(call.app_user)
        and not (where.archived and call.flag("exclude_archived"))
    ]
    part, following = page(found, call)
    return with_cursor({"ok": True, "channels": [described(call, where, count=True) for where in part]}, following)


def _info(call: Call) -> Json:
    where = call.channel()
    return {"ok": True, "channel": described(call, where, count=call.flag("include_num_members"))}


def _within(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = call.text("oldest", "0"), call.text("latest", "9" * 12)
    inclusive = call.flag("inclusive")
    try:
        low, high = float(oldest), float(latest)
    except ValueError as error:
        raise SlackRefusal("invalid_ts_oldest") from error
    return [
        one
        for one in messages
        if low < float(one.ts) < high or (inclusive and one.ts in (oldest, latest))
    ]  # fmt: skip


def _history(call: Call) -> Json:
    where = call.member_of(archived=True)
    state = call.workspace.state
    shown = [
        one
        for one in state.ordered(where.id)
        if not one.only_for and (not one.thread or one.body.get("subtype") == "thread_broadcast")
    ]
    part, following = page(_within(call, shown)[::-1], call, most=999)
    metadata = call.flag("include_all_metadata")
    messages = [call.workspace.posting.shown(one, metadata=metadata) for one in part]
    body = {"ok": True, "messages": messages, "has_more": bool(following), "pin_count": 0}
    return with_cursor(body, following) if following else body


def _replies(call: Call) -> Json:
    where = call.member_of(archived=True)
    parent = call.workspace.state.message(where.id, call.text("ts"))
    if parent is None or parent.only_for:
        raise SlackRefusal("thread_not_found")
    replies = call.workspace.state.replies(where.id, parent.ts) if not parent.thread else []
    part, following = page(_within(call, replies), call, default=1000)
    metadata = call.flag("include_all_metadata")
    messages = [call.workspace.posting.shown(one, metadata=metadata) for one in [parent, *part]]
    body = {"ok": True, "messages": messages, "has_more": bool(following)}
    return with_cursor(body, following) if following else body


def _open(call: Call) -> Json:
    if call.text("channel"):
        where = call.channel()
    else:
        users = call.ids("users")
        if not users:
            raise SlackRefusal("users_list_not_supplied")
        if any(user not in call.workspace.state.people for user in users):
            raise SlackRefusal("user_not_found")
        if len(users) > 1:
            raise SlackRefusal("not_enough_users", ("group direct messages are not part of the local workspace",))
        where = call.workspace.state.direct(users[0], call.app_user, int(call.workspace.clock()))
    channel = described(call, where) if call.flag("return_im") else {"id": where.id}
    return {"ok": True, "channel": channel}


def _members(call: Call) -> Json:
    part, following = page(call.channel().members, call)
    return with_cursor({"ok": True, "members": part}, following)


def _join(call: Call) -> Json:
    where = call.channel()
    if where.kind != "channel":
        raise SlackRefusal("method_not_supported_for_channel_type")
    if where.archived:
        raise SlackRefusal("is_archived")
    body: Json = {"ok": True}
    if call.app_user in where.members:
        body |= {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        call.workspace.posting.joined(where, call.app_user)
    return body | {"channel": described(call, where)}


def _leave(call: Call) -> Json:
    where = call.channel()
    if call.app_user not in where.members:
        return {"ok": False, "not_in_channel": True}
    where.members.remove(call.app_user)
    _changed(call, where)
    return {"ok": True}


def _changed(call: Call, where: Conversation) -> None:
    call.workspace.state.keep(where)
    call.workspace.feed.publish({"kind": "conversations"})


def _create(call: Call) -> Json:
    name = channel_name(call.needed("name", "invalid_name_required"))
    state = call.workspace.state
    if any(where.name == name for where in state.conversations.values()):
        raise SlackRefusal("name_taken")
    kind = "group" if call.flag("is_private") else "channel"
    channel_id, now = call.workspace.ids.slack("C"), int(call.workspace.clock())
    where = Conversation(channel_id, name, kind, [call.app_user], now, call.app_user)
    _changed(call, where)
    return {"ok": True, "channel": described(call, where)}


def _invite(call: Call) -> Json:
    where = call.member_of()
    users = call.ids("users")
    if not users:
        raise SlackRefusal("no_user")
    if call.app_user in users:
        raise SlackRefusal("cant_invite_self")
    if any(user not in call.workspace.state.people for user in users):
        raise SlackRefusal("user_not_found")
    if all(user in where.members for user in users):
        raise SlackRefusal("already_in_channel")
    for user in users:
        if user not in where.members:
            call.workspace.posting.joined(where, user, call.app_user)
    return {"ok": True, "channel": described(call, where)}


def _archive(call: Call) -> Json:
    where = call.member_of(archived=True)
    if where.kind == "im":
        raise SlackRefusal("method_not_supported_for_channel_type")
    if where.archived:
        raise SlackRefusal("already_archived")
    where.archived = True
    _changed(call, where)
    return {"ok": True}


_LONGEST = 250


def _set_topic(call: Call) -> Json:
    where, topic = call.member_of(), call.text("topic")
    if len(topic) > _LONGEST:
        raise SlackRefusal("too_long")
    where.topic = topic
    _changed(call, where)
    return {"ok": True, "channel": described(call, where)}


def _set_purpose(call: Call) -> Json:
    where, purpose = call.member_of(), call.text("purpose")
    if len(purpose) > _LONGEST:
        raise SlackRefusal("too_long")
    where.purpose = purpose
    _changed(call, where)
    return {"ok": True, "channel": described(call, where)}


METHODS = {
    "conversations.archive": Method(_archive, 2),
    "conversations.create": Method(_create, 2),
    "conversations.history": Method(_history, 3),
    "conversations.info": Method(_info, 3),
    "conversations.invite": Method(_invite, 3),
    "conversations.join": Method(_join, 3),
    "conversations.leave": Method(_leave, 3),
    "conversations.list": Method(_list, 2),
    "conversations.members": Method(_members, 4),
    "conversations.open": Method(_open, 3),
    "conversations.replies": Method(_replies, 3),
    "conversations.setPurpose": Method(_set_purpose, 2),
    "conversations.setTopic": Method(_set_topic, 2),
}
