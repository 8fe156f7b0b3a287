"""The way to Slack: the Web API client, the Bolt app, and the socket where there is one."""

import asyncio

import structlog
from aiohttp import ClientError
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack import refusals

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10
CONNECT_SECONDS = 15
LOOK_SECONDS = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
PATIENCE_SECONDS = 20.0
HOPELESS = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "missing_scope",
}


def web_client(token: str, base_url: str) -> AsyncWebClient:
    """The Web API. It tries nothing again by itself: a post whose answer was lost may stand already."""
    return AsyncWebClient(token=token, base_url=base_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])


def bolt_app(client: AsyncWebClient, signing_secret: str | None) -> AsyncApp:
    """The Bolt app. A delivery is answered after its listener has ended: after it is durable.

    Bolt would ask Slack who Fettle is at the first delivery, and acknowledge and drop that one if Slack did not say.
    Nothing here needs to know, so nothing is asked.
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=client.token)

    nameless = AsyncWebClient(base_url=client.base_url, timeout=client.timeout, retry_handlers=[])
    return AsyncApp(
        client=nameless, signing_secret=signing_secret or "", authorize=authorize, process_before_response=True
    )


class Socket:
    """Socket Mode: connects, keeps trying while Slack is away, and says how it stands."""

    def __init__(self, app: AsyncApp, app_token: str) -> None:
        self._handler = AsyncSocketModeHandler(app, app_token)
        self._keeping: asyncio.Task[None] | None = None
        self._why: str | None = "is connecting"

    def open(self) -> None:
        """Begin to connect; deliveries come as soon as it is connected."""
        self._keeping = asyncio.create_task(self._keep(), name="socket")

    async def wrong(self) -> str | None:
        """What is wrong with it, None when it is connected."""
        if await self._handler.client.is_connected():
            return None
        return self._why or "is reconnecting"

    async def close(self) -> None:
        """Take nothing more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # it has no types

    async def _keep(self) -> None:
        """Connect, and see to it that it stays so.

        The library reconnects by itself, but goes on with an address that Slack takes for half a minute only. So when
        it has not got through for a while, the address is taken away from it and it asks for another.
        """
        client, pause, down = self._handler.client, FIRST_PAUSE, 0.0
        while not await self._connected():
            log.warning("not connected to Slack; trying again", reason=self._why, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        log.info("connected to Slack over Socket Mode")
        while True:
            self._why = None
            await asyncio.sleep(LOOK_SECONDS)
            down = 0.0 if await client.is_connected() else down + LOOK_SECONDS
            if down >= PATIENCE_SECONDS:
                log.warning("not connected to Slack; asking for another address", seconds=down)
                client.wss_uri, down = None, 0.0

    async def _connected(self) -> bool:
        """Try once. What fails is noted in words."""
        client = self._handler.client
        try:
            # Connecting itself never gives up and never says why, so the address is asked for here.
            client.wss_uri = await client.issue_new_wss_url()
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._handler.connect_async()  # type: ignore[no-untyped-call]  # it has no types
        except SlackApiError as error:
            code = refusals.read(error).code
            hint = ": SLACK_APP_TOKEN is not right; `fettle doctor` says what it has to be" if code in HOPELESS else ""
            self._why = f"Slack refused Socket Mode ({code}){hint}"
            return False
        except (TimeoutError, ClientError, OSError) as error:
            self._why = f"Slack does not answer ({type(error).__name__})"
            return False
        return True
