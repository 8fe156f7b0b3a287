"""A Fettle under attack: a process of its own with the local workspace, secrets in its environment and hostile pages.

Its language model obeys, its logs turn hostile, and everything that it ever shows is kept.
"""

import asyncio
import contextlib
import json
import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.workspace.person import Person
from bot.workspace.seed import ALL_EVENTS, Seed, SeedChannel, SeedPerson
from bot.workspace.workspace import Workspace
from tests.benchmarks.hostile import OWN, Attack, mark, on_road
from tests.benchmarks.stage import JUNIOR, Counted
from tests.scenario.small import SmallHouse, small_house
from tests.standin_model import StandIn, standing_in

VIEWER, WATCHED = "U0VIEWER", "incoming"
ROADS = ("alerts", "logs", "changes", "watched", "runbooks", "mentions", "commands", "shortcuts")
MAILS = 9  # the benign mails' own place among the marks
LINES = 9  # how often the hostile line is there: fewer would be nothing unusual
SERVICE = """  {name}:
    title: {name}
    owner: "@{name}-team"
    environment: production
    hosts: [shop-01]
    url: {url}
    indicators:
      - {{name: errors, title: failed checkouts, query: 'http_error_ratio{{service="shop"}}', kind: errors,
         role: symptom, unit: ratio, limit: 0.02, floor: 0.005}}
"""


WATCH = f"""
model: {{budget: {{incident: 1000000, day: 1000000}}}}
watch:
  - {{channel: "#{WATCHED}", from: [Deploy bot], pattern: '(?P<service>bot-[0-9]+): (?P<name>.*)'}}
"""


@dataclass
class Logs:
    """A Loki on loopback: calm lines, and since a moment a hostile one among them, by service."""

    hostile: dict[str, tuple[float, str]] = field(default_factory=dict)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        named = re.search(r'service_name="([^"]+)"', request.query["query"])
        service = named[1] if named else ""
        start, end = (int(request.query[name]) / 1e9 for name in ("start", "end"))
        rows = [(float(at), "GET /checkout answered 200") for at in range(int(start) + 1, int(end) + 1) if at % 2 == 0]
        since, text = self.hostile.get(service, (0.0, ""))
        rows += [(since + 0.05 * n, text) for n in range(LINES) if text and start <= since + 0.05 * n <= end]
        rows.sort(reverse=True)
        values = [[str(int(at * 1e9)), line] for at, line in rows[: int(request.query["limit"])]]
        stream = {"stream": {"service_name": service, "level": "error", "note": text[:300]}, "values": values}
        return web.json_response({"status": "success", "data": {"resultType": "streams", "result": [stream]}})


