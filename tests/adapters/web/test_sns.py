import base64
import functools
import json
import socket
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from bot.domain.source import Sns, Source
from bot.errors import BadDelivery, Transient, Unauthentic
from bot.web import sns
from bot.web.edge import Edge
from bot.web.metrics import Meters
from bot.web.server import RunningServer, serve
from bot.web.webhooks import Webhooks
from tests.adapters.web import vendors as v
from tests.adapters.web.conftest import NOW, Store

AMAZON = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{AMAZON}/SimpleNotificationService-1.pem"
CONFIRM = f"{AMAZON}/?Action=ConfirmSubscription&TopicArn={v.TOPIC}&Token=t"


@functools.cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(
    holder: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None, until: datetime = NOW + timedelta(days=30)
) -> bytes:
    holder = holder or key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(holder.public_key())
    made = made.serial_number(1).not_valid_before(NOW - timedelta(days=60)).not_valid_after(until)
    return made.sign(holder, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(body: dict[str, Any], version: str = "1", names: tuple[str, ...] = sns.NOTIFICATION) -> dict[str, Any]:
    """The body as SNS signs it: names and values on lines of their own, those that are missing left out."""
    text = "".join(f"{name}\n{body[name]}\n" for name in names if body.get(name) is not None)
    way: hashes.HashAlgorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303  # version 1 is that
    signature = key().sign(text.encode(), padding.PKCS1v15(), way)
    coded = base64.b64encode(signature).decode()
    return {**body, "SignatureVersion": version, "Signature": coded, "SigningCertURL": CERTIFICATE}


SUBSCRIBE = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "m",
    "Token": "t",
    "TopicArn": v.TOPIC,
    "Message": "You have chosen to subscribe",
    "SubscribeURL": CONFIRM,
    "Timestamp": "2026-11-20T19:26:45.000Z",
}


class Amazon:
    """SNS' side on loopback: a certificate, and subscriptions that are confirmed."""

    def __init__(self) -> None:
        self.pem, self.status, self.asked, self.address = certificate(), 200, list[str](), ""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode()
        self.asked.append(scope["path"] + (f"?{query}" if query else ""))
        body = self.pem if scope["path"].endswith(".pem") else b"<ConfirmSubscriptionResponse/>"
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def fetch(self, url: str) -> bytes:
        """The product's own way to fetch, with Amazon's address replaced by the stand-in's."""
        assert url.startswith(AMAZON)
        return await sns.fetch(self.address + url.removeprefix(AMAZON))


@pytest.fixture
async def amazon() -> AsyncIterator[Amazon]:
    stand_in = Amazon()
    server: RunningServer = await serve(stand_in, "127.0.0.1", 0)
    stand_in.address = server.address
    yield stand_in
    await server.stop()


@pytest.fixture
async def post(amazon: Amazon, store: Store, meters: Meters) -> AsyncIterator[Callable[[object], Any]]:
    """Deliver as SNS does, to an application that allows one topic."""
    app = FastAPI()
    sources = {"cloudwatch": Source("cloudwatch", Sns((v.TOPIC,)))}
    webhooks = Webhooks(store, sources, lambda _: None, meters, lambda: NOW, set(), sns.Seal(amazon.fetch))
    app.include_router(webhooks.router())
    app.add_middleware(Edge)
    headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f", headers=headers) as client:
        yield lambda body: client.post("/webhooks/cloudwatch", content=json.dumps(body))


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_alarm_is_taken_and_its_certificate_fetched_once(
    post: Callable[[object], Any], store: Store, amazon: Amazon, version: str
) -> None:
    for subject in (v.CLOUDWATCH["Subject"], None):
        answer = await post(signed({**v.CLOUDWATCH, "Subject": subject}, version))
        assert answer.status_code == 200, answer.text
    assert [signal.name for signal in store.signals.values()] == ["payment-5xx"]
    assert amazon.asked == ["/SimpleNotificationService-1.pem"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Message": json.dumps({**v.ALARM, "NewStateValue": "OK"})}, "$.Signature"),
        ({"Subject": None}, "$.Signature"),
        ({"Timestamp": "2026-11-20T19:26:46.000Z"}, "$.Signature"),
        ({"SignatureVersion": "2"}, "$.Signature"),
        ({"Signature": "AAAA"}, "$.Signature"),
        ({"SignatureVersion": "3"}, "$.SignatureVersion"),
        ({"TopicArn": "arn:aws:sns:eu-west-1:666666666666:alarms"}, "$.TopicArn"),
        ({"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"}, "$.SigningCertURL"),
        ({"SigningCertURL": f"{AMAZON}/x.html"}, "$.SigningCertURL"),
    ],
)
async def test_what_sns_did_not_sign_is_401(
    post: Callable[[object], Any], store: Store, amazon: Amazon, change: dict[str, object], field: str
) -> None:
    answer = await post({**signed(v.CLOUDWATCH), **change})
    assert (answer.status_code, answer.json()["field"]) == (401, field)
    assert "webhooks.cloudwatch.topics" in answer.json()["hint"]
    assert bool(amazon.asked) == (field in ("$.Signature", "$.SignatureVersion"))
    assert store.signals == {}


