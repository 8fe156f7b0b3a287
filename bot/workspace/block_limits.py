"""What Slack allows in one list of blocks: types, counts, lengths, unique ids.

Pure. Every function returns Slack's own kind of sentence, with a JSON pointer to the place; an empty list is fine.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bot.workspace.element_limits import check_element, items, missing, text_object

Json = dict[str, Any]

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
SECTION_TEXT = 3000
SECTION_FIELDS = 10
FIELD_TEXT = 2000
HEADER_TEXT = 150
ID_LENGTH = 255
ACTIONS_ELEMENTS = 25
CONTEXT_ELEMENTS = 10
CONTEXT_ACTIONS_ELEMENTS = 5
IMAGE_URL = 3000
IMAGE_TEXT = 2000
LABEL_TEXT = 2000
MARKDOWN_TEXT = 12_000
TABLE_ROWS = 100
TABLE_COLUMNS = 20

KnownFile = Callable[[str], bool]


def elements_of(block: Json) -> Iterator[Json]:
    """Every interactive element that a block holds."""
    found = block.get("elements") if block.get("type") in ("actions", "context_actions") else None
    candidates = list(found) if isinstance(found, list) else []
    candidates += [block.get("accessory"), block.get("element")]
    for element in candidates:
        if isinstance(element, dict):
            yield element


def check_blocks(blocks: object, *, surface: str, pointer: str, known_file: KnownFile) -> list[str]:
    """Problems in a list of blocks on a ``message``, ``modal`` or ``home`` surface."""
    if not isinstance(blocks, list):
        return [f"must be an array [json-pointer:{pointer}]"]
    problems = items(blocks, MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS, pointer)
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        place = f"{pointer}/{index}"
        if not isinstance(block, dict):
            problems.append(f"must be an object [json-pointer:{place}]")
            continue
        problems += _ids(block, place, seen)
        problems += _block(block, place, surface, known_file)
    return problems


def _ids(block: Json, place: str, seen: set[str]) -> list[str]:
    problems = []
    block_id = block.get("block_id")
    if block_id is not None:
        if not isinstance(block_id, str) or len(block_id) > ID_LENGTH:
            problems.append(f"must be less than {ID_LENGTH + 1} characters [json-pointer:{place}/block_id]")
        elif block_id and block_id in seen:
            problems.append(f'block_id "{block_id}" already exists [json-pointer:{place}/block_id]')
        else:
            seen.add(block_id)
    actions: set[str] = set()
    for element in elements_of(block):
        action_id = element.get("action_id")
        if isinstance(action_id, str) and action_id in actions:
            problems.append(f'action_id "{action_id}" already exists [json-pointer:{place}]')
        elif isinstance(action_id, str) and action_id:
            actions.add(action_id)
    return problems


def _block(block: Json, place: str, surface: str, known_file: KnownFile) -> list[str]:
    kind = block.get("type")
    if not isinstance(kind, str):
        return missing("type", place)
    check = _CHECKS.get(kind)
    if check is None or (kind == "markdown" and surface != "message"):
        return [f"unsupported type: {kind} [json-pointer:{place}/type]"]
    if kind == "image":
        return _image(block, place, known_file)
    return check(block, place)


def _divider(_block: Json, _place: str) -> list[str]:
    return []


def _header(block: Json, place: str) -> list[str]:
    if "text" not in block:
        return missing("text", place)
    return text_object(block["text"], f"{place}/text", HEADER_TEXT, kinds=("plain_text",))


def _section(block: Json, place: str) -> list[str]:
    problems: list[str] = []
    text, fields = block.get("text"), block.get("fields")
    if text is None and not fields:
        problems.append(f"must define either `text` or `fields` as block attributes [json-pointer:{place}]")
    if text is not None:
        problems += text_object(text, f"{place}/text", SECTION_TEXT)
    if fields is not None:
        problems += items(fields, SECTION_FIELDS, f"{place}/fields", least=1)
        for index, one in enumerate(fields if isinstance(fields, list) else ()):
            problems += text_object(one, f"{place}/fields/{index}", FIELD_TEXT)
    if "accessory" in block:
        problems += check_element(block["accessory"], "section", f"{place}/accessory")
    return problems


def _container(name: str, most: int) -> Callable[[Json, str], list[str]]:
    def check(block: Json, place: str) -> list[str]:
        if "elements" not in block:
            return missing("elements", place)
        elements = block["elements"]
        problems = items(elements, most, f"{place}/elements", least=1)
        for index, element in enumerate(elements if isinstance(elements, list) else ()):
            problems += check_element(element, name, f"{place}/elements/{index}")
        return problems

    return check


def _context(block: Json, place: str) -> list[str]:
    if "elements" not in block:
        return missing("elements", place)
    elements = block["elements"]
    problems = items(elements, CONTEXT_ELEMENTS, f"{place}/elements", least=1)
    for index, element in enumerate(elements if isinstance(elements, list) else ()):
        spot = f"{place}/elements/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            problems += check_element(element, "context", spot)
        else:
            problems += text_object(element, spot, FIELD_TEXT)
    return problems


def _input(block: Json, place: str) -> list[str]:
    problems: list[str] = []
    for name in ("label", "element"):
        if name not in block:
            problems += missing(name, place)
    if "label" in block:
        problems += text_object(block["label"], f"{place}/label", LABEL_TEXT, kinds=("plain_text",))
    if block.get("hint") is not None:
        problems += text_object(block["hint"], f"{place}/hint", LABEL_TEXT, kinds=("plain_text",))
    if "element" in block:
        problems += check_element(block["element"], "input", f"{place}/element")
    return problems


def _image(block: Json, place: str, known_file: KnownFile) -> list[str]:
    problems: list[str] = []
    url, file = block.get("image_url"), block.get("slack_file")
    if (url is None) == (file is None):
        problems.append(f"must define either `image_url` or `slack_file` [json-pointer:{place}]")
    if url is not None:
        problems += web_address(url, f"{place}/image_url")
    if file is not None:
        problems += _slack_file(file, f"{place}/slack_file", known_file)
    alt = block.get("alt_text")
    if not isinstance(alt, str):
        problems += missing("alt_text", place)
    elif len(alt) > IMAGE_TEXT:
        problems.append(f"must be less than {IMAGE_TEXT + 1} characters [json-pointer:{place}/alt_text]")
    if block.get("title") is not None:
        problems += text_object(block["title"], f"{place}/title", IMAGE_TEXT, kinds=("plain_text",))
    return problems


def web_address(url: object, place: str) -> list[str]:
    """Problems of an image's address."""
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return [f"must be a valid URL [json-pointer:{place}]"]
    if len(url) > IMAGE_URL:
        return [f"must be less than {IMAGE_URL + 1} characters [json-pointer:{place}]"]
    return []


