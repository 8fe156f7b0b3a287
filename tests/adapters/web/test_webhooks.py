import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from bot.domain.signal import Severity, SignalKind, Status
from bot.domain.source import Bearer, Hmac, Source
from bot.errors import Transient
from bot.settings import Secret
from bot.web import edge
from bot.web.app import build
from bot.web.auth import sign
from bot.web.metrics import Meters
from bot.web.webhooks import MOST_AT_ONCE
from tests.adapters.web.conftest import ALERT, NOW, SOURCES, Store, group

STARTED = datetime(2026, 11, 20, 19, 26, 44, 568123, UTC)


def counted(meters: Meters, name: str, **labels: str) -> float:
    return meters.registry.get_sample_value(name, labels) or 0.0


async def test_an_alert_becomes_a_signal(client: httpx.AsyncClient, store: Store, meters: Meters) -> None:
    answer = await client.post("/webhooks/alertmanager", content=group(), headers={"X-Request-Id": "from-me-1"})
    assert (answer.status_code, answer.json()) == (200, {"taken": 1, "repeats": 0, "request_id": "from-me-1"})
    assert answer.headers["x-request-id"] == "from-me-1"
    [signal] = store.signals.values()
    assert (signal.kind, signal.source, signal.service, signal.name) == (
        SignalKind.ALERT,
        "alertmanager",
        "payment",
        "PoolExhausted",
    )
    assert (signal.status, signal.severity, signal.environment) == (Status.FIRING, Severity.CRITICAL, "demo")
    assert (signal.started_at, signal.at, signal.received_at) == (STARTED, STARTED, NOW)
    assert (signal.summary, signal.description) == ("Pool is full", "20 of 20\nin use")
    assert (signal.fingerprint, signal.url) == ("31ef38b35d72fa4c", "http://prometheus/graph")
    assert counted(meters, "fettle_deliveries_total", source="alertmanager", result="taken") == 1
    assert counted(meters, "fettle_signals_total", kind="alert", result="new") == 1
    assert counted(meters, "fettle_webhook_seconds_count", source="alertmanager") == 1


async def test_the_same_delivery_twice_is_one_signal(client: httpx.AsyncClient, store: Store, meters: Meters) -> None:
    first = await client.post("/webhooks/alertmanager", content=group())
    second = await client.post("/webhooks/alertmanager", content=group(groupKey="sent again in another group"))
    assert (first.json()["repeats"], second.json()["repeats"]) == (0, 1)
    assert len(store.signals) == 1
    assert counted(meters, "fettle_deliveries_total", source="alertmanager", result="repeat") == 1


async def test_the_same_alert_twice_in_one_delivery_is_one_signal(client: httpx.AsyncClient, store: Store) -> None:
    answer = await client.post("/webhooks/alertmanager", content=group(ALERT, ALERT))
    assert answer.json()["taken"] == 2
    assert answer.json()["repeats"] == 1
    assert len(store.signals) == 1


async def test_resolved_and_fired_again_are_three_signals(client: httpx.AsyncClient, store: Store) -> None:
    resolved = {**ALERT, "status": "resolved", "endsAt": "2026-11-20T19:27:31Z"}
    again = {**ALERT, "startsAt": "2026-11-20T19:28:00Z"}
    await client.post("/webhooks/alertmanager", content=group(ALERT, resolved, again))
    fired, ended, fired_again = store.signals.values()
    assert fired.fingerprint == ended.fingerprint == fired_again.fingerprint
    assert ended.at == datetime(2026, 11, 20, 19, 27, 31, tzinfo=UTC)
    assert ended.started_at == STARTED


