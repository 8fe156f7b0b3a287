"""``views.*``: modals and the home tab."""

from bot.workspace.methods.contract import Call, Json, Method
from bot.workspace.records import View
from bot.workspace.refusal import SlackRefusal


def _answer(call: Call, view: View) -> Json:
    return {"ok": True, "view": call.workspace.modals.shown(view)}


def _view(call: Call) -> object:
    view = call.structure("view", "invalid_arguments")
    if view is None:
        raise SlackRefusal("invalid_arguments", ("missing required field: view",))
    return view


def _trigger(call: Call) -> str:
    return call.text("trigger_id") or call.needed("interactivity_pointer")


def _open(call: Call) -> Json:
    return _answer(call, call.workspace.modals.open(_trigger(call), _view(call)))


def _push(call: Call) -> Json:
    return _answer(call, call.workspace.modals.push(_trigger(call), _view(call)))


def _update(call: Call) -> Json:
    view = call.workspace.modals.update(
        _view(call),
        view_id=call.text("view_id"),
        external_id=call.text("external_id"),
        known_hash=call.text("hash"),
    )
    return _answer(call, view)


def _publish(call: Call) -> Json:
    person = call.needed("user_id")
    if person not in call.workspace.state.people:
        raise SlackRefusal("invalid_arguments", ("user_id is nobody in this workspace",))
    return _answer(call, call.workspace.modals.publish(person, _view(call), call.text("hash")))


METHODS = {
    "views.open": Method(_open, 4),
    "views.publish": Method(_publish, 4),
    "views.push": Method(_push, 4),
    "views.update": Method(_update, 4),
}
