from typing import Any

import pytest

from bot.workspace import limits
from bot.workspace.block_limits import block_types
from bot.workspace.refusal import SlackRefusal

Json = dict[str, Any]


def text(words: str, kind: str = "plain_text") -> Json:
    return {"type": kind, "text": words}


def section(words: str, **more: Any) -> Json:  # noqa: ANN401 - any part of a block
    return {"type": "section", "text": text(words, "mrkdwn"), **more}


def button(label: str = "Go", **more: Any) -> Json:  # noqa: ANN401 - any part of an element
    return {"type": "button", "text": text(label), "action_id": "go", **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def option(value: str = "a", label: str = "A") -> Json:
    return {"text": text(label), "value": value}


def select(**more: Any) -> Json:  # noqa: ANN401 - any part of an element
    return {"type": "static_select", "action_id": "s", "options": [option()], **more}


def confirm(**more: Any) -> Json:  # noqa: ANN401 - any part of an object
    return {"title": text("t"), "text": text("t"), "confirm": text("y"), "deny": text("n"), **more}


def typing(**more: Any) -> Json:  # noqa: ANN401 - any part of an element
    return {"type": "plain_text_input", "action_id": "t", **more}


def entry(element: Json, **more: Any) -> Json:  # noqa: ANN401 - any part of a block
    return {"type": "input", "label": text("What?"), "element": element, **more}


def refused(blocks: object, words: str = "x") -> SlackRefusal:
    with pytest.raises(SlackRefusal) as caught:
        limits.check_message(words, blocks, None, None, lambda reference: reference == "F0KNOWN")
    return caught.value


def accepted(blocks: object) -> None:
    limits.check_message("x", blocks, None, None, lambda reference: reference == "F0KNOWN")


AT_THE_LIMIT: list[tuple[str, list[Json]]] = [
    ("50 blocks", [{"type": "divider"}] * 50),
    ("section text", [section("x" * 3000)]),
    ("fields", [{"type": "section", "fields": [text("x")] * 10}]),
    ("one field", [{"type": "section", "fields": [text("x" * 2000)]}]),
    ("header", [{"type": "header", "text": text("x" * 150)}]),
    ("button text", [actions(button("x" * 75))]),
    ("button value", [actions(button(value="x" * 2000))]),
    ("action id", [actions(button(action_id="x" * 255))]),
    ("block id", [section("x", block_id="x" * 255)]),
    ("25 elements", [actions(*[button(action_id=str(n)) for n in range(25)])]),
    ("5 in a menu", [actions({"type": "overflow", "action_id": "o", "options": [option()] * 5})]),
    ("the same action id in two blocks", [actions(button()), actions(button())]),
    ("a known file", [{"type": "image", "slack_file": {"id": "F0KNOWN"}, "alt_text": "x"}]),
    ("10 in a context", [{"type": "context", "elements": [text("x", "mrkdwn")] * 10}]),
    ("confirm", [actions(button(confirm=confirm()))]),
]


@pytest.mark.parametrize("blocks", [blocks for _, blocks in AT_THE_LIMIT], ids=[name for name, _ in AT_THE_LIMIT])
def test_what_is_at_the_limit_is_accepted(blocks: list[Json]) -> None:
    accepted(blocks)


PAST_THE_LIMIT: list[tuple[list[Json], str]] = [
    ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    (
        [{"type": "section", "fields": [text("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    ([{"type": "section", "fields": [text("x" * 2001)]}], "must be less than 2001 characters"),
    ([{"type": "section"}], "must define either `text` or `fields` as block attributes [json-pointer:/blocks/0]"),
    ([{"type": "header", "text": text("x" * 151)}], "must be less than 151 characters"),
    ([{"type": "header", "text": text("x", "mrkdwn")}], "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    ([actions(button("x" * 76))], "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"),
    (
        [actions(button(value="x" * 2001))],
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    ([actions(button(action_id="x" * 256))], "must be less than 256 characters"),
    ([actions(button(style="loud"))], "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"),
    ([actions(button(confirm=confirm(title=text("x" * 101))))], "must be less than 101 characters"),
    ([section("x", block_id="x" * 256)], "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    ([section("x", block_id="a"), section("y", block_id="a")], 'block_id "a" already exists'),
    ([actions(button(), button())], 'action_id "go" already exists [json-pointer:/blocks/0]'),
    ([actions(*[button(action_id=str(n)) for n in range(26)])], "no more than 25 items allowed"),
    ([actions()], "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
    ([actions({"type": "overflow", "action_id": "o", "options": [option()] * 6})], "no more than 5 items allowed"),
    ([actions(select(options=[option()] * 101))], "no more than 100 items allowed"),
    ([actions(select(options=[option(label="x" * 76)]))], "must be less than 76 characters"),
    ([actions(select(options=[option(value="x" * 151)]))], "must be less than 151 characters"),
    ([actions(select(initial_option=option("b")))], "the provided initial_option is not in the options"),
    ([actions(select(placeholder=text("x" * 151)))], "must be less than 151 characters"),
    ([actions(typing())], "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]"),
    ([entry(button())], "unsupported type: button [json-pointer:/blocks/0/element/type]"),
    ([entry(typing(max_length=3001))], "must be between 1 and 3000"),
    ([{"type": "context", "elements": [text("x")] * 11}], "no more than 10 items allowed"),
    ([{"type": "image", "image_url": "ftp://x", "alt_text": "x"}], "must be a valid URL"),
    ([{"type": "image", "image_url": "https://x"}], "missing required field: alt_text [json-pointer:/blocks/0]"),
    ([{"type": "image", "alt_text": "x"}], "must define either `image_url` or `slack_file`"),
    ([{"type": "image", "slack_file": {"id": "F0OTHER"}, "alt_text": "x"}], "invalid slack file"),
    ([{"type": "sparkle"}], "unsupported type: sparkle [json-pointer:/blocks/0/type]"),
    ([{"type": ["section"]}], "missing required field: type"),
    ([{"type": "table", "rows": [[text("x")]]}], "unsupported type: plain_text"),
    ([{"type": "rich_text", "elements": [{"type": ["a"]}]}], "unsupported type"),
    ([{"type": "markdown", "text": "x" * 12_001}], "must be less than 12001 characters"),
    (["words"], "must be an object [json-pointer:/blocks/0]"),  # type: ignore[list-item]  # that is what is tried
]


@pytest.mark.parametrize(("blocks", "message"), PAST_THE_LIMIT, ids=[message[:60] for _, message in PAST_THE_LIMIT])
def test_what_is_past_the_limit_is_refused_in_slacks_words(blocks: list[Json], message: str) -> None:
    refusal = refused(blocks)

    assert refusal.code == "invalid_blocks"
    assert any(message in one for one in refusal.messages), refusal.messages
    body = refusal.body()
    assert body["response_metadata"] == {"messages": [f"[ERROR] {one}" for one in refusal.messages]}


def test_a_text_that_could_be_of_two_kinds_matches_no_schema() -> None:
    assert refused([section("x" * 3001)]).messages == (
        "failed to match all allowed schemas [json-pointer:/blocks/0/text]",
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    )


def test_all_blocks_together_have_a_limit() -> None:
    accepted([section("x" * 2500)] * 5)
    assert refused([section("x" * 2700)] * 5).code == "msg_blocks_too_long"


@pytest.mark.parametrize(
    ("words", "blocks", "code"),
    [
        ("x" * 40_001, None, "msg_too_long"),
        ("", None, "no_text"),
        (" \n", [], "no_text"),
        ("x", {"type": "section"}, "invalid_blocks_format"),
    ],
)
def test_text_and_form(words: str, blocks: object, code: str) -> None:
    assert refused(blocks, words).code == code


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ("words", "invalid_metadata_format"),
        ({"event_type": "a"}, "invalid_metadata_format"),
        ({"event_type": "", "event_payload": {}}, "invalid_metadata_format"),
        ({"event_type": "a", "event_payload": {"x": "x" * 8001}}, "metadata_too_large"),
    ],
)
def test_metadata(metadata: object, code: str) -> None:
    with pytest.raises(SlackRefusal, match=code):
        limits.check_metadata(metadata)
    limits.check_metadata({"event_type": "a", "event_payload": {"x": 1}})


def modal(**more: Any) -> Json:  # noqa: ANN401 - any part of a view
    return {"type": "modal", "title": text("T"), "submit": text("OK"), "blocks": [section("x")], **more}


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (modal(title=text("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (modal(submit=text("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(private_metadata="x" * 3001), "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        (modal(callback_id="x" * 256), "must be less than 256 characters [json-pointer:/view/callback_id]"),
        (modal(blocks=[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (modal(blocks=[entry(typing())], submit=None), "missing required field: submit [json-pointer:/view]"),
        (modal(type="home"), "must be a valid enum value: modal [json-pointer:/view/type]"),
        ({"type": "modal"}, "missing required field: title [json-pointer:/view]"),
        (
            modal(blocks=[{"type": "markdown", "text": "x"}]),
            "unsupported type: markdown [json-pointer:/view/blocks/0/type]",
        ),
        ("words", "must provide an object [json-pointer:/view]"),
    ],
)
def test_views(view: object, message: str) -> None:
    with pytest.raises(SlackRefusal) as caught:
        limits.check_view(view, lambda _: False)
    assert caught.value.code == "invalid_arguments"
    assert message in caught.value.messages, caught.value.messages


def test_a_full_modal_is_accepted() -> None:
    view = modal(blocks=[{"type": "divider"}] * 99 + [entry(typing())], private_metadata="x" * 3000)
    assert limits.check_view(view, lambda _: False) is view


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("#", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Ops", "invalid_name_specials"),
        ("a b", "invalid_name_specials"),
    ],
)
def test_channel_names(name: str, code: str) -> None:
    with pytest.raises(SlackRefusal, match=code):
        limits.channel_name(name)
    assert limits.channel_name("#inc-214_checkout") == "inc-214_checkout"


def test_every_accepted_block_type_is_drawn_by_the_page(page_source: str) -> None:
    missing = [kind for kind in block_types() if f'case "{kind}"' not in page_source]
    assert missing == []
