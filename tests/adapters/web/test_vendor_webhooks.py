import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

import httpx
import pytest

from bot.domain.source import Auth, Basic, Bearer, Header, Hmac, Source
from bot.schema.webhooks import VENDORS
from bot.settings import Secret
from bot.web.app import build
from bot.web.auth import sign
from bot.web.metrics import Meters
from bot.web.webhooks import PARSERS
from tests.adapters.web import vendors as v
from tests.adapters.web.conftest import NOW, Store

SECRET = "a-secret-of-some-length"
STAMP = str(int(NOW.timestamp()) - 60)
BODY = json.dumps(v.GRAFANA).encode()


def mac(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def basic(user: str, password: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def client_of(store: Store, auths: Mapping[str, Auth]) -> httpx.AsyncClient:
    sources = {name: Source(name, auth) for name, auth in auths.items()}
    app = build(store, sources=sources, secret_of={"S": Secret(SECRET)}.get, meters=Meters(), clock=lambda: NOW)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f")


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """Every vendor that has a secret, each in its usual way."""
    usual: dict[str, Auth] = {}
    for name, auth in VENDORS.items():
        match auth:
            case Bearer():
                usual[name] = Bearer("S")
            case Hmac(_, header, prefix, encoding):
                usual[name] = Hmac("S", header, prefix, encoding)
            case _:
                continue
    async with client_of(store, usual) as made:
        yield made


def usual_headers(vendor: str, event: str, body: bytes) -> dict[str, str]:
    """How the vendor itself proves who it is."""
    named = {"X-GitHub-Event": event} if event else {}
    match vendor:
        case "pagerduty":
            return {"X-PagerDuty-Signature": f"v1={mac(body, 'an old one')},v1={mac(body)}"}
        case "sentry":
            return {"Sentry-Hook-Signature": mac(body)}
        case "github":
            return {"X-Hub-Signature-256": f"sha256={mac(body)}", **named}
        case "launchdarkly":
            return {"X-LD-Signature": mac(body)}
        case _:
            return {"Authorization": f"Bearer {SECRET}"}


CASES = [case for case in v.ALL if case != "cloudwatch"]


@pytest.mark.parametrize("case", CASES)
async def test_each_vendor_delivers_in_its_own_way(client: httpx.AsyncClient, store: Store, case: str) -> None:
    vendor, event, made = v.ALL[case]
    body = json.dumps(made).encode()
    headers = usual_headers(vendor, event, body)
    for repeats in (0, 1):
        answer = await client.post(f"/webhooks/{vendor}", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert {"taken": 1, "repeats": repeats}.items() <= answer.json().items()
    assert [signal.source for signal in store.signals.values()] == [vendor]


@pytest.mark.parametrize("case", CASES)
async def test_nobody_else_delivers(client: httpx.AsyncClient, store: Store, case: str) -> None:
    vendor, event, made = v.ALL[case]
    body = json.dumps(made).encode()
    right = usual_headers(vendor, event, body)
    for wrong in ({}, {name: value[:-1] + "x" for name, value in right.items() if name != "X-GitHub-Event"}):
        answer = await client.post(f"/webhooks/{vendor}", content=body, headers={"X-GitHub-Event": event, **wrong})
        assert answer.status_code == 401
    if "Authorization" not in right:
        assert (await client.post(f"/webhooks/{vendor}", content=body + b" ", headers=right)).status_code == 401
    assert store.signals == {}


@pytest.mark.parametrize("vendor", PARSERS)
async def test_a_vendor_that_nobody_configured_is_404(store: Store, vendor: str) -> None:
    async with client_of(store, {}) as client:
        answer = await client.post(f"/webhooks/{vendor}", content=b"{}")
    assert answer.status_code == 404
    assert f"`{vendor}: {{}}`" in answer.json()["hint"]


async def test_every_vendor_is_in_the_description(client: httpx.AsyncClient) -> None:
    described = (await client.get("/api/openapi.json")).json()["paths"]
    assert {f"/webhooks/{vendor}" for vendor in PARSERS} <= set(described)


async def test_what_is_ignored_is_acknowledged_and_counted(store: Store) -> None:
    meters = Meters()
    sources = {"github": Source("github", Hmac("S", "X-Hub-Signature-256", "sha256="))}
    app = build(store, sources=sources, secret_of={"S": Secret(SECRET)}.get, meters=meters, clock=lambda: NOW)
    body = b'{"zen": "Keep it logically awesome."}'
    headers = {"X-GitHub-Event": "ping", "X-Hub-Signature-256": f"sha256={mac(body)}", "X-Request-Id": "r1"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f") as client:
        answer = await client.post("/webhooks/github", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {
        "taken": 0,
        "repeats": 0,
        "request_id": "r1",
        "ignored": "the event ping tells of no change",
    }
    assert store.attempts == 0
    assert meters.registry.get_sample_value("fettle_deliveries_total", {"source": "github", "result": "ignored"}) == 1


async def test_github_may_send_a_form(client: httpx.AsyncClient, store: Store) -> None:
    """It does, where nobody chose application/json; the signature is over the form."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for text, status in ((json.dumps(v.PUSH), 200), ("%%", 400)):
        body = urlencode({"payload": text}).encode()
        headers = {**usual_headers("github", "push", body), **form}
        assert (await client.post("/webhooks/github", content=body, headers=headers)).status_code == status
    assert [signal.name for signal in store.signals.values()] == ["push"]


STAMPED = Hmac("S", "X-Grafana-Alerting-Signature", "", stamp="X-Grafana-Alerting-Timestamp")
WAYS: list[tuple[Auth, dict[str, str], int]] = [
    (Basic("S", "grafana"), basic("grafana"), 200),
    (Basic("S", "grafana"), basic("kim"), 401),
    (Basic("S", "grafana"), basic("grafana", "x"), 401),
    (Basic("S", "grafana"), {"Authorization": "Basic %%%"}, 401),
    (Basic("S", "grafana"), {"Authorization": "Basic /w=="}, 401),
    (Basic("S", "grafana"), {"Authorization": f"Bearer {SECRET}"}, 401),
    (Header("S", "X-Api-Key"), {"X-Api-Key": SECRET}, 200),
    (Header("S", "X-Api-Key"), {"X-Api-Key": "wrong"}, 401),
    (Header("S", "X-Api-Key"), {}, 401),
    (Hmac("S", "X-Grafana-Alerting-Signature", ""), {"X-Grafana-Alerting-Signature": mac(BODY)}, 200),
    (Hmac("S", "X-Grafana-Alerting-Signature", ""), {"X-Grafana-Alerting-Signature": mac(BODY, "x")}, 401),
    (
        STAMPED,
        {
            "X-Grafana-Alerting-Signature": mac(f"{STAMP}:".encode() + BODY),
            "X-Grafana-Alerting-Timestamp": STAMP,
        },
        200,
    ),
    (STAMPED, {"X-Grafana-Alerting-Signature": mac(BODY), "X-Grafana-Alerting-Timestamp": STAMP}, 401),
    (STAMPED, {"X-Grafana-Alerting-Signature": mac(BODY)}, 401),
    (
        STAMPED,
        {
            "X-Grafana-Alerting-Signature": mac(b"1795202804:" + BODY),
            "X-Grafana-Alerting-Timestamp": "1795200000",
        },
        401,
    ),
    (
        STAMPED,
        {
            "X-Grafana-Alerting-Signature": mac(b"1795200000:" + BODY),
            "X-Grafana-Alerting-Timestamp": "1795200000",
        },
        401,
    ),
]


@pytest.mark.parametrize(("auth", "headers", "status"), WAYS)
async def test_other_ways_to_prove_it(store: Store, auth: Auth, headers: dict[str, str], status: int) -> None:
    async with client_of(store, {"grafana": auth}) as client:
        answer = await client.post("/webhooks/grafana", content=BODY, headers=headers)
    assert answer.status_code == status, answer.text
    assert len(store.signals) == (status == 200)
    if isinstance(auth, Basic) and status == 401:
        assert answer.headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize("auth", [Basic("V"), Header("V"), Hmac("V"), Bearer("V")])
async def test_without_a_secret_nothing_is_taken(store: Store, auth: Auth) -> None:
    given = {**basic("fettle", ""), "X-Api-Key": "x", "X-Signature-256": sign(Hmac("V"), BODY, Secret(""))}
    async with client_of(store, {"grafana": auth}) as client:
        answer = await client.post("/webhooks/grafana", content=BODY, headers=given)
    assert answer.status_code == 401
    assert "set V or FETTLE_WEBHOOK_TOKEN" in answer.json()["error"]
    assert store.signals == {}
