"""What leaves for Slack holds no secret of ours and calls nobody whom the message does not name."""

from typing import Any

import pytest

from bot.domain.redaction import Redaction
from bot.slack.last_look import LastLook

SECRET = "Kingfisher/brook&417"
LOOK = LastLook(Redaction([SECRET]).conceal_known)


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize("form", [SECRET, "Kingfisher/brook&amp;417", "Kingfisher%2Fbrook%26417"])
def test_a_secret_of_ours_leaves_in_no_form(form: str) -> None:
    image = {"type": "image", "alt_text": f"the key {form}", "title": {"type": "plain_text", "text": form}}
    field = {"type": "input", "element": {"type": "plain_text_input", "initial_value": f"see {form}"}}
    shown = LOOK.blocks([section(f"the key {form}"), image, field])
    assert form not in str(shown)
    assert form not in LOOK.text(f"the key {form}", shown)
    assert str(shown).count("[hidden]") == 4


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<!channel> look", "@\u2060channel look"),
        ("<! here|now>", "@\u2060here"),
        ("<!subteam^S0ONCALL|@oncall>", "@subteam"),
        ("ask @everyone", "ask @\u2060everyone"),
        ("a@hereafter.example", "a@hereafter.example"),
        ("since <!date^1795251309^{time}|08:55 UTC>", "since <!date^1795251309^{time}|08:55 UTC>"),
        ("&lt;!channel&gt;", "&lt;!channel&gt;"),
        ("*<@U0JUNIOR>* has <https://shop.example|it>", "*<@U0JUNIOR>* has <https://shop.example|it>"),
    ],
)
def test_nothing_calls_a_channel_and_everything_else_stays(said: str, shown: str) -> None:
    assert LOOK.blocks([section(said)]) == [section(shown)]
    assert LOOK.text(said, []) == shown


def test_words_for_notifications_name_and_link_only_what_the_message_does() -> None:
    blocks = [section("said <@U1> at <https://shop.example|the shop>")]
    words = "<@U1> and <@U2> <https://evil.example|see> <https://shop.example|the shop> a < b & c &amp; password=x1y2z3"
    shown = "<@U1> and @U2 see <https://shop.example|the shop> a &lt; b &amp; c &amp; password=[hidden]"
    assert LOOK.text(words, blocks) == shown


def test_what_is_pressed_and_sent_back_stays_as_it_is() -> None:
    button = {"type": "button", "action_id": "ask:read:1", "value": "runbooks/<!here>.md#a", "style": "primary"}
    assert LOOK.part({"type": "actions", "elements": [button]}) == {"type": "actions", "elements": [button]}


def test_hiding_makes_no_text_longer() -> None:
    short = LastLook(Redaction(["otter6"]).conceal_known)
    assert short.blocks([section("otter6")]) == [section("[…]")]
