"""Socket Mode: the app's connections, and envelopes that wait for their acknowledgement."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bot.errors import Transient

Json = dict[str, Any]

MOST_CONNECTIONS = 10


@dataclass(slots=True, eq=False)
class Connection:
    """One of the app's web sockets."""

    send: Callable[[Json], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    waiting: set[str] = field(default_factory=set)


class ConnectionGone(Transient):
    """There was no connection, or the one that had the envelope ended before the acknowledgement."""

    def __init__(self) -> None:
        super().__init__("the app has no connection that answers")


class Sockets:
    """Hands each envelope to exactly one connection, in turn."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._connections: list[Connection] = []
        self._turn = 0
        self._waiting: dict[str, asyncio.Future[Json | None]] = {}
        self._arrived = asyncio.Event()
        self.joined = 0
        """How many connections there have been."""

    @property
    def count(self) -> int:
        return len(self._connections)

    async def wait_connected(self) -> None:
        """Returns when the app has a connection."""
        while not self._connections:
            self._arrived.clear()
            await self._arrived.wait()

    async def join(self, connection: Connection) -> None:
        """Greets a new connection; past the tenth the oldest has to go."""
        if len(self._connections) >= MOST_CONNECTIONS:
            await self._dismiss(self._connections[0], "too_many_websockets")
        await connection.send(
            {
                "type": "hello",
                "num_connections": len(self._connections) + 1,
                "connection_info": {"app_id": self._app_id},
                "debug_info": {"host": "local", "approximate_connection_time": 18060},
            }
        )
        self._connections.append(connection)
        self.joined += 1
        self._arrived.set()

    def leave(self, connection: Connection) -> None:
        """A connection ended: what it had not acknowledged is not going to be."""
        if connection in self._connections:
            self._connections.remove(connection)
        for envelope_id in connection.waiting:
            future = self._waiting.get(envelope_id)
            if future is not None and not future.done():
                future.set_exception(ConnectionGone())

    async def send(self, envelope: Json, timeout: float) -> Json | None:
        """Deliver and wait for the acknowledgement; gives its payload.

        Raises ConnectionGone when there is no connection or it ends, TimeoutError after ``timeout`` seconds.
        """
        if not self._connections:
            raise ConnectionGone
        connection = self._connections[self._turn % len(self._connections)]
        self._turn += 1
        envelope_id = str(envelope["envelope_id"])
        future: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        connection.waiting.add(envelope_id)
        try:
            await connection.send(envelope)
            return await asyncio.wait_for(future, timeout)
        finally:
            connection.waiting.discard(envelope_id)
            self._waiting.pop(envelope_id, None)

    def acknowledge(self, envelope_id: str, payload: Json | None) -> None:
        """Late and unknown acknowledgements are ignored, as Slack does."""
        future = self._waiting.get(envelope_id)
        if future is not None and not future.done():
            future.set_result(payload)

    async def drop(self, *, politely: bool) -> int:
        """End every connection, with a ``disconnect`` first when ``politely``. Gives how many there were."""
        connections = list(self._connections)
        for connection in connections:
            if politely:
                await connection.send({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
            else:
                self.leave(connection)
                await connection.close()
        return len(connections)

    async def _dismiss(self, connection: Connection, reason: str) -> None:
        await connection.send({"type": "disconnect", "reason": reason, "debug_info": {}})
        self.leave(connection)
        await connection.close()