async def test_the_service_is_the_label_that_the_configuration_says(store: Store, meters: Meters) -> None:
    named = replace(SOURCES["alertmanager"], service_labels=("app", "job"))
    app = build(
        store, sources={"alertmanager": named}, secret_of=lambda _: Secret("t"), meters=meters, clock=lambda: NOW
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f") as client:
        for labels in ({"app": "one", "job": "x"}, {"job": "two"}, {"service": "three"}):
            body = group({**ALERT, "labels": {"alertname": "A", **labels}, "fingerprint": None})
            await client.post("/webhooks/alertmanager", content=body, headers={"Authorization": "bearer t"})
    assert [signal.service for signal in store.signals.values()] == ["one", "two", ""]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b"{", "$", "is not JSON"),
        (b"\xff", "$", "is not UTF-8"),
        (b"[" * 100_000, "$", "nested too deep"),
        (b'{"version": ' + b"9" * 5000 + b"}", "$", "a number that is too long"),
        (b"[]", "$", "found a list of 0, expected Alertmanager's object"),
        (group(version="3"), "$.version", "found 3, expected “4”"),
        (b"{}", "$.version", "found nothing, expected “4”"),
        (b'{"version": "4"}', "$.alerts", "found nothing, expected a list of alerts"),
        (
            group(ALERT, {**ALERT, "labels": []}),
            "$.alerts[1].labels",
            "found a list of 0, expected an object of labels",
        ),
        (group({**ALERT, "labels": {"service": "x"}}), "$.alerts[0].labels.alertname", "expected the alert's name"),
        (group({**ALERT, "status": "burning"}), "$.alerts[0].status", "found burning, expected firing or resolved"),
        (
            group({**ALERT, "startsAt": "yesterday"}),
            "$.alerts[0].startsAt",
            "found “yesterday”, expected a time such as",
        ),
        (group({**ALERT, "startsAt": None}), "$.alerts[0].startsAt", "expected when the alert began to fire"),
        (group({**ALERT, "annotations": "x"}), "$.alerts[0].annotations", "found “x”, expected an object"),
    ],
)
async def test_what_is_not_alertmanagers_is_named(
    client: httpx.AsyncClient, store: Store, body: bytes, field: str, said: str
) -> None:
    answer = await client.post("/webhooks/alertmanager", content=body)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert said in answer.json()["error"]
    assert store.signals == {}


async def test_one_bad_alert_refuses_the_whole_delivery(client: httpx.AsyncClient, store: Store) -> None:
    answer = await client.post("/webhooks/alertmanager", content=group(ALERT, {}))
    assert answer.status_code == 400
    assert store.signals == {}


async def test_text_from_outside_is_cleaned_and_limited(client: httpx.AsyncClient, store: Store) -> None:
    labels = {
        "alertname": "A\u0000\u202e\ud800B" * 100,
        "severity": "p1",
        **{f"l{i:03}": "x" * 5000 for i in range(200)},
    }
    alert = {
        **ALERT,
        "labels": labels,
        "generatorURL": "javascript:alert(1)",
        "annotations": {"description": "d" * 9000},
    }
    answer = await client.post("/webhooks/alertmanager", content=group(alert))
    assert answer.status_code == 200
    [signal] = store.signals.values()
    assert signal.name.startswith("ABABAB")
    assert len(signal.name) == 200
    assert len(signal.labels) == 64
    assert max(map(len, signal.labels.values())) == 500
    assert len(signal.description) == 4000
    assert signal.severity is Severity.CRITICAL
    assert signal.url == ""
    json.dumps([signal.name, signal.labels["alertname"]]).encode()
    assert signal.name.encode()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2026-11-20T20:26:44+01:00", datetime(2026, 11, 20, 19, 26, 44, tzinfo=UTC)),
        ("2026-11-20T19:26:44", datetime(2026, 11, 20, 19, 26, 44, tzinfo=UTC)),
        ("2026-11-20T19:26:60Z", datetime(2026, 11, 20, 19, 26, 59, tzinfo=UTC)),
        ("2031-01-01T00:00:00Z", NOW),
        (1795202804, datetime(2026, 11, 20, 19, 26, 44, tzinfo=UTC)),
    ],
)
async def test_odd_times(client: httpx.AsyncClient, store: Store, given: object, read: datetime) -> None:
    await client.post("/webhooks/alertmanager", content=group({**ALERT, "startsAt": given}))
    [signal] = store.signals.values()
    assert signal.started_at == read


