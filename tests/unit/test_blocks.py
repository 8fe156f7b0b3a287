"""Slack's limits, kept without breaking what is shown."""

import pytest

from bot import blocks as b


def told(words: str) -> str:
    return str(b.text(words).to_dict()["text"]["text"])


@pytest.mark.parametrize(
    "end", ["&amp;", "&lt;!channel&gt;", "<https://shop.example/runbook|the runbook>", "<@U0JUNIOR>"]
)
@pytest.mark.parametrize("place", range(1, 12))
def test_no_escape_and_no_link_is_cut_through(end: str, place: int) -> None:
    words = "x" * (b.SECTION - place) + end + " and more"
    shown = told(words)
    assert len(shown) <= b.SECTION
    rest = shown.replace(end, "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in rest
    assert "<" not in rest


@pytest.mark.parametrize("words", ["a ``` b", "```" + "line\n" * 2_000, "````", "x" * 2_996 + " ``` b", "`" * 3_001])
def test_a_code_block_ends_in_the_paragraph_in_which_it_begins(words: str) -> None:
    shown = told(words)
    assert shown.count("```") % 2 == 0
    assert len(shown) <= b.SECTION
