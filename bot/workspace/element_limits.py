"""What Slack allows in one interactive element and in the objects inside it. Pure, as ``block_limits`` is."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

BUTTON_TEXT = 75
BUTTON_VALUE = 2000
URL_LENGTH = 3000
ACTION_ID = 255
OPTION_TEXT = 75
OPTION_VALUE = 150
OPTIONS = 100
OVERFLOW_OPTIONS = 5
CHOICE_OPTIONS = 10
PLACEHOLDER = 150
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
INPUT_LENGTH = 3000
ALT_TEXT = 2000


def missing(name: str, place: str) -> list[str]:
    """Slack's sentence for a field that is not there."""
    return [f"missing required field: {name} [json-pointer:{place}]"]


def items(value: object, most: int, place: str, *, least: int = 0) -> list[str]:
    """Problems of a list's length."""
    if not isinstance(value, list):
        return [f"must be an array [json-pointer:{place}]"]
    if len(value) > most:
        return [f"no more than {most} items allowed [json-pointer:{place}]"]
    if len(value) < least:
        return [f"no less than {least} items allowed [json-pointer:{place}]"]
    return []


def text_object(
    value: object, place: str, most: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> list[str]:
    """Problems of a text object; where two kinds are possible Slack adds that no schema matched."""
    if not isinstance(value, dict):
        return [f"must provide an object [json-pointer:{place}]"]
    if value.get("type") not in kinds:
        return [f"unsupported type: {value.get('type')} [json-pointer:{place}/type]"]
    text = value.get("text")
    if not isinstance(text, str):
        problem = missing("text", place)
    elif not text:
        problem = [f"must be more than 0 characters [json-pointer:{place}/text]"]
    elif len(text) > most:
        problem = [f"must be less than {most + 1} characters [json-pointer:{place}/text]"]
    else:
        return []
    return problem if len(kinds) == 1 else [f"failed to match all allowed schemas [json-pointer:{place}]", *problem]


def _plain(element: Json, name: str, place: str, most: int, *, needed: bool = False) -> list[str]:
    if element.get(name) is None:
        return missing(name, place) if needed else []
    return text_object(element[name], f"{place}/{name}", most, kinds=("plain_text",))


def _short(element: Json, name: str, place: str, most: int, *, needed: bool = False) -> list[str]:
    value = element.get(name)
    if value is None:
        return missing(name, place) if needed else []
    if not isinstance(value, str):
        return [f"must be a string [json-pointer:{place}/{name}]"]
    if len(value) > most:
        return [f"must be less than {most + 1} characters [json-pointer:{place}/{name}]"]
    return []


def _confirm(element: Json, place: str) -> list[str]:
    confirm = element.get("confirm")
    if confirm is None:
        return []
    spot = f"{place}/confirm"
    if not isinstance(confirm, dict):
        return [f"must provide an object [json-pointer:{spot}]"]
    problems = _plain(confirm, "title", spot, CONFIRM_TITLE, needed=True)
    if confirm.get("text") is None:
        problems += missing("text", spot)
    else:
        problems += text_object(confirm["text"], f"{spot}/text", CONFIRM_TEXT)
    problems += _plain(confirm, "confirm", spot, CONFIRM_BUTTON, needed=True)
    return problems + _plain(confirm, "deny", spot, CONFIRM_BUTTON, needed=True)


def _option(option: object, place: str, *, mrkdwn: bool) -> list[str]:
    if not isinstance(option, dict):
        return [f"must provide an object [json-pointer:{place}]"]
    kinds = ("plain_text", "mrkdwn") if mrkdwn else ("plain_text",)
    if option.get("text") is None:
        problems = missing("text", place)
    else:
        problems = text_object(option["text"], f"{place}/text", OPTION_TEXT, kinds=kinds)
    problems += _short(option, "value", place, OPTION_VALUE, needed=True)
    if option.get("description") is not None:
        problems += text_object(option["description"], f"{place}/description", OPTION_TEXT, kinds=kinds)
    return problems


def _options(element: Json, place: str, most: int, *, mrkdwn: bool = False) -> list[str]:
    if "options" not in element:
        return missing("options", place)
    options = element["options"]
    problems = items(options, most, f"{place}/options", least=1)
    for index, option in enumerate(options if isinstance(options, list) else ()):
        problems += _option(option, f"{place}/options/{index}", mrkdwn=mrkdwn)
    for name in ("initial_option", "initial_options"):
        chosen = element.get(name)
        for one in chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]:
            if isinstance(options, list) and one not in options:
                problems.append(f"the provided {name} is not in the options [json-pointer:{place}/{name}]")
    return problems