@pytest.mark.parametrize(
    "pem",
    [
        b"hello",
        certificate(until=NOW - timedelta(days=1)),
        certificate(ec.generate_private_key(ec.SECP256R1())),
        certificate(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["none", "expired", "no RSA", "another"],
)
async def test_a_wrong_certificate_is_401(
    post: Callable[[object], Any], store: Store, amazon: Amazon, pem: bytes
) -> None:
    amazon.pem = pem
    assert (await post(signed(v.CLOUDWATCH))).status_code == 401
    assert store.signals == {}


async def test_what_is_no_envelope_is_400(post: Callable[[object], Any]) -> None:
    for body in (v.ALARM, {**signed(v.CLOUDWATCH), "Signature": "not base64!"}, {**v.CLOUDWATCH, "Type": "Hello"}):
        assert (await post(body)).status_code == 400


async def test_a_certificate_that_cannot_be_had_is_asked_for_again(
    post: Callable[[object], Any], store: Store, amazon: Amazon
) -> None:
    amazon.status = 500
    answer = await post(signed(v.CLOUDWATCH))
    assert (answer.status_code, store.signals) == (503, {})
    amazon.status = 200
    assert (await post(signed(v.CLOUDWATCH))).status_code == 200


async def test_a_subscription_is_confirmed(post: Callable[[object], Any], amazon: Amazon, store: Store) -> None:
    answer = await post(signed(SUBSCRIBE, "2", sns.CONFIRMATION))
    assert answer.status_code == 200
    assert answer.json()["ignored"] == f"the subscription to {v.TOPIC} is confirmed"
    assert amazon.asked[1:] == [f"/?Action=ConfirmSubscription&TopicArn={v.TOPIC}&Token=t"]
    assert store.signals == {}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"SubscribeURL": "https://evil.example/?Action=ConfirmSubscription"}, 400),
        ({"SubscribeURL": f"http{CONFIRM.removeprefix('https')}"}, 400),
        ({"SubscribeURL": None}, 400),
        ({"TopicArn": "arn:aws:sns:eu-west-1:666666666666:alarms"}, 401),
    ],
)
async def test_a_subscription_that_is_not_ours_is_not_visited(
    post: Callable[[object], Any], amazon: Amazon, change: dict[str, object], status: int
) -> None:
    """Although SNS itself has signed each of these."""
    answer = await post(signed({**SUBSCRIBE, **change}, "1", sns.CONFIRMATION))
    assert answer.status_code == status
    assert [path for path in amazon.asked if not path.endswith(".pem")] == []


async def test_a_forged_subscription_is_not_visited(post: Callable[[object], Any], amazon: Amazon) -> None:
    answer = await post({**signed(SUBSCRIBE, "1", sns.CONFIRMATION), "SubscribeURL": f"{CONFIRM}2"})
    assert answer.status_code == 401
    assert [path for path in amazon.asked if not path.endswith(".pem")] == []


