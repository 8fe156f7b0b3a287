"""Slack's blocks as views use them: short names, Slack's limits kept, and one check before anything leaves."""

import json
import re
from collections.abc import Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    InputBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)

TOTAL_CHARACTERS = 13_000
SECTION, FIELD, CONTEXT, BUTTON = 3_000, 2_000, 2_000, 75
FENCE = "```"
_HALF = re.compile(r"(?:&[a-z]{0,3}|<[^<>]*)$")


def text(words: str) -> SectionBlock:
    """A paragraph of mrkdwn, cut at Slack's limit."""
    return SectionBlock(text=MarkdownTextObject(text=_cut(words, SECTION)))


def header(words: str) -> HeaderBlock:
    """A heading in plain text."""
    return HeaderBlock(text=PlainTextObject(text=_cut(words, 150), emoji=False))


def fields(*words: str) -> SectionBlock:
    """Up to ten short mrkdwn texts in two columns."""
    return SectionBlock(fields=[MarkdownTextObject(text=_cut(one, FIELD)) for one in words[:10]])


def small(*words: str) -> ContextBlock:
    """Small grey mrkdwn texts, side by side."""
    return ContextBlock(elements=[MarkdownTextObject(text=_cut(one, CONTEXT)) for one in words[:10] if one])


def line() -> DividerBlock:
    """A rule."""
    return DividerBlock()


def picture(picture_id: str, alt: str) -> ImageBlock:
    """A drawing of Fettle's own by its id; the courier uploads it and puts the file in its place."""
    return ImageBlock(slack_file={"id": f"picture:{picture_id}"}, alt_text=_cut(alt, 1_900))


def button(  # a button has this many parts
    label: str, action: str, value: str, *, style: str | None = None, confirm: str = "", yes: str = "Yes", url: str = ""
) -> ButtonElement:
    """A button that carries an id. ``confirm`` asks that question first; ``url`` makes it open a page as well."""
    asks = (
        ConfirmObject(title=_cut(label, 100), text=PlainTextObject(text=_cut(confirm, 300)), confirm=yes, deny="Cancel")
        if confirm
        else None
    )
    return ButtonElement(
        text=PlainTextObject(text=_cut(label, BUTTON), emoji=False),
        action_id=action,
        value=value,
        style=style,
        confirm=asks,
        url=url or None,
    )


def menu(label: str, action: str, options: Sequence[tuple[str, str]]) -> StaticSelectElement:
    """A menu of (label, value) choices."""
    return StaticSelectElement(
        placeholder=PlainTextObject(text=_cut(label, 150)),
        action_id=action,
        options=[Option(text=PlainTextObject(text=_cut(name, BUTTON)), value=value) for name, value in options[:100]],
    )


def actions(*elements: InteractiveElement | None, block_id: str | None = None) -> ActionsBlock:
    """A row of buttons and menus; Nones are left out."""
    return ActionsBlock(elements=[one for one in elements if one is not None], block_id=block_id)


def ask_text(
    block_id: str, label: str, *, hint: str = "", initial: str = "", lines: bool = True, optional: bool = False
) -> InputBlock:
    """A text field of a modal."""
    return InputBlock(
        block_id=block_id,
        label=PlainTextObject(text=_cut(label, 2_000)),
        element=PlainTextInputElement(
            action_id="value", multiline=lines, initial_value=initial or None, max_length=3_000
        ),
        hint=PlainTextObject(text=_cut(hint, 2_000)) if hint else None,
        optional=optional,
    )


def ask_choice(block_id: str, label: str, options: Sequence[tuple[str, str]], initial: int = 0) -> InputBlock:
    """A choice in a modal among (label, value)."""
    choices = [Option(text=PlainTextObject(text=_cut(name, BUTTON)), value=value) for name, value in options]
    return InputBlock(
        block_id=block_id,
        label=PlainTextObject(text=_cut(label, 2_000)),
        element=StaticSelectElement(action_id="value", options=choices, initial_option=choices[initial]),
    )


def modal(callback: str, title: str, blocks: Sequence[Block], *, submit: str = "", about: str = "") -> dict[str, Any]:
    """A modal's view. ``about`` is given back with what the person sends."""
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": callback,
        "title": {"type": "plain_text", "text": _cut(title, 24)},
        "close": {"type": "plain_text", "text": "Cancel" if submit else "Close"},
        "private_metadata": about,
        "blocks": plain(blocks),
    }
    if submit:
        view["submit"] = {"type": "plain_text", "text": _cut(submit, 24)}
    return view


def plain(blocks: Sequence[Block], most: int = 50) -> list[dict[str, Any]]:
    """The blocks as JSON, checked against Slack's limits.

    Raises ``SlackObjectFormationError`` when Slack would refuse them: a limit of one block, an unknown block, too many
    blocks or too many characters together.
    """
    made = []
    for block in blocks:
        body = block.to_dict()
        if not body or "type" not in body:
            raise SlackObjectFormationError(f"{type(block).__name__} became nothing")
        made.append(body)
    if len(made) > most:
        raise SlackObjectFormationError(f"{len(made)} blocks, and Slack takes {most}")
    size = len(json.dumps(made, ensure_ascii=False))
    if size > TOTAL_CHARACTERS:
        raise SlackObjectFormationError(f"{size} characters of blocks, and Slack takes about {TOTAL_CHARACTERS}")
    return made


def _cut(words: str, limit: int) -> str:
    """At most so many characters; no escape and no link is cut through, and a code block that begins here ends here."""
    kept = _short(words, limit)
    if kept.count(FENCE) % 2:
        kept = _short(kept, limit - len(FENCE))
        kept += FENCE * (kept.count(FENCE) % 2)
    return kept


def _short(words: str, limit: int) -> str:
    return words if len(words) <= limit else _HALF.sub("", words[: limit - 1]) + "…"
