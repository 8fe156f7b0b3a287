import asyncio
import signal
import socket

import httpx
import pytest
from fastapi import FastAPI

from bot.errors import ConfigError
from bot.web.server import serve
from tests.adapters.web.conftest import TOKEN, Store, group


async def test_it_serves_on_a_free_port_and_stops(app: FastAPI, store: Store) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    server = await serve(app, "127.0.0.1", 0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert server.port > 0
    async with httpx.AsyncClient(base_url=server.address) as client:
        answer = await client.post(
            "/webhooks/alertmanager", content=group(), headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert answer.json()["taken"] == 1
        assert "server" not in answer.headers
    await server.stop()
    assert len(store.signals) == 1
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


async def test_a_taken_port_is_a_clear_error(app: FastAPI) -> None:
    server = await serve(app, "127.0.0.1", 0)
    try:
        with pytest.raises(ConfigError, match=rf"127.0.0.1:{server.port}.*FETTLE_HTTP_PORT"):
            await serve(app, "127.0.0.1", server.port)
    finally:
        await server.stop()


async def test_an_endless_body_is_cut_off(app: FastAPI) -> None:
    server = await serve(app, "127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: f\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"%x\r\n%s\r\n" % (100_000, b" " * 100_000)
        sent = 0
        answered = asyncio.create_task(reader.readline())
        while not answered.done() and sent < 1_000:
            try:
                writer.write(chunk)
                await writer.drain()
            except ConnectionError:
                break
            sent += 1
            await asyncio.sleep(0)
        assert b" 413 " in await answered
        assert sent < 1_000
        writer.close()
    finally:
        await server.stop()


async def test_a_client_that_leaves_half_way_breaks_nothing(app: FastAPI, store: Store) -> None:
    server = await serve(app, "127.0.0.1", 0)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: f\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        await writer.drain()
        writer.close()
        async with httpx.AsyncClient(base_url=server.address) as client:
            assert (await client.get("/healthz")).status_code == 200
        assert store.signals == {}
    finally:
        await server.stop()