def _button(element: Json, place: str) -> list[str]:
    problems = _plain(element, "text", place, BUTTON_TEXT, needed=True)
    problems += _short(element, "value", place, BUTTON_VALUE) + _short(element, "url", place, URL_LENGTH)
    if element.get("style") not in (None, "primary", "danger"):
        problems.append(f"must be a valid enum value [json-pointer:{place}/style]")
    return problems


def _static_select(element: Json, place: str) -> list[str]:
    groups = element.get("option_groups")
    if groups is None:
        return _options(element, place, OPTIONS)
    problems = items(groups, OPTIONS, f"{place}/option_groups", least=1)
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        spot = f"{place}/option_groups/{index}"
        problems += _plain(group, "label", spot, OPTION_TEXT, needed=True) + _options(group, spot, OPTIONS)
    return problems


def _overflow(element: Json, place: str) -> list[str]:
    return _options(element, place, OVERFLOW_OPTIONS)


def _choices(element: Json, place: str) -> list[str]:
    return _options(element, place, CHOICE_OPTIONS, mrkdwn=True)


def _image(element: Json, place: str) -> list[str]:
    problems = _short(element, "alt_text", place, ALT_TEXT, needed=True)
    if (element.get("image_url") is None) == (element.get("slack_file") is None):
        problems.append(f"must define either `image_url` or `slack_file` [json-pointer:{place}]")
    return problems + _short(element, "image_url", place, URL_LENGTH)


def _text_input(element: Json, place: str) -> list[str]:
    problems = []
    for name, least in (("min_length", 0), ("max_length", 1)):
        limit = element.get(name)
        if limit is not None and not (isinstance(limit, int) and least <= limit <= INPUT_LENGTH):
            problems.append(f"must be between {least} and {INPUT_LENGTH} [json-pointer:{place}/{name}]")
    return problems + _short(element, "initial_value", place, INPUT_LENGTH)


def _number_input(element: Json, place: str) -> list[str]:
    return [] if isinstance(element.get("is_decimal_allowed"), bool) else missing("is_decimal_allowed", place)


def _feedback_buttons(element: Json, place: str) -> list[str]:
    problems: list[str] = []
    for name in ("positive_button", "negative_button"):
        button = element.get(name)
        spot = f"{place}/{name}"
        if not isinstance(button, dict):
            problems += missing(name, place)
            continue
        problems += _plain(button, "text", spot, BUTTON_TEXT, needed=True)
        problems += _short(button, "value", spot, BUTTON_VALUE, needed=True)
    return problems


def _nothing_more(_element: Json, _place: str) -> list[str]:
    return []


_ANYWHERE = frozenset({"section", "actions", "input"})
_RULES: dict[str, tuple[frozenset[str], Callable[[Json, str], list[str]]]] = {
    "button": (frozenset({"section", "actions"}), _button),
    "channels_select": (_ANYWHERE, _nothing_more),
    "checkboxes": (_ANYWHERE, _choices),
    "conversations_select": (_ANYWHERE, _nothing_more),
    "datepicker": (_ANYWHERE, _nothing_more),
    "datetimepicker": (frozenset({"actions", "input"}), _nothing_more),
    "email_text_input": (frozenset({"input"}), _nothing_more),
    "feedback_buttons": (frozenset({"context_actions"}), _feedback_buttons),
    "image": (frozenset({"section", "context"}), _image),
    "multi_channels_select": (_ANYWHERE, _nothing_more),
    "multi_conversations_select": (_ANYWHERE, _nothing_more),
    "multi_static_select": (_ANYWHERE, _static_select),
    "multi_users_select": (_ANYWHERE, _nothing_more),
    "number_input": (frozenset({"input"}), _number_input),
    "overflow": (frozenset({"section", "actions"}), _overflow),
    "plain_text_input": (frozenset({"input"}), _text_input),
    "radio_buttons": (_ANYWHERE, _choices),
    "static_select": (_ANYWHERE, _static_select),
    "timepicker": (_ANYWHERE, _nothing_more),
    "url_text_input": (frozenset({"input"}), _nothing_more),
    "users_select": (_ANYWHERE, _nothing_more),
}


def check_element(element: object, inside: str, place: str) -> list[str]:
    """Problems of an element ``inside`` a section, actions, input, context or context_actions block."""
    if not isinstance(element, dict):
        return [f"must provide an object [json-pointer:{place}]"]
    kind = element.get("type")
    rule = _RULES.get(kind) if isinstance(kind, str) else None
    if rule is None or inside not in rule[0]:
        return [f"unsupported type: {kind} [json-pointer:{place}/type]"]
    problems = _short(element, "action_id", place, ACTION_ID)
    problems += _plain(element, "placeholder", place, PLACEHOLDER)
    return problems + _confirm(element, place) + rule[1](element, place)
