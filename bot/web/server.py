"""Serving an ASGI application from inside the running event loop, without taking over its signals."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from bot.errors import ConfigError

DRAIN_SECONDS = 5


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the loop."""
        yield


class RunningServer:
    """A server that accepts connections at ``address``; ``port`` is the one that it really has."""

    def __init__(self, server: uvicorn.Server, task: asyncio.Task[None], host: str, port: int) -> None:
        self._server, self._task = server, task
        self.host, self.port = host, port

    @property
    def address(self) -> str:
        """The address to open in a browser or to post to."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  # compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    async def wait(self) -> None:
        """Wait until it ends; raises what ended it."""
        await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Accept nothing more, give requests that are under way a few seconds, and end."""
        self._server.should_exit = True
        await self._task


async def serve(app: ASGIApp, host: str, port: int) -> RunningServer:
    """Begin to serve; gives when connections are accepted. Port 0 takes any free one.

    Raises ``ConfigError`` when the port cannot be had, saying what to do.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=30,
    )
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    while not server.started:
        await asyncio.wait({task}, timeout=0.005)
        if task.done():
            listening.close()
            await task
            raise ConfigError(f"The HTTP server on {host}:{port} ended before it began.")
    return RunningServer(server, task, host, listening.getsockname()[1])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as failure:
        raise ConfigError(_why_not(host, port, failure)) from failure


def _why_not(host: str, port: int, failure: OSError) -> str:
    where = f"{host}:{port}"
    match failure.errno:
        case errno.EADDRINUSE:
            return f"Another program listens on {where}. End it, or set FETTLE_HTTP_PORT to a free port (0 takes any)."
        case errno.EACCES:
            return f"This user may not listen on {where}. Set FETTLE_HTTP_PORT to a port of 1024 or above."
        case errno.EADDRNOTAVAIL:
            return f"This machine has no address {host}. Set FETTLE_HTTP_HOST to one that it has, such as 127.0.0.1."
        case _:
            said = failure.strerror or failure
            return f"Cannot listen on {where}: {said}. Check FETTLE_HTTP_HOST and FETTLE_HTTP_PORT."
