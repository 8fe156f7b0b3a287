"""Amazon SNS' envelopes: their signature, and the confirmation of a subscription.

Method: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from bot.domain.source import Sns
from bot.errors import BadDelivery, Transient, Unauthentic
from bot.web.body import line, mapping

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

HOST = r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
FETCH_SECONDS = 5.0
LARGEST_ANSWER = 100_000  # bytes
KEEP = timedelta(hours=24)
MOST_CERTIFICATES = 50
# What is signed, in this order; what is missing is left out.
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SNS wraps around a message. ``signed`` are the bytes that ``signature`` is for."""

    kind: str
    topic: str
    message: str
    version: str
    signed: bytes
    signature: bytes
    certificate: str
    subscribe: str


def open_envelope(body: object) -> Envelope:
    """The envelope in a body. Raises ``BadDelivery`` naming the field that is not SNS'."""
    top = mapping(body, "$", "SNS' object (raw message delivery must be off: raw messages are not signed)")
    kind = _text(top.get("Type"), "$.Type", "Notification, SubscriptionConfirmation or UnsubscribeConfirmation")
    if kind not in ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"):
        raise BadDelivery(f"found “{line(kind, 60)}”, expected one of SNS' types", "$.Type")
    texts = {
        name: _text(top[name], f"$.{name}", "a text")
        for name in (NOTIFICATION if kind == "Notification" else CONFIRMATION)
        if top.get(name) is not None
    }
    try:
        signature = base64.b64decode(_text(top.get("Signature"), "$.Signature", "a signature in base64"), validate=True)
        signed = "".join(f"{name}\n{text}\n" for name, text in texts.items()).encode()
    except (binascii.Error, ValueError):
        raise BadDelivery("cannot be read, expected a signature in base64 over UTF-8 text", "$.Signature") from None
    return Envelope(
        kind=kind,
        topic=_text(top.get("TopicArn"), "$.TopicArn", "the topic's ARN"),
        message=_text(top.get("Message"), "$.Message", "the message as a text"),
        version=_text(top.get("SignatureVersion"), "$.SignatureVersion", "1 or 2"),
        signed=signed,
        signature=signature,
        certificate=_text(top.get("SigningCertURL"), "$.SigningCertURL", "the certificate's address"),
        subscribe=texts.get("SubscribeURL", ""),
    )


async def fetch(url: str, seconds: float = FETCH_SECONDS) -> bytes:
    """What stands at an address. Raises ``Transient`` when it cannot be had within so many seconds."""
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, follow_redirects=False) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise Transient(f"SNS answered {answer.status_code} at {_host(url)}")
            found = b""
            async for part in answer.aiter_bytes():
                found += part
                if len(found) > LARGEST_ANSWER:
                    raise Transient(f"SNS' answer at {_host(url)} is over {LARGEST_ANSWER} bytes")
            return found
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as failure:
        raise Transient(f"SNS could not be reached at {_host(url)}: {type(failure).__name__}") from failure


@dataclass
class Seal:
    """Checks envelopes. Certificates are fetched from SNS' own hosts only, and kept for a day."""

    fetch: Fetch = fetch
    kept: dict[str, tuple[datetime, "RSAPublicKey"]] = field(default_factory=dict)

    async def check(self, envelope: Envelope, auth: Sns, now: datetime) -> None:
        """Raise ``Unauthentic`` unless SNS signed it for one of the topics that are allowed.

        Raises ``Transient`` when the certificate cannot be fetched now.
        """
        if envelope.topic not in auth.topics:
            said = f"the topic {line(envelope.topic, 200)} is not one of those in fettle.yaml"
            raise Unauthentic(said, "$.TopicArn")
        key = await self._key(envelope.certificate, now)
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # only where SNS delivers
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  # as above
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415  # as above

        match envelope.version:
            case "1":
                way: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303  # SNS' version 1 is that
            case "2":
                way = hashes.SHA256()
            case _:
                raise Unauthentic(f"found {line(envelope.version, 20)}, expected 1 or 2", "$.SignatureVersion")
        try:
            key.verify(envelope.signature, envelope.signed, padding.PKCS1v15(), way)
        except InvalidSignature:
            raise Unauthentic("the signature does not fit the message and SNS' certificate", "$.Signature") from None

    async def confirm(self, envelope: Envelope) -> None:
        """Confirm a subscription whose envelope has been checked. Raises ``Transient`` when SNS does not take it."""
        if not is_sns(envelope.subscribe):
            raise BadDelivery(f"found “{line(envelope.subscribe, 100)}”, expected an address of SNS", "$.SubscribeURL")
        await self.fetch(envelope.subscribe)

    async def _key(self, url: str, now: datetime) -> "RSAPublicKey":
        if not (is_sns(url) and urlsplit(url).path.endswith(".pem")):
            raise Unauthentic(f"found “{line(url, 100)}”, expected a certificate of SNS", "$.SigningCertURL")
        held = self.kept.get(url)
        if held and held[0] > now:
            return held[1]
        until, key = _read(await self.fetch(url), now)
        while len(self.kept) >= MOST_CERTIFICATES:
            self.kept.pop(next(iter(self.kept)))
        self.kept[url] = min(until, now + KEEP), key
        return key


def is_sns(url: str) -> bool:
    """Whether an address is one of SNS' own: https, its host, no other port, nobody's name in front."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = re.fullmatch(r"https://[\x21-\x7e]+", url) is not None and "\\" not in url
    return plain and port in (None, 443) and re.fullmatch(HOST + r"(:443)?", parts.netloc) is not None


def _read(pem: bytes, now: datetime) -> tuple[datetime, "RSAPublicKey"]:
    from cryptography import x509  # noqa: PLC0415  # only where SNS delivers
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # as above
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415  # as above

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Unauthentic("what stands there is not a certificate", "$.SigningCertURL") from None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Unauthentic("the certificate is not valid now", "$.SigningCertURL")
    if not isinstance(key, RSAPublicKey):
        raise Unauthentic("the certificate holds no RSA key", "$.SigningCertURL")
    return certificate.not_valid_after_utc, key


def _text(value: object, field: str, expected: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadDelivery(f"found {'nothing' if value in (None, '') else 'no text'}, expected {expected}", field)
    return value


def _host(url: str) -> str:
    return urlsplit(url).netloc
