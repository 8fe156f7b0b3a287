"""The way to Slack: the Web API client, the Bolt app, and for deliveries the socket or the HTTP handler."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.slack import refusals

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10
CONNECT_SECONDS = 15
PING_SECONDS = 5.0
PINGS_OF_PATIENCE = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
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


def http_handler(app: AsyncApp) -> Callable[[Request], Awaitable[Response]]:
    """Takes Slack's deliveries over HTTP; what Slack did not sign in the last five minutes is answered with 401.

    Bolt checks the signature. What cannot be one at all is refused before: Bolt would stumble over it, with a traceback
    in the log for whoever cares to knock.
    """
    bolt = AsyncSlackRequestHandler(app)

    async def handle(request: Request) -> Response:
        signature = request.headers.get("x-slack-signature", "")
        signed_at = request.headers.get("x-slack-request-timestamp", "")
        if not re.fullmatch("v0=[0-9a-f]{64}", signature) or not re.fullmatch("[0-9]{1,12}", signed_at):
            return PlainTextResponse("This is not signed as Slack signs.", 401)
        return await bolt.handle(request)

    return handle


class Socket:
    """Socket Mode: connects, keeps trying while Slack is away, and says how it stands.

    A connection over which no ping came back for four times ``ping_seconds`` is replaced.
    """

    def __init__(self, app: AsyncApp, app_token: str, ping_seconds: float = PING_SECONDS) -> None:
        self._handler = AsyncSocketModeHandler(app, app_token, ping_interval=ping_seconds)
        self._ping = ping_seconds
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
            await asyncio.sleep(self._ping)
            down = 0.0 if await client.is_connected() else down + self._ping
            if down >= PINGS_OF_PATIENCE * self._ping:
                log.warning("not connected to Slack; asking for another address", seconds=down)
                client.wss_uri, down = None, 0.0

    async def _connected(self) -> bool:
        """Try once. What fails is noted in words."""
        client = self._handler.client
        try:
            # Connecting itself never gives up, never says why, and stumbles over answers that are not Slack's.
            answer = await client.web_client.apps_connections_open(app_token=self._handler.app_token)
            client.wss_uri = str(answer["url"])
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._handler.connect_async()  # type: ignore[no-untyped-call]  # it has no types
        except SlackApiError as error:
            code = refusals.read(error).code
            hint = ": SLACK_APP_TOKEN is not right; `fettle doctor` says what it has to be" if code in HOPELESS else ""
            self._why = f"Slack refused Socket Mode ({code}){hint}"
            return False
        except refusals.NO_ANSWER as error:
            self._why = refusals.unanswered(error)
            return False
        return True
