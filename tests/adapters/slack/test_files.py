"""Drawings in messages."""

from typing import Any

import pytest

from bot.domain.effects import Rendered
from bot.slack.courier import MOST_ATTEMPTS
from tests.adapters.slack.desk import ALERTS, Desk, section

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
DRAWING = {"type": "image", "slack_file": {"id": "picture:p1"}, "alt_text": "errors <rise> from 1 to 5"}


def images(desk: Desk) -> list[Any]:
    return [block for message in desk.seen() for block in message.get("blocks", []) if block["type"] == "image"]


@pytest.fixture
async def drawn(desk: Desk) -> Desk:
    await desk.storage.pictures.put_picture("p1", PNG, "errors rise")
    desk.views["incident:1"] = Rendered(ALERTS, "it burns", [section("it burns"), DRAWING])
    return desk


async def test_a_drawing_is_uploaded_once_and_used_again_by_others_and_after_a_restart(drawn: Desk) -> None:
    one = drawn.courier("one")
    await drawn.put("incident:1")
    await drawn.settled()
    await one.stop()
    drawn.courier("two")
    drawn.views["incident:1"] = Rendered(ALERTS, "it smokes", [section("it smokes"), DRAWING])
    await drawn.put("incident:1")
    await drawn.put("note:1", "note", channel=ALERTS, under="incident:1", text="look", blocks=[DRAWING])
    await drawn.settled()
    assert drawn.calls("files.getUploadURLExternal") == 1
    (file,) = drawn.workspace.state.uploads.values()
    assert (file.content, file.alt) == (PNG, DRAWING["alt_text"])
    assert [image["slack_file"] for image in images(drawn)] == [{"id": file.id}] * 2


async def test_a_drawing_that_is_not_kept_any_more_is_told_in_words(drawn: Desk) -> None:
    lost = {**DRAWING, "slack_file": {"id": "picture:gone"}}
    drawn.views["incident:1"] = Rendered(ALERTS, "it burns", [section("it burns"), lost])
    drawn.courier()
    await drawn.put("incident:1")
    await drawn.settled()
    (message,) = drawn.seen()
    assert message["blocks"][1]["elements"][0]["text"] == "errors &lt;rise&gt; from 1 to 5"


async def test_a_file_that_was_deleted_in_slack_is_uploaded_anew(drawn: Desk) -> None:
    await drawn.storage.pictures.uploaded("p1", "F0DELETED")
    drawn.courier()
    await drawn.put("incident:1")
    await drawn.settled(step=1.0)
    (file,) = drawn.workspace.state.uploads.values()
    assert [image["slack_file"] for image in images(drawn)] == [{"id": file.id}]
    assert drawn.texts() == ["it burns"]


async def test_a_file_that_slack_never_shows_is_told_in_words(drawn: Desk) -> None:
    drawn.workspace.state.file = lambda _reference: None  # type: ignore[method-assign,assignment]  # a file that never gets ready
    drawn.courier()
    await drawn.put("incident:1")
    await drawn.settled(step=5.0)
    assert (images(drawn), drawn.texts()) == ([], ["it burns"])
    assert drawn.calls("chat.postMessage") < MOST_ATTEMPTS
    assert "errors" in drawn.seen()[0]["blocks"][1]["elements"][0]["text"]


async def test_an_upload_that_fails_is_tried_again(drawn: Desk) -> None:
    drawn.workspace.fail("error", method="files.completeUploadExternal")
    drawn.courier()
    await drawn.put("incident:1")
    await drawn.tried("incident:1")
    await drawn.settled(step=0.5)
    assert len(images(drawn)) == 1
