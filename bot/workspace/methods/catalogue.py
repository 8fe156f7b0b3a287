"""Every method by its name: the families, and the few that stand alone."""

from bot.workspace.limits import reaction_name
from bot.workspace.methods import chat, conversations, files, people, views
from bot.workspace.methods.contract import Call, Json, Method
from bot.workspace.refusal import SlackRefusal

_NOT_ECHOED = ("token", "error")


def _api_test(call: Call) -> Json:
    if error := call.text("error"):
        raise SlackRefusal(error)
    args = {name: value for name, value in call.args.items() if name not in _NOT_ECHOED}
    return {"ok": True, "args": args}


def _auth_test(call: Call) -> Json:
    seed = call.workspace.seed
    return {
        "ok": True,
        "url": f"{call.workspace.base_url}/",
        "team": seed.team_name,
        "user": seed.app.name.lower(),
        "team_id": seed.team_id,
        "user_id": seed.app.user,
        "bot_id": seed.app.bot_id,
        "is_enterprise_install": False,
    }


def _connections_open(call: Call) -> Json:
    if call.workspace.seed.app.request_url:
        raise SlackRefusal("socket_mode_not_enabled")
    base = call.workspace.base_url.replace("http", "ws", 1)
    return {
        "ok": True,
        "url": f"{base}/socket?ticket={call.workspace.socket_ticket()}&app_id={call.workspace.seed.app.id}",
    }


def _react(call: Call, *, add: bool) -> Json:
    where = call.member_of()
    message = call.message(where, "timestamp")
    call.workspace.acting.set_reaction(
        call.app_user, message, reaction_name(call.needed("name", "invalid_name")), add=add
    )
    return {"ok": True}


def _add_reaction(call: Call) -> Json:
    return _react(call, add=True)


def _remove_reaction(call: Call) -> Json:
    return _react(call, add=False)


def _pin(call: Call) -> Json:
    where = call.member_of()
    message = call.message(where, "timestamp")
    pinned = list(message.body.get("pinned_to", []))
    if where.id in pinned:
        raise SlackRefusal("already_pinned")
    call.workspace.posting.annotate(message, {"pinned_to": [*pinned, where.id]})
    return {"ok": True}


def _unpin(call: Call) -> Json:
    where = call.member_of()
    message = call.message(where, "timestamp")
    if where.id not in message.body.get("pinned_to", []):
        raise SlackRefusal("no_pin")
    call.workspace.posting.annotate(message, {"pinned_to": []})
    return {"ok": True}


def _set_status(call: Call) -> Json:
    where = call.member_of("channel_id")
    call.workspace.set_status(where.id, call.needed("thread_ts"), call.text("status"))
    return {"ok": True}


METHODS: dict[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **people.METHODS,
    **views.METHODS,
    "api.test": Method(_api_test, 4, "none"),
    "apps.connections.open": Method(_connections_open, 1, "app"),
    "assistant.threads.setStatus": Method(_set_status, 0),
    "auth.test": Method(_auth_test, 0),
    "pins.add": Method(_pin, 2),
    "pins.remove": Method(_unpin, 2),
    "reactions.add": Method(_add_reaction, 3),
    "reactions.remove": Method(_remove_reaction, 2),
}
