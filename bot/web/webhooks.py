"""Alerts and changes over HTTP: checked, read, taken in durably, and only then acknowledged."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from bot.domain.signal import Signal, digest
from bot.domain.source import Basic, Bearer, Sns, Source
from bot.errors import BadDelivery, TooLarge, Transient, Unauthentic
from bot.web import (
    parse_alertmanager,
    parse_argocd,
    parse_changes,
    parse_cloudwatch,
    parse_datadog,
    parse_flags,
    parse_flux,
    parse_generic,
    parse_github,
    parse_grafana,
    parse_opsgenie,
    parse_pagerduty,
    parse_sentry,
)
from bot.web.auth import SecretOf, check_signature, check_token
from bot.web.body import decode
from bot.web.edge import TooSlow, answer_error, problem
from bot.web.metrics import Meters
from bot.web.parse_parts import Delivery, Reading
from bot.web.sns import Seal, open_envelope

MOST_AT_ONCE = 200
LARGE_BODY = 200_000  # bytes; above it reading goes on beside the event loop
RETRY_AFTER = 5.0  # seconds
FORM = "application/x-www-form-urlencoded"

Parser = Callable[[object, Delivery], Reading]
PARSERS: Mapping[str, Parser] = {
    "grafana": parse_grafana.parse,
    "pagerduty": parse_pagerduty.parse,
    "datadog": parse_datadog.parse,
    "sentry": parse_sentry.parse,
    "opsgenie": parse_opsgenie.parse,
    "cloudwatch": parse_cloudwatch.parse,
    "github": parse_github.parse,
    "argocd": parse_argocd.parse,
    "flux": parse_flux.parse,
    "launchdarkly": parse_flags.parse_launchdarkly,
    "unleash": parse_flags.parse_unleash,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery: signals that are new, and those that were there already."""

    new: int
    repeats: int


class Door(Protocol):
    """Where deliveries go."""

    async def take(self, signals: Sequence[Signal], delivery: str, request_id: str) -> Taken:
        """Take signals in. Durable when it returns; ``delivery`` is the same for the same bytes of the same source."""
        ...

    async def ready(self) -> Mapping[str, str | None]:
        """For each part what is wrong with it, None where nothing is."""
        ...


class Receipt(BaseModel):
    """The answer to a delivery that was taken in. ``taken`` counts its signals, ``repeats`` those that were known.

    ``ignored`` says why there was nothing to take in a delivery with which nothing is wrong.
    """

    taken: int
    repeats: int
    request_id: str
    ignored: str | None = None


class Problem(BaseModel):
    """The answer to anything that went wrong: what, at which field, and what to do."""

    error: str
    field: str
    hint: str


