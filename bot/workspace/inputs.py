"""What a person entered or chose, in the shapes of actions and of ``state.values``. Pure.

A person's ``choice`` arrives plain: text for an input, an option's ``value``, a user's or channel's id, an ISO date, or
a list of those where several can be chosen. ``None`` means nothing.
"""

import re
from typing import Any

from bot.errors import Refused
from bot.workspace.block_limits import elements_of

Json = dict[str, Any]

_SINGLE = {
    "users_select": ("selected_user", "initial_user"),
    "channels_select": ("selected_channel", "initial_channel"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
}
_SEVERAL = {
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
}
_ONE_OPTION = ("static_select", "radio_buttons", "overflow")
_OPTIONS = ("multi_static_select", "checkboxes")


def options_of(element: Json) -> list[Json]:
    """The options of an element, those in groups included."""
    found = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        found += group["options"]
    return found


def _option(element: Json, value: object) -> Json:
    for option in options_of(element):
        if option["value"] == value:
            return option
    raise Refused(f"“{value}” is not one of the choices of {element.get('action_id')}.")


def _list(choice: object) -> list[Any]:
    return list(choice) if isinstance(choice, list) else [] if choice is None else [choice]


def _entered(element: Json, choice: object) -> Json:
    """The part of an action or state value that holds the choice."""
    kind = element["type"]
    if kind in _ONE_OPTION:
        return {"selected_option": None if choice is None else _option(element, choice)}
    if kind in _OPTIONS:
        return {"selected_options": [_option(element, one) for one in _list(choice)]}
    if kind in _SEVERAL:
        return {_SEVERAL[kind][0]: [str(one) for one in _list(choice)]}
    if kind == "datetimepicker":
        return {"selected_date_time": None if choice is None else int(str(choice))}
    if kind in _SINGLE:
        return {_SINGLE[kind][0]: None if choice in (None, "") else str(choice)}
    return {}


def action(element: Json, block_id: str, choice: object, ts: str) -> Json:
    """One entry of ``actions`` in ``block_actions``."""
    kind = element["type"]
    made: Json = {"type": kind, "action_id": element["action_id"], "block_id": block_id}
    if kind == "button":
        made["text"] = element["text"]
        made |= {name: element[name] for name in ("value", "style", "confirm") if name in element}
    elif kind == "feedback_buttons":
        given = [element["positive_button"]["value"], element["negative_button"]["value"]]
        if choice not in given:
            raise Refused(f"“{choice}” is not one of the choices of {element['action_id']}.")
        made["value"] = choice
    else:
        made |= _entered(element, choice)
        made |= {name: element[name] for name in ("placeholder",) if name in element}
    return made | {"action_ts": ts}


def is_stateful(element: Json) -> bool:
    """Whether an element appears in ``state.values``: buttons and menus of actions do not."""
    return element.get("type") not in ("button", "overflow", "image", "feedback_buttons")


def _initial(element: Json) -> object:
    kind = element["type"]
    if kind in _ONE_OPTION:
        option = element.get("initial_option")
        return option["value"] if option else None
    if kind in _OPTIONS:
        return [option["value"] for option in element.get("initial_options") or []]
    name = _SINGLE.get(kind, _SEVERAL.get(kind, ("", "")))[1]
    return element.get(name)


def state_values(blocks: list[Json], entered: Json) -> Json:
    """``state.values`` for these blocks; ``entered`` is block id → action id → choice, over the initial values."""
    values: Json = {}
    for block in blocks:
        for element in elements_of(block):
            if not is_stateful(element):
                continue
            block_id, action_id = block["block_id"], element["action_id"]
            given = entered.get(block_id, {})
            choice = given[action_id] if action_id in given else _initial(element)
            values.setdefault(block_id, {})[action_id] = {"type": element["type"], **_entered(element, choice)}
    return values


def find(blocks: list[Json], block_id: str, action_id: str) -> tuple[str, Json] | None:
    """The element with these ids, and its block's id.

    A message may be updated between being drawn and being pressed, and its blocks get new ids then: where no block has
    the id any more, the only element with that action is meant.
    """
    named = [
        (str(block.get("block_id")), element)
        for block in blocks
        for element in elements_of(block)
        if element.get("action_id") == action_id
    ]
    exactly = next((one for one in named if one[0] == block_id), None)
    return exactly or (named[0] if len(named) == 1 else None)


def problems(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack's client itself refuses to submit: block id → sentence."""
    found: dict[str, str] = {}
    for block in blocks:
        if block.get("type") != "input":
            continue
        element = block["element"]
        value = values[block["block_id"]][element["action_id"]]
        entered = next((part for name, part in value.items() if name != "type"), None)
        sentence = _problem(element, entered, optional=bool(block.get("optional")))
        if sentence:
            found[block["block_id"]] = sentence
    return found


def _problem(element: Json, entered: object, *, optional: bool) -> str:
    if entered in (None, "", []):
        return "" if optional else "Please complete this required field."
    kind = element["type"]
    if kind == "plain_text_input":
        return _length_problem(element, str(entered))
    if kind == "number_input":
        return _number_problem(element, str(entered))
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(entered)):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not re.fullmatch(r"https?://\S+", str(entered)):
        return "Please enter a valid link."
    return ""


def _length_problem(element: Json, text: str) -> str:
    if len(text) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(text) > element.get("max_length", 3000):
        return f"Please use at most {element.get('max_length', 3000)} characters."
    return ""


def _number_problem(element: Json, text: str) -> str:
    whole = r"-?\d+" if not element.get("is_decimal_allowed") else r"-?\d+(\.\d+)?"
    if not re.fullmatch(whole, text):
        return "Please enter a number." if element.get("is_decimal_allowed") else "Please enter a whole number."
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and float(text) < float(least):
        return f"Please enter {least} or more."
    if most is not None and float(text) > float(most):
        return f"Please enter {most} or less."
    return ""
