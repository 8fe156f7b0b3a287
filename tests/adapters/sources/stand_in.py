"""An API on loopback that answers what the test says. It stands in for servers that cannot run here.

The answers are those of the cassettes, each of which says how it came to be.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from aiohttp import web

from bot.domain.evidence import Empty, Failed, Found, Window

CASSETTES = Path(__file__).parent / "cassettes"
END = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HOUR = Window(END - timedelta(hours=1), END)
TWO_SECONDS = Window(END - timedelta(seconds=2), END)
Answer = Found[Any] | Empty | Failed


class StandIn:
    """``answers`` maps a path's pattern to a JSON value or to a function of the request; the first match answers."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, object] = {}
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.raw: bytes | None = None
        self.kind = "application/json"
        self.asked: list[web.Request] = []
        self.bodies: list[Any] = []
        self.stream: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self.hold = asyncio.Event()
        self.hold.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.json() if request.can_read_body else None)
        await self.hold.wait()
        if self.stream is not None:
            return await self.stream(request)
        if self.raw is not None:
            return web.Response(body=self.raw, status=self.status, headers=self.headers, content_type=self.kind)
        for pattern, found in self.answers.items():
            if re.fullmatch(pattern, request.path):
                value = found(request) if callable(found) else found
                if isinstance(value, web.StreamResponse):
                    return value
                text = json.dumps(value)
                return web.Response(text=text, status=self.status, headers=self.headers, content_type=self.kind)
        return web.json_response({"message": "Not Found"}, status=404)

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


def recorded(cassette: str) -> dict[str, Callable[[web.Request], object]]:
    """A cassette's answers by path, and by query where the same path was asked for several things."""
    interactions = yaml.safe_load((CASSETTES / f"{cassette}.yaml").read_text(encoding="utf-8"))["interactions"]
    by_path: dict[str, list[tuple[list[tuple[str, str]], object]]] = {}
    for one in interactions:
        parts = urlsplit(one["request"]["uri"])
        answer = json.loads(one["response"]["body"]["string"])
        by_path.setdefault(re.escape(parts.path), []).append((sorted(parse_qsl(parts.query)), answer))

    def of(known: list[tuple[list[tuple[str, str]], object]]) -> Callable[[web.Request], object]:
        def find(request: web.Request) -> object:
            asked = sorted(request.query.items())
            return next((answer for query, answer in known if query == asked), known[0][1])

        return find

    return {path: of(known) for path, known in by_path.items()}


def first_recorded(cassette: str) -> tuple[str, object]:
    """The path that a cassette's first question asks, as a pattern, and the answer."""
    one = yaml.safe_load((CASSETTES / f"{cassette}.yaml").read_text(encoding="utf-8"))["interactions"][0]
    return re.escape(urlsplit(one["request"]["uri"]).path), json.loads(one["response"]["body"]["string"])
