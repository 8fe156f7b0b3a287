import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bot.domain.signal import Severity, Status
from bot.web.server import serve
from tests.adapters.web.conftest import TOKEN, Store

pytestmark = pytest.mark.servers


@contextlib.asynccontextmanager
async def alertmanager(folder: Path, webhook: str) -> AsyncIterator[httpx.AsyncClient]:
    """A real Alertmanager that tells the webhook at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    hook = {"url": webhook, "http_config": {"authorization": {"credentials": TOKEN}}}
    route = {"receiver": "fettle", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"}
    (folder / "am.yml").write_text(
        json.dumps({"route": route, "receivers": [{"name": "fettle", "webhook_configs": [hook]}]})
    )
    process = await asyncio.create_subprocess_exec(
        "prometheus-alertmanager",
        f"--config.file={folder / 'am.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            for _ in range(500):
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/-/ready")).status_code == 200:
                        break
                await asyncio.sleep(0.02)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


async def test_what_a_real_alertmanager_sends_is_taken_and_sent_again_until_it_is(
    app: FastAPI, store: Store, tmp_path: Path
) -> None:
    store.failure = OSError("not yet")
    server = await serve(app, "127.0.0.1", 0)
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    alert = {
        "labels": {"alertname": "PoolExhausted", "job": "payment", "severity": "critical"},
        "annotations": {"summary": "Pool is full"},
        "startsAt": started.isoformat(),
    }
    try:
        async with alertmanager(tmp_path, f"{server.address}/webhooks/alertmanager") as client:
            assert (await client.post("/api/v2/alerts", json=[alert])).status_code == 200
            await until(lambda: store.attempts > 0)
            assert store.signals == {}
            store.failure = None
            await until(lambda: len(store.signals) == 1)
            [signal] = store.signals.values()
            ended = datetime.now(UTC).isoformat()
            await client.post("/api/v2/alerts", json=[{**alert, "endsAt": ended}])
            await until(lambda: len(store.signals) == 2)
    finally:
        await server.stop()
    assert (signal.name, signal.service, signal.severity) == ("PoolExhausted", "payment", Severity.CRITICAL)
    assert signal.summary == "Pool is full"
    resolved = list(store.signals.values())[1]
    assert resolved.status is Status.RESOLVED
    assert resolved.fingerprint == signal.fingerprint
