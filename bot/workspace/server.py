"""Serves a workspace on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.errors import ConfigError
from bot.workspace.guard import Guard, is_loopback
from bot.workspace.ui_api import UiApi
from bot.workspace.web_api import WebApi
from bot.workspace.workspace import Workspace


async def _page(_request: Request) -> Response:
    return FileResponse(Path(__file__).parent / "page" / "index.html", headers={"Cache-Control": "no-cache"})


class _Addressed:
    """Learns from the first request where the workspace is reached, when nobody said so."""

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._workspace.base_url and scope["type"] in ("http", "websocket"):
            host = dict(scope["headers"]).get(b"host", b"127.0.0.1").decode("latin-1")
            self._workspace.base_url = f"http://{host}"
        await self._app(scope, receive, send)


class _Static(StaticFiles):
    """The page's files, asked for afresh each time so that an upgrade shows at once."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed through as they came
        response.headers["Cache-Control"] = "no-cache"
        return response


def build(workspace: Workspace) -> ASGIApp:
    """The ASGI application: Slack's interfaces, the people's, and the page."""
    routes = [
        *WebApi(workspace).routes(),
        *UiApi(workspace).routes(),
        Mount("/page", _Static(directory=Path(__file__).parent / "page")),
        Route("/", _page),
        Route("/archives/{rest:path}", _page),
    ]
    return Guard(_Addressed(Starlette(routes=routes), workspace))


class _Server(uvicorn.Server):
    """Leaves signals to whoever started it, a larger program or a test, and stops when told instead of polling."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.stop.wait()


@asynccontextmanager
async def running(workspace: Workspace, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serves the workspace while the context lasts and gives its URL. Port 0 takes a free one.

    Raises ConfigError when the host is not this machine's own or the port is taken. Closes the workspace at the end.
    """
    if not is_loopback(host):
        raise ConfigError(f"workspace host {host!r}: the local workspace has no passwords and serves loopback only")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's delay off on what it accepts: 1 ms an answer instead of 45.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"workspace port {port}: cannot be used: {error}. Give another one, or 0 for a free one."
        ) from error
    shown = f"[{host}]" if ":" in host else host
    workspace.base_url = f"http://{shown}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        build(workspace),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
        ws_max_size=4 * 1024 * 1024,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield workspace.base_url
    finally:
        # Whoever waits for a change gets an answer now instead of being cut off.
        workspace.feed.publish({"kind": "closing"})
        await workspace.close()
        server.should_exit = True
        server.stop.set()
        await task
        listener.close()


async def serve(workspace: Workspace, port: int = 0, host: str = "127.0.0.1") -> None:
    """Serves until cancelled."""
    async with running(workspace, port, host):
        await asyncio.Event().wait()
