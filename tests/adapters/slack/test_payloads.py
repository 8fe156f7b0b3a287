"""Slack's payloads in plain words, where the workspace does not send every shape that Slack does."""

from typing import Any

import pytest

from bot.slack import payloads

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("marked", "typed"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt;", "&lt;"),
        ("<@U1|jun> in <#C1|ops> or <#C2>", "<@U1> in #ops or #C2"),
        ("<https://a.example/?b=c&amp;d|a link>", "https://a.example/?b=c&d"),
        ("<mailto:a@b.example|a@b.example>", "mailto:a@b.example"),
        ("<!here> <!subteam^S1|@oncall> <!subteam^S2>", "@here @oncall @S2"),
    ],
)  # fmt: skip
def test_marked_up_text_as_it_was_typed(marked: str, typed: str) -> None:
    assert payloads.plain(marked) == typed


@pytest.mark.parametrize(
    ("message", "by_a_person"),
    [
        ({"user": "U1"}, True),
        ({"user": "U1", "subtype": "thread_broadcast"}, True),
        ({"user": "U1", "subtype": "file_share"}, True),
        ({"user": "U1", "bot_id": "B1"}, False),
        ({"user": "U1", "bot_profile": {"id": "B1"}}, False),
        ({"bot_id": "B1", "subtype": "bot_message"}, False),
        ({"user": "U1", "subtype": "message_changed", "hidden": True}, False),
        ({"user": "U1", "subtype": "channel_join"}, False),
        ({}, False),
    ],
)
def test_what_a_person_said(message: Json, by_a_person: bool) -> None:  # noqa: FBT001  # what is expected
    assert payloads.said_by_a_person(message) is by_a_person


def test_only_fettles_own_mention_is_taken_away() -> None:
    body = {"authorizations": [{"user_id": "U0FETTLE"}]}
    assert payloads.without_mention("<@U1> said <@U0FETTLE|fettle> show 7", body) == "<@U1> said   show 7"
    assert payloads.without_mention("<@U0FETTLE> ask <@U0FETTLE> what", body) == "ask <@U0FETTLE> what"
    assert payloads.without_mention("<@U9> show 7", {}) == "show 7", "where Slack does not say who we are, the first"


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ({"value": "7"}, "7"),
        ({"selected_option": {"value": "1h"}}, "1h"),
        ({"selected_option": None}, ""),
        ({"selected_options": [{"value": "a"}, {"value": "b"}]}, "a,b"),
        ({"selected_user": "U1"}, "U1"),
        ({"selected_users": ["U1", "U2"]}, "U1,U2"),
        ({"selected_conversation": "C1"}, "C1"),
        ({"selected_channels": ["C1"]}, "C1"),
        ({"selected_date": "2026-03-02"}, "2026-03-02"),
        ({"selected_time": "09:30"}, "09:30"),
        ({"value": None}, ""),
        ({}, ""),
    ],
)
def test_what_was_chosen(element: Json, value: str) -> None:
    assert payloads.value(element) == value


def test_what_stands_in_a_modal() -> None:
    values = {"why": {"text": {"value": "because"}}, "who": {"pick": {"selected_users": ["U1"]}}, "empty": {}}
    assert payloads.values({"state": {"values": values}}) == {"why": "because", "who": "U1"}
    assert payloads.values({}) == {}
    blocks = [{"type": "section", "block_id": "a"}, {"type": "input", "block_id": "b"}]
    assert (payloads.first_input({"blocks": blocks}), payloads.first_input({})) == ("b", "")


@pytest.mark.parametrize(
    ("metadata", "found"),
    [("ap7\nC1 17.5", ("ap7", "C1", "17.5")), ("ap7\nC1", ("ap7", "C1", "")), ("ap7\n", ("ap7", "", "")),
     ("", ("", "", ""))],
)  # fmt: skip
def test_what_a_modal_was_opened_for(metadata: str, found: tuple[str, str, str]) -> None:
    assert payloads.about(metadata) == found


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"channel": {"id": "C1"}, "message": {"ts": "1.1"}}, ("C1", "1.1", "", "1.1")),
        ({"channel": {"id": "C1"}, "message": {"ts": "1.1", "thread_ts": "1.1"}}, ("C1", "1.1", "", "1.1")),
        ({"channel": {"id": "C1"}, "message": {"ts": "2.2", "thread_ts": "1.1"}}, ("C1", "2.2", "1.1", "1.1")),
        (
            {"container": {"channel_id": "C1", "message_ts": "2.2", "thread_ts": "1.1"}, "channel": None},
            ("C1", "2.2", "1.1", "1.1"),
        ),
        ({"container": {"type": "view"}}, ("", "", "", "")),
    ],
)
def test_where_somebody_pressed(body: Json, place: tuple[str, str, str, str]) -> None:
    assert payloads.place(body) == place


def test_all_that_is_written_in_a_message_and_nothing_twice() -> None:
    message = {
        "text": "it burns",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "it burns"}, "fields": [{"text": "errors 4 %"}]},
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"text": "at once"}]}]},
            {"type": "actions", "elements": [{"text": {"text": "Go"}, "value": "x", "confirm": {"text": "?"}}]},
        ],
        "attachments": [{"fallback": "only when nothing else is there"}, {"fallback": "no", "text": "yes"}],
    }  # fmt: skip
    assert payloads.all_text(message) == "it burns errors 4 % at once Go only when nothing else is there yes"
    assert payloads.all_text({}) == ""