def _slack_file(file: object, place: str, known_file: KnownFile) -> list[str]:
    if not isinstance(file, dict) or not ("id" in file or "url" in file):
        return [f"must define either `id` or `url` [json-pointer:{place}]"]
    reference = str(file.get("id") or file.get("url"))
    return [] if known_file(reference) else [f"invalid slack file [json-pointer:{place}]"]


def _rich_text(block: Json, place: str) -> list[str]:
    if "elements" not in block:
        return missing("elements", place)
    elements = block["elements"]
    known = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    problems = [] if isinstance(elements, list) else [f"must be an array [json-pointer:{place}/elements]"]
    for index, element in enumerate(elements if isinstance(elements, list) else ()):
        spot = f"{place}/elements/{index}"
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in known:
            problems.append(f"unsupported type: {kind} [json-pointer:{spot}/type]")
        elif not isinstance(element.get("elements"), list):
            problems += missing("elements", spot)
    return problems


def _markdown(block: Json, place: str) -> list[str]:
    text = block.get("text")
    if not isinstance(text, str) or not text:
        return missing("text", place)
    if len(text) > MARKDOWN_TEXT:
        return [f"must be less than {MARKDOWN_TEXT + 1} characters [json-pointer:{place}/text]"]
    return []


def _table(block: Json, place: str) -> list[str]:
    rows = block.get("rows")
    if rows is None:
        return missing("rows", place)
    problems = items(rows, TABLE_ROWS, f"{place}/rows", least=1)
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        problems += items(row, TABLE_COLUMNS, f"{place}/rows/{index}", least=1)
        for column, cell in enumerate(row if isinstance(row, list) else ()):
            kind = cell.get("type") if isinstance(cell, dict) else None
            if kind not in ("raw_text", "raw_number", "rich_text"):
                problems.append(f"unsupported type: {kind} [json-pointer:{place}/rows/{index}/{column}/type]")
    return problems


_CHECKS: dict[str, Callable[[Json, str], list[str]]] = {
    "actions": _container("actions", ACTIONS_ELEMENTS),
    "context": _context,
    "context_actions": _container("context_actions", CONTEXT_ACTIONS_ELEMENTS),
    "divider": _divider,
    "header": _header,
    "image": _divider,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
}


def block_types() -> Sequence[str]:
    """The types that are accepted here."""
    return tuple(_CHECKS)