async def test_resolved_without_an_end_is_the_same_signal_whenever_it_comes(
    client: httpx.AsyncClient, store: Store
) -> None:
    resolved = {**ALERT, "status": "resolved"}
    for _ in range(2):
        await client.post("/webhooks/alertmanager", content=group(resolved))
    [signal] = store.signals.values()
    assert signal.at == NOW


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Authorization": ""}, "found no token"),
        ({"Authorization": "Bearer"}, "found no token"),
        ({"Authorization": "Basic abc"}, "found no token"),
        ({"Authorization": "Bearer wrong"}, "is not the one"),
        ({"Authorization": b"Bearer \xff\xfe"}, "is not the one"),
    ],
)
async def test_a_wrong_token_is_401(
    client: httpx.AsyncClient, store: Store, headers: dict[str, Any], said: str
) -> None:
    answer = await client.post("/webhooks/alertmanager", content=group(), headers=headers)
    assert answer.status_code == 401
    assert said in answer.json()["error"]
    assert answer.headers["www-authenticate"] == "Bearer"
    assert store.signals == {}


async def test_without_a_secret_nothing_is_taken(store: Store, meters: Meters) -> None:
    app = build(store, sources={"changes": Source("changes", Bearer("V"))}, secret_of=lambda _: None, meters=meters)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f") as client:
        answer = await client.post("/changes", json={"service": "x"}, headers={"Authorization": "Bearer "})
    assert answer.status_code == 401
    assert "set V or FETTLE_WEBHOOK_TOKEN" in answer.json()["error"]


CHECKS = json.dumps(
    {"checks": [{"check": {"name": "Home"}, "state": "DOWN", "level": "P1", "since": 1795202804000, "regions": ["eu"]}]}
).encode()


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(b"sign with this", body, hashlib.sha256).hexdigest()


async def test_a_signed_generic_delivery(client: httpx.AsyncClient, store: Store) -> None:
    answer = await client.post(
        "/webhooks/generic/uptime", content=CHECKS, headers={"X-Sign": f"sha256=old, {signature(CHECKS)}"}
    )
    assert answer.status_code == 200
    [signal] = store.signals.values()
    assert (signal.name, signal.service, signal.severity) == ("Home", "website", Severity.CRITICAL)
    assert (signal.status, signal.labels) == (Status.FIRING, {"region": "eu"})


@pytest.mark.parametrize("given", [None, "", signature(CHECKS + b" "), signature(CHECKS)[7:], "sha256=", "ü"])
async def test_a_wrong_signature_is_401(client: httpx.AsyncClient, store: Store, given: str | None) -> None:
    headers = httpx.Headers([] if given is None else [("X-Sign", given)], encoding="latin-1")
    answer = await client.post("/webhooks/generic/uptime", content=CHECKS, headers=headers)
    assert answer.status_code == 401
    assert store.signals == {}


def test_a_base64_signature() -> None:
    auth = Hmac("V", "X-Sign", "v1=", "base64")
    right = base64.b64encode(hmac.new(b"key", b"body", hashlib.sha256).digest()).decode()
    assert sign(auth, b"body", Secret("key")) == f"v1={right}"


