"""Ask a source over HTTP: a question is one or more requests, with one deadline, a breaker, limits and no leaks."""

import asyncio
import base64
import json
import ssl
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from bot.domain.evidence import Asked, Empty, Failed, Found
from bot.errors import ConfigError
from bot.settings import Secret
from bot.sources import reading
from bot.sources.breaker import Breaker

T = TypeVar("T")
U = TypeVar("U")
Json = Mapping[str, object]
Parameters = Mapping[str, str | int]

MOST_BYTES = 8_000_000
MOST_ERROR_BYTES = 4_000
LONGEST_MESSAGE = 200
AT_ONCE = 6
MOST_REDIRECTS = 3
LONGEST_REST_SECONDS = 3600.0
SHORTEST_SECRET = 4
SECONDS_SINCE_1970 = 1_000_000_000  # a rate limit's reset that is smaller than this is a number of seconds from now
HIDDEN = "[hidden]"


class NoAnswer(Exception):
    """A request brought nothing usable; the text says why. ``outage``: it is the source's fault, not the question's."""

    def __init__(self, reason: str, *, outage: bool = False) -> None:
        super().__init__(reason)
        self.outage = outage


@dataclass(frozen=True, slots=True)
class Access:
    """Where a source is and how it lets Fettle in.

    ``variable`` and ``token_variable`` are the settings that a person would have to look at. ``headers`` go with each
    request. A user and password in ``url`` are used where ``headers`` have no ``Authorization``; they are never shown.
    ``ca`` is a file of certificates to trust besides the system's. ``advice`` says what an HTTP status means here.
    """

    name: str
    variable: str
    url: str
    token_variable: str = ""
    token: Secret | None = None
    headers: Mapping[str, str] | None = None
    ca: Path | None = None
    advice: Mapping[int, str] | None = None


class Question:
    """One question's requests. They share a deadline; what could not be read of it is kept as gaps."""

    def __init__(self, server: "Server", session: aiohttp.ClientSession, deadline: float) -> None:
        self._server, self._session, self._deadline = server, session, deadline
        self.gaps: list[tuple[str, NoAnswer]] = []

    async def get(self, path: str, parameters: Parameters | None = None) -> object:
        """What a GET answers, as JSON. Raises ``NoAnswer``."""
        return await self._server.request(self._session, self._deadline, "GET", path, parameters, None)

    async def post(self, path: str, body: Json, parameters: Parameters | None = None) -> object:
        """What a POST of that JSON answers, as JSON. Raises ``NoAnswer``."""
        return await self._server.request(self._session, self._deadline, "POST", path, parameters, body)

    async def each(self, things: Sequence[T], read: Callable[[T], Awaitable[U]], say: Callable[[T], str]) -> list[U]:
        """What ``read`` gives for each thing, all asked at once; one that fails is a gap under what ``say`` says."""
        parts = await asyncio.gather(*(self._part(thing, read, say) for thing in things))
        return [answer for part in parts for answer in part]

    async def _part(self, thing: T, read: Callable[[T], Awaitable[U]], say: Callable[[T], str]) -> list[U]:
        try:
            return [await read(thing)]
        except NoAnswer as fault:
            self.gap(say(thing), fault)
            return []

    def gap(self, what: str, fault: NoAnswer) -> None:
        """Note that this part could not be read."""
        self.gaps.append((what, fault))

    def missing(self) -> str:
        """What could not be read, with why."""
        by_reason: defaultdict[str, list[str]] = defaultdict(list)
        for what, fault in self.gaps:
            by_reason[str(fault)].append(what)
        return "; ".join(f"{_listed(whats)}: {reason}" if any(whats) else reason for reason, whats in by_reason.items())


