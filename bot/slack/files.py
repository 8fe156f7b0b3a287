"""Drawings inside messages: uploaded once, then shown by their file's id; in words where Slack cannot show them."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.wording import quiet
from bot.errors import NotFound
from bot.slack import refusals
from bot.slack.pace import UPLOAD, Pace
from bot.slack.refusals import Means
from storage.pictures import Pictures

log = structlog.get_logger(__name__)

OURS = "picture:"
ANEW_AFTER, WORDS_AFTER = 2, 4
TITLE, ALT = 100, 900

Block = Mapping[str, Any]


class Files:
    """Puts files in the places of drawings."""

    def __init__(self, client: AsyncWebClient, pictures: Pictures, pace: Pace) -> None:
        self._client, self._pictures, self._pace = client, pictures, pace

    async def in_place(self, blocks: Sequence[Block], attempts: int) -> list[dict[str, Any]]:
        """The blocks as Slack takes them, after so many attempts at this message that were in vain.

        Slack needs a moment before it shows a file, and people can delete one: after two attempts a drawing is
        uploaded anew, after four it is told in words. A message is never held up for a drawing.
        """
        return [await self._one(block, attempts) for block in blocks]

    async def _one(self, block: Block, attempts: int) -> dict[str, Any]:
        file = block.get("slack_file") if block.get("type") == "image" else None
        if not isinstance(file, Mapping) or not str(file.get("id", "")).startswith(OURS):
            return dict(block)
        alt = str(block.get("alt_text", ""))
        if attempts >= WORDS_AFTER:
            return _in_words(alt)
        picture_id = str(file["id"]).removeprefix(OURS)
        try:
            uploaded = await self._file(picture_id, alt, anew=attempts == ANEW_AFTER)
        except NotFound:
            log.warning("a picture is not kept any more; it is told in words", picture=picture_id)
            return _in_words(alt)
        except SlackApiError as error:
            refusal = refusals.read(error)
            if refusal.means is not Means.NEVER:
                raise
            log.warning("a picture could not be uploaded; it is told in words", picture=picture_id, why=refusal.reason)
            return _in_words(alt)
        return {**block, "slack_file": {"id": uploaded}}

    async def _file(self, picture_id: str, alt: str, *, anew: bool) -> str:
        png, _alt, file_id = await self._pictures.picture(picture_id)
        if file_id and not anew:
            return file_id
        with self._pace.call(UPLOAD):
            answer = await self._client.files_upload_v2(
                content=png, filename=f"{picture_id}.png", title=alt[:TITLE] or "metric", alt_txt=alt[:ALT]
            )
        uploaded = str(answer["files"][0]["id"])
        await self._pictures.uploaded(picture_id, uploaded)
        return uploaded


def _in_words(alt: str) -> dict[str, Any]:
    words = quiet(alt, ALT) or "A picture that cannot be shown."
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}