async def test_resolved_by_the_words_of_the_mapping(client: httpx.AsyncClient, store: Store) -> None:
    body = CHECKS.replace(b"DOWN", b"Up")
    await client.post("/webhooks/generic/uptime", content=body, headers={"X-Sign": signature(body)})
    assert [signal.status for signal in store.signals.values()] == [Status.RESOLVED]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"checks": {}}', "$.checks"),
        (b'{"checks": [{"check": {"name": "ok"}}, {}]}', "$.checks[1].check.name"),
        (b'{"checks": [{"check": {"name": "ok"}, "since": "soon"}]}', "$.checks[0].since"),
        (b"3", "$"),
    ],
)
async def test_what_the_mapping_does_not_find_is_named(client: httpx.AsyncClient, body: bytes, field: str) -> None:
    answer = await client.post("/webhooks/generic/uptime", content=body, headers={"X-Sign": signature(body)})
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_a_generic_change(client: httpx.AsyncClient, store: Store) -> None:
    await client.post(
        "/webhooks/generic/flags", json={"app": "shop", "flag": {"value": True}}, headers={"Authorization": ""}
    )
    [signal] = store.signals.values()
    assert (signal.kind, signal.status, signal.facts) == (SignalKind.CHANGE, Status.HAPPENED, {"version": "true"})


async def test_an_unknown_source_is_404(client: httpx.AsyncClient) -> None:
    for name in ("nobody", "alertmanager"):
        answer = await client.post(f"/webhooks/generic/{name}", content=b"{}")
        assert answer.status_code == 404
        assert answer.json()["error"] == "there is no such source"


DEPLOY = {"service": "payment", "kind": "deploy", "version": "2.4", "previous": "2.3", "by": "kim"}


async def test_a_deploy(client: httpx.AsyncClient, store: Store) -> None:
    answer = await client.post("/changes", json={**DEPLOY, "at": "2026-11-20T19:20:00Z", "url": "https://ci/1"})
    assert answer.json()["taken"] == 1
    [signal] = store.signals.values()
    assert (signal.kind, signal.status, signal.name, signal.service) == (
        SignalKind.CHANGE,
        Status.HAPPENED,
        "deploy",
        "payment",
    )
    assert signal.facts == {"version": "2.4", "previous": "2.3", "by": "kim"}
    assert signal.started_at == datetime(2026, 11, 20, 19, 20, tzinfo=UTC)


async def test_which_changes_are_the_same(client: httpx.AsyncClient, store: Store) -> None:
    at = {"at": "2026-11-20T19:20:00Z"}
    for body in (
        {**DEPLOY, **at},
        {**DEPLOY, **at, "more": 1},
        {**DEPLOY, "id": 7},
        {"service": "payment", "id": 7},
        DEPLOY,
        DEPLOY,
    ):
        await client.post("/changes", json=body)
    assert len(store.signals) == 3


async def test_several_changes_and_bad_ones(client: httpx.AsyncClient, store: Store) -> None:
    assert (await client.post("/changes", json=[DEPLOY, {**DEPLOY, "service": "shop"}])).json()["taken"] == 2
    bad = await client.post("/changes", json=[DEPLOY, {"kind": "deploy"}])
    assert (bad.status_code, bad.json()["field"]) == (400, "$[1].service")
    worse = await client.post("/changes", json={"service": ["x"]})
    assert worse.json()["error"] == "$.service: found a list of 1, expected a text"
    assert len(store.signals) == 2


@pytest.mark.parametrize(
    ("failure", "after"), [(OSError("disk full"), "5"), (Transient("wait", 12.4), "12"), (TimeoutError(), "5")]
)
async def test_nothing_is_acknowledged_that_was_not_stored(
    client: httpx.AsyncClient, store: Store, failure: Exception, after: str
) -> None:
    store.failure = failure
    answer = await client.post("/webhooks/alertmanager", content=group())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, after)
    assert "disk full" not in answer.text
    store.failure = None
    assert (await client.post("/webhooks/alertmanager", content=group())).json()["repeats"] == 0


