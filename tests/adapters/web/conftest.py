import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot.domain.signal import Signal, SignalKind
from bot.domain.source import Bearer, Hmac, Open, Place, Shape, Source
from bot.settings import Secret
from bot.web.app import build
from bot.web.metrics import Meters
from bot.web.webhooks import Taken

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
TOKEN = "a-token-of-some-length"
ALERT: Mapping[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "PoolExhausted", "service": "payment", "severity": "critical", "env": "demo"},
    "annotations": {"summary": "Pool is full", "description": "20 of 20\nin use", "runbook_url": "https://x/y"},
    "startsAt": "2026-11-20T19:26:44.568123456Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "31ef38b35d72fa4c",
}

SOURCES = {
    "alertmanager": Source("alertmanager", Bearer("A")),
    "changes": Source("changes", Bearer("C")),
    "uptime": Source(
        "uptime",
        Hmac("U", "X-Sign", "sha256="),
        Shape(
            SignalKind.ALERT,
            name=Place(("check", "name")),
            service=Place(("check", "service"), "website"),
            items=("checks",),
            status=Place(("state",)),
            severity=Place(("level",)),
            started_at=Place(("since",)),
            summary=Place(("message",)),
            labels={"region": Place(("regions", 0))},
        ),
    ),
    "flags": Source(
        "flags",
        Open(),
        Shape(
            SignalKind.CHANGE,
            name=Place((), "flag"),
            service=Place(("app",)),
            facts={"version": Place(("flag", "value"))},
        ),
    ),
}


def group(*alerts: Mapping[str, Any], **more: object) -> bytes:
    """A delivery of Alertmanager's."""
    return json.dumps({"version": "4", "status": "firing", "alerts": list(alerts or [ALERT]), **more}).encode()


@dataclass
class Store:
    """A door that keeps signals in memory, waits at its gate, and fails when told to."""

    signals: dict[str, Signal] = field(default_factory=dict)
    deliveries: list[str] = field(default_factory=list)
    parts: dict[str, str | None] = field(default_factory=lambda: {"database": None, "engine": None})
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    attempts: int = 0

    async def take(self, signals: Sequence[Signal], delivery: str, request_id: str) -> Taken:
        self.attempts += 1
        if self.gate:
            await self.gate.wait()
        if self.failure:
            raise self.failure
        assert all(signal.request_id == request_id for signal in signals)
        self.deliveries.append(delivery)
        fresh = [signal for signal in signals if signal.id not in self.signals]
        self.signals.update({signal.id: signal for signal in fresh})
        return Taken(len(fresh), len(signals) - len(fresh))

    async def ready(self) -> Mapping[str, str | None]:
        if self.failure:
            raise self.failure
        return self.parts


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def meters() -> Meters:
    return Meters()


@pytest.fixture
def app(store: Store, meters: Meters) -> FastAPI:
    return build(
        store,
        sources=SOURCES,
        secret_of={"A": Secret(TOKEN), "C": Secret(TOKEN), "U": Secret("sign with this")}.get,
        meters=meters,
        clock=lambda: NOW,
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://fettle", headers=headers) as client:
        yield client