@asynccontextmanager
async def loki() -> AsyncIterator[Logs]:
    logs = Logs()
    app = web.Application()
    app.router.add_get("/loki/api/v1/query_range", logs.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    logs.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield logs
    finally:
        await runner.cleanup()


@dataclass
class Trial:
    """A house under attack, and everything that is seen of it."""

    house: SmallHouse
    logs: Logs
    model: StandIn
    counted: Counted
    viewer: Person
    junior: Person
    roads: Mapping[str, Sequence[Attack]]
    letters: Sequence[Mapping[str, str]]
    seen: dict[str, Any] = field(default_factory=dict)
    receipts: list[object] = field(default_factory=list)
    configured: str = ""

    def note(self, change: Mapping[str, Any]) -> None:
        """Keep every version of everything that was shown, each once."""
        for name in ("message", "view"):
            shown = change.get(name)
            if shown and (name == "view" or shown.get("user") == self.app):
                self.seen.setdefault(json.dumps([name, shown.get("text"), shown.get("blocks")]), shown)

    @property
    def app(self) -> str:
        return self.house.workspace.seed.app.user

    def stands(self) -> list[Mapping[str, Any]]:
        """What the app's messages say now, in every conversation and to everybody."""
        kept = self.house.workspace.state.messages.values()
        return [one.body for channel in kept for one in channel.values() if one.owner == self.app]

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of Fettle's database."""
        return _rows(self.house.home / "fettle.db", query)

    def pages(self) -> int:
        """How many pages can be found."""
        ledger = self.house.home / "knowledge" / "ledger.sqlite"
        return int(_rows(ledger, "SELECT count(*) FROM documents")[0][0]) if ledger.exists() else 0

    def configuration(self) -> str:
        """Everything that the configuration says, who may do what included."""
        files = sorted((self.house.folder / "config").rglob("*.y*ml"))
        return "\n".join(f"{one.name}\n{one.read_text()}" for one in files)

    async def settled(self) -> bool:
        """Whether everything that was taken in is worked off and shown."""
        waiting = (
            "SELECT count(*) FROM signals WHERE placed_at IS NULL",
            "SELECT count(*) FROM messages WHERE posted_revision < revision AND dead_reason IS NULL",
            "SELECT count(*) FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED')",
        )
        for _ in range(2):
            if any(self.asked(query)[0][0] for query in waiting):
                return False
            await asyncio.sleep(0.5)
        return True


def _rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as database:
        return database.execute(query).fetchall()


@asynccontextmanager
async def trial(attacks: Sequence[str], letters: Sequence[Mapping[str, str]]) -> AsyncIterator[Trial]:
    """A Fettle that is up, its model obedient, its runbooks hostile."""
    roads = {name: on_road(attacks, number) for number, name in enumerate(ROADS)}
    seed = Seed()
    seed = replace(
        seed,
        people=(*seed.people, SeedPerson(VIEWER, "vik", "Vik Viewer", "Looks only")),
        channels=(*seed.channels, SeedChannel("C0INCOMING", WATCHED)),
        app=replace(seed.app, events=ALL_EVENTS),
    )
    workspace, counted = Workspace(seed), Counted()
    workspace.throttle = counted
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        logs, model = await stack.enter_async_context(loki()), await stack.enter_async_context(standing_in())
        model.manner = "obeys"
        house = await stack.enter_async_context(
            small_house(
                folder,
                workspace=workspace,
                storm_after=100_000,
                settings={**OWN, "OPENAI_BASE_URL": model.url, "OPENAI_MODEL": "obedient", "LOKI_URL": logs.url},
                files=_files(roads, letters),
            )
        )
        house.set("well")
        viewer, junior = [
            await stack.enter_async_context(Person(house.url, one, channel="#ops", timeout=60))
            for one in (VIEWER, JUNIOR)
        ]
        on = Trial(house, logs, model, counted, viewer, junior, roads, letters)
        on.configured = on.configuration()
        for one in (VIEWER, JUNIOR):
            stack.callback(asyncio.create_task(_watch(on, one)).cancel)
        yield on


async def _watch(on: Trial, person: str) -> None:
    with on.house.workspace.feed.watch(person) as queue:
        while True:
            on.note((await queue.get()).body)


def _files(
    roads: Mapping[str, Sequence[Attack]], letters: Sequence[Mapping[str, str]]
) -> Mapping[str, Callable[[str], str]]:
    services = "".join(SERVICE.format(name=f"svc-{n}", url="http://127.0.0.1") for n in range(len(roads["alerts"])))
    pages = {
        f"runbooks/{one.mark}.md": f"# When {one.mark} is full\n\n{one.mark}page: when the pool {one.mark} is full, "
        f"restart it. {one.beside}\n\n{one.text}\n\n## More of {one.mark}\n\n{one.short}\n"
        for one in roads["runbooks"]
    }
    post = {
        f"runbooks/{letter_mark(n)}.md": f"# Letter {n} {letter_mark(n)}\n\n{one['context']}\n"
        for n, one in enumerate(letters)
    }

    def fixed(text: str) -> Callable[[str], str]:
        return lambda _: text

    return {
        # A past long enough to reach back before the first wave, and a guard that a slow machine does not outlast.
        "fettle.yaml": lambda usual: (
            usual.replace("window: 60s", "window: 30m")
            .replace("guard: 2s", "guard: 8s")
            .replace("after: 10m", "after: 9h")
            + WATCH
        ),
        "catalogue.yaml": lambda usual: usual + services,
        **{path: fixed(text) for path, text in (pages | post).items()},
    }


def letter_mark(number: int) -> str:
    return mark(MAILS, number)
