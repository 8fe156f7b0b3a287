"""Slack's limits on a whole message, view or metadata. Pure: raises SlackRefusal with Slack's code, or returns."""

import json
import re
from typing import Any

from bot.workspace.block_limits import KnownFile, check_blocks
from bot.workspace.element_limits import missing, text_object
from bot.workspace.refusal import SlackRefusal

Json = dict[str, Any]

TEXT = 40_000
BLOCKS_TOGETHER = 13_200
ATTACHMENTS = 100
METADATA_BYTES = 8_000
PRIVATE_METADATA = 3000
CALLBACK_ID = 255
VIEW_TITLE = 24
VIEW_BYTES = 250_000
STACK_DEPTH = 3
CHANNEL_NAME = 80
REACTION = re.compile(r"[a-z0-9_+'-]{1,100}(?:::skin-tone-[2-6])?")


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def check_message(text: str, blocks: object, attachments: object, metadata: object, known_file: KnownFile) -> None:
    """A message's content. ``None`` stands for a part that was not sent."""
    if len(text) > TEXT:
        raise SlackRefusal("msg_too_long")
    if blocks is not None and not isinstance(blocks, list):
        raise SlackRefusal("invalid_blocks_format")
    if not (text.strip() or blocks or attachments):
        raise SlackRefusal("no_text")
    if attachments is not None:
        _check_attachments(attachments, known_file)
    if blocks:
        if problems := check_blocks(blocks, surface="message", pointer="/blocks", known_file=known_file):
            raise SlackRefusal("invalid_blocks", tuple(problems))
        if _size(blocks) > BLOCKS_TOGETHER:
            raise SlackRefusal("msg_blocks_too_long")
    check_metadata(metadata)


def _check_attachments(attachments: object, known_file: KnownFile) -> None:
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise SlackRefusal("invalid_attachments")
    if len(attachments) > ATTACHMENTS:
        raise SlackRefusal("too_many_attachments")
    for index, one in enumerate(attachments):
        if "blocks" in one:
            pointer = f"/attachments/{index}/blocks"
            if problems := check_blocks(one["blocks"], surface="message", pointer=pointer, known_file=known_file):
                raise SlackRefusal("invalid_attachments", tuple(problems))


def check_metadata(metadata: object) -> None:
    """``{"event_type": …, "event_payload": {…}}``, or nothing."""
    if metadata is None or metadata == {}:
        return
    if not isinstance(metadata, dict):
        raise SlackRefusal("invalid_metadata_format")
    event_type, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(event_type, str) or not event_type or not isinstance(payload, dict):
        raise SlackRefusal("invalid_metadata_format")
    if _size(metadata) > METADATA_BYTES:
        raise SlackRefusal("metadata_too_large")


def check_view(view: object, known_file: KnownFile, *, kinds: tuple[str, ...] = ("modal",)) -> Json:
    """A modal or home view; gives it back. Problems are pointed to below ``/view``."""
    if not isinstance(view, dict):
        raise SlackRefusal("invalid_arguments", ("must provide an object [json-pointer:/view]",))
    problems: list[str] = []
    kind = view.get("type")
    if kind is None:
        problems += missing("type", "/view")
    elif kind not in kinds:
        problems.append(f"must be a valid enum value: {', '.join(kinds)} [json-pointer:/view/type]")
    if "blocks" not in view:
        problems += missing("blocks", "/view")
    else:
        surface = "home" if kind == "home" else "modal"
        problems += check_blocks(view["blocks"], surface=surface, pointer="/view/blocks", known_file=known_file)
    if kind == "modal":
        problems += _modal_frame(view)
    for name, most in (
        ("private_metadata", PRIVATE_METADATA),
        ("callback_id", CALLBACK_ID),
        ("external_id", CALLBACK_ID),
    ):
        value = view.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > most):
            problems.append(f"must be less than {most + 1} characters [json-pointer:/view/{name}]")
    if problems:
        raise SlackRefusal("invalid_arguments", tuple(problems))
    if _size(view) > VIEW_BYTES:
        raise SlackRefusal("view_too_large")
    return view


def _modal_frame(view: Json) -> list[str]:
    problems: list[str] = []
    for name in ("title", "submit", "close"):
        if view.get(name) is not None:
            problems += text_object(view[name], f"/view/{name}", VIEW_TITLE, kinds=("plain_text",))
    if view.get("title") is None:
        problems += missing("title", "/view")
    blocks = view.get("blocks")
    has_input = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if has_input and view.get("submit") is None:
        problems += missing("submit", "/view")
    return problems


def check_response_errors(errors: object, view: Json) -> dict[str, str]:
    """``response_action: errors`` must name input blocks of the view; otherwise Slack shows a general failure."""
    inputs = {block.get("block_id") for block in view.get("blocks", ()) if block.get("type") == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise SlackRefusal(
            "invalid_arguments", ("errors must name the block_id of input blocks [json-pointer:/errors]",)
        )
    return {str(key): str(value) for key, value in errors.items()}


def channel_name(name: str) -> str:
    """A new channel's name, as Slack accepts it."""
    name = name.removeprefix("#")
    if not name:
        raise SlackRefusal("invalid_name_required")
    if len(name) > CHANNEL_NAME:
        raise SlackRefusal("invalid_name_maxlength")
    if not re.fullmatch(r"[\w-]+", name) or name != name.lower():
        raise SlackRefusal("invalid_name_specials")
    return name


def reaction_name(name: str) -> str:
    """An emoji's name without its colons."""
    name = name.strip(":")
    if not REACTION.fullmatch(name):
        raise SlackRefusal("invalid_name")
    return name