@dataclass(frozen=True)
class Webhooks:
    """Takes deliveries of every source through the same steps."""

    door: Door
    sources: Mapping[str, Source]
    secret_of: SecretOf
    meters: Meters
    clock: Callable[[], datetime]
    in_hand: set[object]
    seal: Seal = field(default_factory=Seal)

    def router(self) -> APIRouter:
        """The routes."""
        answers: dict[int | str, dict[str, object]] = {
            code: {"model": Problem, "description": text}
            for code, text in (
                (400, "Not JSON, or not the shape that it should have"),
                (401, "The token or signature is wrong or missing"),
                (404, "No such source"),
                (413, "Over 5 MB"),
                (503, "Not taken in; send it again after Retry-After"),
            )
        }
        router = APIRouter(tags=["deliveries"])

        @router.post("/webhooks/alertmanager", response_model=Receipt, responses=answers)
        async def alertmanager(request: Request) -> Response:
            """Alertmanager's webhook, version 4."""
            return await self.deliver(request, "alertmanager")

        for vendor in PARSERS:
            router.add_api_route(
                f"/webhooks/{vendor}",
                self._entrance(vendor),
                methods=["POST"],
                response_model=Receipt,
                responses=answers,
                name=vendor,
                description=f"What {vendor} sends; fettle.yaml has it under webhooks.{vendor}.",
            )

        @router.post("/webhooks/generic/{name}", response_model=Receipt, responses=answers)
        async def generic(request: Request, name: str) -> Response:
            """Any JSON, read as fettle.yaml maps it."""
            source = self.sources.get(name)
            if source is None or source.shape is None:
                hint = "fettle.yaml lists the generic sources under webhooks.generic."
                return answer_error(404, "there is no such source", "name", hint)
            return await self.deliver(request, name)

        @router.post("/changes", response_model=Receipt, responses=answers)
        async def changes(request: Request) -> Response:
            """A deploy or another change: service, kind, version, previous, by, at."""
            return await self.deliver(request, "changes")

        return router

    def _entrance(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def entrance(request: Request) -> Response:
            if name in self.sources:
                return await self.deliver(request, name)
            hint = f"Write `{name}: {{}}` under webhooks in fettle.yaml; README.md shows what else can stand there."
            return answer_error(404, f"nothing is taken from {name}", "name", hint)

        return entrance

    async def deliver(self, request: Request, name: str) -> Response:
        """Check, read and take in one delivery."""
        began = time.perf_counter()
        hand = object()
        try:
            self._enter(hand)
            receipt = await self._take(request, self.sources[name])
            result = "repeat" if receipt.taken and receipt.taken == receipt.repeats else "taken"
            result = "ignored" if receipt.ignored else result
            answer: Response = JSONResponse(receipt.model_dump(exclude_none=True))
        except ClientDisconnect:
            log.info("sender went away", source=name)
            answer, result = answer_error(400, "the sender went away before its body was whole", "$"), "bad"
        except BadDelivery as refusal:
            answer, result = self._refused(refusal, self.sources[name])
        except Transient as busy:
            log.warning("delivery put off", source=name, reason=str(busy))
            answer, result = _again(str(busy), busy.retry_after), "busy"
        except Exception:
            log.exception("delivery failed", source=name)
            answer, result = _again("the delivery could not be stored", None), "failed"
        finally:
            self.in_hand.discard(hand)
            self.meters.webhook_seconds.labels(name).observe(time.perf_counter() - began)
        self.meters.deliveries.labels(name, result).inc()
        return answer

    def _enter(self, hand: object) -> None:
        if len(self.in_hand) >= MOST_AT_ONCE:
            raise Transient("more deliveries are under way than Fettle takes at once", 1.0)
        self.in_hand.add(hand)

    async def _take(self, request: Request, source: Source) -> Receipt:
        check_token(source, request.headers, self.secret_of)
        raw = await request.body()
        request_id, received_at = str(request.state.request_id), self.clock()
        check_signature(source, request.headers, raw, self.secret_of, received_at)
        delivery = digest("delivery", source.name, hashlib.sha256(raw).hexdigest())
        if isinstance(source.auth, Sns):
            confirmed = await self._opened(raw, source.auth, received_at)
            if confirmed:
                return Receipt(taken=0, repeats=0, request_id=request_id, ignored=confirmed)
        to = Delivery(source, received_at, request_id, request.headers)

        def read() -> Reading:
            return _read(decode(_bare(raw, request.headers)), to, delivery)

        reading = await asyncio.to_thread(read) if len(raw) > LARGE_BODY else read()
        if reading.ignored:
            log.info("delivery ignored", source=source.name, reason=reading.ignored)
            return Receipt(taken=0, repeats=0, request_id=request_id, ignored=reading.ignored)
        signals = reading.signals
        once = list({signal.id: signal for signal in signals}.values())
        taken = await self.door.take(once, delivery, request_id) if once else Taken(0, 0)
        for signal in once[:1]:
            self.meters.signals.labels(signal.kind, "new").inc(taken.new)
            self.meters.signals.labels(signal.kind, "repeat").inc(taken.repeats + len(signals) - len(once))
        log.info("delivery taken", source=source.name, signals=len(signals), new=taken.new)
        return Receipt(taken=len(signals), repeats=len(signals) - taken.new, request_id=request_id)

    async def _opened(self, raw: bytes, auth: Sns, now: datetime) -> str:
        """Check SNS' envelope; confirm the subscription that it asks about and say so, nothing for a message."""
        envelope = open_envelope(decode(raw))
        await self.seal.check(envelope, auth, now)
        match envelope.kind:
            case "SubscriptionConfirmation":
                await self.seal.confirm(envelope)
                log.info("subscription confirmed", topic=envelope.topic)
                return f"the subscription to {envelope.topic} is confirmed"
            case "UnsubscribeConfirmation":
                log.warning("subscription ended", topic=envelope.topic)
                return f"the subscription to {envelope.topic} has ended"
            case _:
                return ""

    def _refused(self, refusal: BadDelivery, source: Source) -> tuple[Response, str]:
        log.warning("delivery refused", source=source.name, field=refusal.field, reason=str(refusal))
        match refusal:
            case Unauthentic():
                hint = "Set the same secret here and there; README.md shows how for each sender."
                if isinstance(source.auth, Sns):
                    hint = "fettle.yaml lists the topics under webhooks.cloudwatch.topics; SNS signs what they send."
                asked = {Bearer: "Bearer", Basic: "Basic"}.get(type(source.auth))
                header = {"WWW_Authenticate": asked} if asked else {}
                return answer_error(401, str(refusal), refusal.field, hint, **header), "unauthentic"
            case TooLarge():
                return problem(refusal), "too_large"
            case TooSlow():
                return problem(refusal), "bad"
            case _:
                hint = "Nothing was taken. Unknown fields are fine; this one is needed as described."
                return answer_error(400, f"{refusal.field}: {refusal}", refusal.field, hint), "bad"


def _read(body: object, to: Delivery, delivery: str) -> Reading:
    source, known = to.source, (to.source, to.received_at, to.request_id)
    parser = PARSERS.get(source.name)
    if parser is not None:
        return parser(body, to)
    match source.name:
        case "alertmanager":
            return Reading(parse_alertmanager.parse(body, *known))
        case "changes":
            return Reading(parse_changes.parse(body, *known))
        case _:
            return Reading(parse_generic.parse(body, *known, delivery))


def _bare(raw: bytes, headers: Mapping[str, str]) -> bytes:
    """The JSON of a body; GitHub, unless told otherwise, sends it as the field ``payload`` of a form."""
    if not headers.get("content-type", "").lower().startswith(FORM) or not raw.startswith(b"payload="):
        return raw
    try:
        return parse_qs(raw.decode(), strict_parsing=True, max_num_fields=10)["payload"][0].encode()
    except (ValueError, KeyError):
        raise BadDelivery("is a form that cannot be read, expected JSON", "$") from None


def _again(error: str, retry_after: float | None) -> Response:
    seconds = max(1, round(RETRY_AFTER if retry_after is None else retry_after))
    return answer_error(
        503, error, "", f"Nothing was acknowledged; send it again in {seconds} s.", Retry_After=str(seconds)
    )