async def test_a_subscription_that_ended_is_only_told(post: Callable[[object], Any], amazon: Amazon) -> None:
    answer = await post(signed({**SUBSCRIBE, "Type": "UnsubscribeConfirmation"}, "1", sns.CONFIRMATION))
    assert "has ended" in answer.json()["ignored"]
    assert [path for path in amazon.asked if not path.endswith(".pem")] == []


@pytest.mark.parametrize(
    ("url", "right"),
    [
        (CERTIFICATE, True),
        ("https://sns.cn-north-1.amazonaws.com.cn/x.pem", True),
        ("https://sns.us-gov-west-1.amazonaws.com:443/x.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/x.pem", False),
        ("https://evil.example/sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com@evil.example/x.pem", False),
        ("https://kim@sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:x/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com\\@evil.example/x.pem", False),
        ("https://s3.eu-west-1.amazonaws.com/sns/x.pem", False),
        ("https://sns.s3.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com\n.evil.example/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com/x.pem\n", False),
        ("https://[sns.eu-west-1.amazonaws.com/x.pem", False),
        ("", False),
    ],
)
def test_addresses_of_sns(url: str, *, right: bool) -> None:
    assert sns.is_sns(url) is right


async def test_a_certificate_is_kept_for_a_day_and_not_past_its_end() -> None:
    asked = 0

    async def fetch(_url: str) -> bytes:
        nonlocal asked
        asked += 1
        return certificate(until=NOW + timedelta(hours=30))

    seal, envelope = sns.Seal(fetch), sns.open_envelope(signed(v.CLOUDWATCH))
    for hours, times in ((0, 1), (23, 1), (25, 2), (29, 2)):
        await seal.check(envelope, Sns((v.TOPIC,)), NOW + timedelta(hours=hours))
        assert asked == times
    with pytest.raises(Unauthentic, match="not valid now"):
        await seal.check(envelope, Sns((v.TOPIC,)), NOW + timedelta(hours=31))


async def test_no_more_certificates_are_kept_than_sns_can_have() -> None:
    async def fetch(_url: str) -> bytes:
        return certificate()

    seal, body = sns.Seal(fetch), signed(v.CLOUDWATCH)
    for number in range(sns.MOST_CERTIFICATES + 5):
        envelope = sns.open_envelope({**body, "SigningCertURL": f"{AMAZON}/{number}.pem"})
        await seal.check(envelope, Sns((v.TOPIC,)), NOW)
    assert len(seal.kept) == sns.MOST_CERTIFICATES


async def test_without_topics_nothing_is_taken() -> None:
    async def fetch(_url: str) -> bytes:
        raise AssertionError("nothing may be fetched for a topic that nobody allowed")

    with pytest.raises(Unauthentic, match="not one of those"):
        await sns.Seal(fetch).check(sns.open_envelope(signed(v.CLOUDWATCH)), Sns(()), NOW)


async def test_an_address_that_does_not_answer_is_for_later(amazon: Amazon) -> None:
    amazon.pem = b"x" * (sns.LARGEST_ANSWER + 1)
    with pytest.raises(Transient, match="over"):
        await sns.fetch(f"{amazon.address}/x.pem")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Transient, match="could not be reached"):
        await sns.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/x.pem", 0.05)


def test_the_text_that_is_signed() -> None:
    body = {**v.CLOUDWATCH, "Message": "m\nn", "Signature": "c2ln", "SignatureVersion": "1", "SigningCertURL": "u"}
    assert sns.open_envelope(body).signed.decode() == (
        f"Message\nm\nn\nMessageId\n22b80b92\nSubject\nALARM: payment-5xx\nTimestamp\n2026-11-20T19:26:45.000Z\n"
        f"TopicArn\n{v.TOPIC}\nType\nNotification\n"
    )
    with pytest.raises(BadDelivery):
        sns.open_envelope({**body, "Message": {}})
