"""The way to Slack: the Web API client, the Bolt app, and the socket where there is one."""

import asyncio

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import ConfigError

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10
LONGEST_PAUSE = 30.0
HOPELESS = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
}


def web_client(token: str, base_url: str) -> AsyncWebClient:
    """The Web API. It tries nothing again by itself: a post whose answer was lost may stand already."""
    return AsyncWebClient(token=token, base_url=base_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])


def bolt_app(client: AsyncWebClient, signing_secret: str | None) -> AsyncApp:
    """The Bolt app. A delivery is answered after its listener has ended: after it is durable."""
    return AsyncApp(client=client, signing_secret=signing_secret or "", process_before_response=True)


class Socket:
    """Socket Mode: connects, keeps trying while Slack is away, and says how it stands."""

    def __init__(self, app: AsyncApp, app_token: str) -> None:
        self._handler = AsyncSocketModeHandler(app, app_token)
        self._connecting: asyncio.Task[None] | None = None
        self._why = "is connecting"

    def open(self) -> None:
        """Begin to connect; deliveries come as soon as it is connected."""
        self._connecting = asyncio.create_task(self._connect(), name="socket")

    async def wrong(self) -> str | None:
        """What is wrong with it, None when it is connected."""
        if self._connecting is None or not self._connecting.done():
            return self._why
        if self._connecting.exception() is not None:
            return str(self._connecting.exception())
        return None if await self._handler.client.is_connected() else "is reconnecting"

    async def close(self) -> None:
        """Take nothing more."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # it has no types

    async def _connect(self) -> None:
        pause = 0.5
        while True:
            try:
                await self._handler.connect_async()  # type: ignore[no-untyped-call]  # it has no types
                log.info("connected to Slack over Socket Mode")
                return
            except SlackApiError as error:
                code = str(error.response.get("error", ""))
                if code in HOPELESS:
                    raise ConfigError(
                        f"Slack refused SLACK_APP_TOKEN ({code}): `fettle doctor` says what it has to be."
                    ) from error
                self._why = f"Slack answered {code}"
            except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
                self._why = f"Slack does not answer ({type(error).__name__})"
            log.warning("not connected to Slack; trying again", reason=self._why, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