async def test_too_many_at_once_are_put_off(store: Store, client: httpx.AsyncClient) -> None:
    store.gate = asyncio.Event()
    waiting = [asyncio.create_task(client.post("/webhooks/alertmanager", content=group())) for _ in range(MOST_AT_ONCE)]
    while (answer := await client.post("/changes", content=b"no JSON")).status_code != 503:
        await asyncio.sleep(0)
    assert answer.headers["retry-after"] == "1"
    store.gate.set()
    assert {(await one).status_code for one in waiting} == {200}
    assert (await client.post("/changes", json=DEPLOY)).status_code == 200


@pytest.mark.parametrize("declared", [True, False])
async def test_over_five_megabytes_is_413_and_reading_stops(
    client: httpx.AsyncClient, store: Store, *, declared: bool
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 100_000
            yield b" " * 100_000

    content = b" " * 5_000_001 if declared else endless()
    answer = await client.post("/webhooks/alertmanager", content=content)
    assert answer.status_code == 413
    assert "5 MB" in answer.json()["error"]
    assert sent <= 5_200_000
    assert store.signals == {}


async def test_just_under_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    body = group()
    answer = await client.post("/webhooks/alertmanager", content=body + b" " * (edge.LARGEST_BODY - len(body)))
    assert answer.status_code == 200


async def test_thousands_of_alerts_in_one_delivery(client: httpx.AsyncClient, store: Store) -> None:
    alerts = [{**ALERT, "fingerprint": str(i)} for i in range(9_000)]
    answer = await client.post("/webhooks/alertmanager", content=group(*alerts))
    assert answer.json()["taken"] == 9_000
    assert len(store.signals) == 9_000


@pytest.mark.parametrize("given", ["", "x" * 101, "a b", "a\tb", "ü"])
async def test_an_odd_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/healthz", headers=httpx.Headers({"X-Request-Id": given}, encoding="latin-1"))
    assert len(answer.headers["x-request-id"]) == 32


async def test_health_and_readiness(client: httpx.AsyncClient, store: Store) -> None:
    assert (await client.get("/healthz")).json()["status"] == "ok"
    assert (await client.get("/readyz")).json() == {"status": "ready", "parts": {"database": "ok", "engine": "ok"}}
    store.parts["engine"] = "does not take jobs"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["field"]) == (503, "engine")
    assert "engine: does not take jobs" in answer.json()["error"]
    store.failure = OSError("secret detail")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "secret detail" not in answer.text
    assert (await client.get("/healthz")).status_code == 200


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient) -> None:
    await client.post("/webhooks/alertmanager", content=b"{")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'fettle_deliveries_total{result="bad",source="alertmanager"} 1.0' in answer.text


async def test_every_error_is_json(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/nowhere"), await client.get("/changes"), await client.post("/slack/events")):
        assert answer.status_code in (404, 405)
        assert set(answer.json()) == {"error", "field", "hint"}


async def test_the_description_is_served_and_no_page(client: httpx.AsyncClient) -> None:
    described = (await client.get("/api/openapi.json")).json()
    assert {"/webhooks/alertmanager", "/webhooks/generic/{name}", "/changes", "/readyz"} <= set(described["paths"])
    assert {"401", "413", "503"} <= set(described["paths"]["/changes"]["post"]["responses"])
    for page in ("/docs", "/redoc", "/openapi.json"):
        assert (await client.get(page)).status_code == 404


async def test_slack_over_http_gets_the_raw_request(store: Store, meters: Meters) -> None:
    async def bolt(request: Request) -> Response:
        if b"crash" in await request.body():
            raise RuntimeError("inside Bolt")
        return PlainTextResponse(await request.body())

    app = build(store, sources={}, secret_of=lambda _: None, meters=meters, slack_handler=bolt)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f") as client:
        assert (await client.post("/slack/events", content=b"payload=1")).text == "payload=1"
        assert (await client.post("/slack/events", content=b"x" * 5_000_001)).status_code == 413
        broken = await client.post("/slack/events", content=b"crash")
    assert broken.status_code == 500
    assert "inside Bolt" not in broken.text
    assert set(broken.json()) == {"error", "field", "hint"}