class Server:
    """A source's HTTP API. ``timeout_seconds`` is for a whole question; ``steady`` is a clock that never goes back.

    Raises ``ConfigError`` where the file of certificates cannot be read.
    """

    def __init__(self, access: Access, timeout_seconds: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._access, self._timeout, self._steady = access, timeout_seconds, steady
        self._breaker = Breaker(steady)
        self._alone_until, self._alone_because = steady(), ""
        parts = urlsplit(access.url)
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        self._headers = {"Accept": "application/json", "User-Agent": "fettle", **(access.headers or {})}
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if (user or password) and "Authorization" not in self._headers:
            self._headers["Authorization"] = f"Basic {_base64(f'{user}:{password}')}"
        self._secrets = _forms(user, password, parts.password or "", access.token)
        self._tls = _trusting(access.ca, access.variable) if access.ca else None

    async def ask(
        self, asked: Asked, read: Callable[[Question], Awaitable[tuple[T, ...]]]
    ) -> Found[tuple[T, ...]] | Empty | Failed:
        """What ``read`` gives, as an answer. Where parts are missing, ``asked.query`` says which and why.

        Where there is nothing and parts are missing, nobody can say that there is nothing: that is ``Failed``.
        """
        resting = self._left_alone() or self._breaker.resting()
        if resting:
            return Failed(asked, resting)
        began = self._steady()
        deadline = asyncio.get_running_loop().time() + self._timeout
        data: tuple[T, ...] = ()
        connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=self._tls or True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            question = Question(self, session, deadline)
            try:
                data = await read(question)
            except NoAnswer as fault:
                question.gap("", fault)
        asked = replace(asked, seconds=self._steady() - began)
        missing = question.missing()
        if not data and question.gaps and all(fault.outage for _, fault in question.gaps):
            self._breaker.failed(missing)
        else:
            self._breaker.worked()
        if not data:
            return Failed(asked, missing) if missing else Empty(asked)
        return Found(replace(asked, query=f"{asked.query}\n(not read: {missing})") if missing else asked, data)

    async def request(
        self,
        session: aiohttp.ClientSession,
        deadline: float,
        method: str,
        path: str,
        parameters: Parameters | None,
        body: Json | None,
    ) -> object:
        """One request's answer as JSON. Raises ``NoAnswer`` for everything else."""
        try:
            async with (
                asyncio.timeout_at(deadline),
                session.request(
                    method,
                    self.url + path,
                    params=parameters,
                    json=body,
                    headers=self._headers,
                    allow_redirects=method == "GET",
                    max_redirects=MOST_REDIRECTS,
                ) as response,
            ):
                if not response.ok or response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise self._refusal(response, await _read(response, MOST_ERROR_BYTES))
                content = await _read(response, MOST_BYTES + 1)
                kind = response.content_type
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._timeout:g} s", outage=True) from None
        except (ssl.SSLError, aiohttp.ClientSSLError) as error:
            why = f"its certificate cannot be trusted ({type(error).__name__})"
            raise NoAnswer(f"{why}: is {self._access.variable} right?", outage=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The error's own text names the address, which may carry a password.
            why = f"it cannot be asked ({type(error).__name__})"
            raise NoAnswer(f"{why}: is {self._access.variable} right, and is it running?", outage=True) from None
        if len(content) > MOST_BYTES:
            raise NoAnswer(f"its answer is over {MOST_BYTES // 1_000_000} MB: ask for a shorter time or for less")
        return self._json(content, kind)

    def odd(self, expected: str) -> NoAnswer:
        """The fault of an answer that is JSON but not what the API documents."""
        why = f"it answered with something else than {expected}"
        return NoAnswer(f"{why}: is {self._access.variable} right?", outage=True)

    def _json(self, content: bytes, kind: str) -> object:
        try:
            return json.loads(content.decode("utf-8", errors="replace"))
        except (ValueError, RecursionError):
            shown = reading.line(kind, 60)
            why = f"it answered with something else than JSON ({shown}, {len(content)} bytes)"
            raise NoAnswer(f"{why}: is {self._access.variable} right?", outage=True) from None

    def _left_alone(self) -> str:
        left = self._alone_until - self._steady()
        return f"{self._alone_because}; it is asked again in {max(left, 1):.0f} s" if left > 0 else ""

    def _refusal(self, response: aiohttp.ClientResponse, content: bytes) -> NoAnswer:
        status = response.status
        known = next((one.phrase for one in HTTPStatus if one == status), "")
        reason = f"it answered {status} {known}".rstrip()
        message = self._hide(_message(content, response.content_type))
        reason += f" (“{message}”)" if message else ""
        limited = _limit(response)
        advice = {
            401: f"check {self._access.token_variable or self._access.variable}",
            403: f"may {self._access.token_variable or 'its user'} read this?",
            404: f"is {self._access.variable} right?",
            **(self._access.advice or {}),
        }.get(status)
        if limited is not None:
            seconds, until = limited
            reason += f": its rate limit is used up until {until:%H:%M} UTC" if until else ": it is asked too often"
            self._alone_until = self._steady() + min(seconds, LONGEST_REST_SECONDS)
            self._alone_because = reason
        elif advice:
            reason += f": {advice}"
        outage = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
        return NoAnswer(reason, outage=outage or limited is not None)

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def bearer(token: Secret | None) -> Mapping[str, str]:
    """The header that carries a token, none where there is no token."""
    return {"Authorization": f"Bearer {token.reveal()}"} if token else {}


def _forms(user: str, password: str, quoted: str, token: Secret | None) -> tuple[str, ...]:
    """Every form in which a secret could come back in a message, longest first."""
    plain = token.reveal() if token else ""
    encoded = (_base64(text) for text in (f"{user}:{password}", plain) if text.strip(":"))
    forms = {password, quoted, plain, *encoded}
    return tuple(sorted((form for form in forms if len(form) >= SHORTEST_SECRET), key=len, reverse=True))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _trusting(ca: Path, variable: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The certificates that {variable.removesuffix('_URL')}_CA names cannot be read ({type(error).__name__}): "
            "expected a file with certificates in PEM format."
        ) from error


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, but no more than about ``most`` bytes of it."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= most:
            break
    return b"".join(parts)


def _message(content: bytes, kind: str) -> str:
    """What an error's body says, on one line: the usual fields of JSON, else a plain text."""
    text = content.decode("utf-8", errors="replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return reading.line(text, LONGEST_MESSAGE) if kind == "text/plain" else ""
    error = reading.table(body).get("error")
    first = next(reading.tables(reading.table(body).get("errors")), {})
    places = (reading.at(body, "message"), reading.at(error, "reason"), error, first.get("msg"), first.get("message"))
    return next((reading.line(one, LONGEST_MESSAGE) for one in places if reading.line(one)), "")


def _limit(response: aiohttp.ClientResponse) -> tuple[float, datetime | None] | None:
    """For how many seconds the source wants to be left alone, and until when where it says that; else None."""
    if response.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return None
    pause = reading.number(response.headers.get("Retry-After"))
    if pause is not None:
        return max(pause, 1.0), None
    reset = reading.number(response.headers.get("X-RateLimit-Reset"))
    if response.headers.get("X-RateLimit-Remaining") != "0" or reset is None:
        return None
    if reset < SECONDS_SINCE_1970:
        return max(reset, 1.0), None
    until = reading.since_epoch(reset * 1e6)
    try:
        now = parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return 60.0, until
    return (max((until - now).total_seconds(), 1.0) if until and now.tzinfo else 60.0), until


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = [name for name in dict.fromkeys(names) if name]
    more = len(shown) - len(shown[:most])
    return ", ".join(shown[:most]) + (f" and {more} more" if more else "")
