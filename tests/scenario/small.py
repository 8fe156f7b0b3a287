"""A small house for scenario tests: one service that a playbook mends, with everything real and little to wait for.

The service's health is a file: ``broken`` makes its error metric rise, and the playbook writes ``well`` into it. Each
run of the playbook adds a line to ``runs.txt``, which says how often it really ran.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.sources.recorder import Recorder
from bot.workspace.person import Person
from bot.workspace.seen import SeenMessage
from bot.workspace.server import running
from bot.workspace.workspace import Workspace

TOKEN = "small-house-token"
READY_SECONDS = 40.0
SAMPLE_SECONDS = 0.2
ROOT = Path(__file__).parents[2]
PLAYBOOK = """
- name: Mend the shop
  hosts: all
  gather_facts: false
  tasks:
    - name: Note that it ran
      ansible.builtin.lineinfile:
        path: "{{ host_dir }}/runs.txt"
        line: "to {{ to }}, {{ lookup('pipe', 'date +%s%N') }}"
        create: true
        mode: "0644"
      when: not ansible_check_mode
    - name: Take as long as it takes
      ansible.builtin.command: "sleep {{ pause }}"
      changed_when: false
    - name: Write the state
      ansible.builtin.copy:
        dest: "{{ host_dir }}/health"
        content: "{{ to }}"
        mode: "0644"
"""
ACTION = """
name: mend
version: 1
title: Set {service} to {to}
summary: Writes the state that the service then has.
runner: ansible
playbook: playbooks/mend.yml
parameters:
  service: {type: string, enum: [shop], description: the service}
  to: {type: string, enum: [well, broken, worse], description: its state}
  pause: {type: integer, minimum: 0, maximum: 60, description: how long it takes}
targets: {service: "{service}"}
class: changing
requires: approver
approvals: 1
downtime_seconds: 1
rollback: {action: mend, parameters: {service: "{service}", to: broken, pause: 0}}
verify:
  wait_seconds: 2
  metrics: [{indicator: errors, better: lower}]
timeout_seconds: 90
"""
GUIDE = """
name: shop_errors
version: 1
title: The shop fails
service: shop
matches: {{alerts: [ShopErrors]}}
runbook: runbooks/shop.md#errors
steps:
  - title: What the shop says of itself
    why: It may be well again.
    kind: http
    run: /health
    on: shop
    expect: {{path: $.status, equals: well, text: well}}
  - title: Mend the shop
    why: It does not mend itself.
    kind: action
    action: mend
    parameters: {{service: shop, to: {to}, pause: {pause}}}
"""
CATALOGUE = """
hosts:
  shop-01:
    ansible_connection: local
    ansible_python_interpreter: {python}
    host_dir: {folder}
    service_url: {url}
services:
  shop:
    title: Shop
    owner: "@shop-team"
    environment: production
    hosts: [shop-01]
    url: {url}
    indicators:
      - name: errors
        title: failed checkouts
        query: http_error_ratio{{service="shop"}}
        kind: errors
        role: symptom
        unit: ratio
        limit: 0.02
        floor: 0.005
"""
HOUSE = """
channels: {{alerts: "#alerts", approvals: "#ops"}}
roles:
  responder: {{users: [U0JUNIOR]}}
  senior: {{users: [U0SENIOR]}}
  approver: {{users: [U0APPROVER]}}
  manager: {{users: [U0MANAGER]}}
escalation: {{after: 10m, role: senior}}
approvals: {{expire_after: {expire}}}
grouping: {{window: 10m, storm_after: {storm_after}, storm_window: 1m}}
search: {{window: 60s, step: 1s, guard: 2s}}
webhooks:
  alertmanager: {{auth: bearer, service_labels: [service]}}
  changes: {{auth: bearer}}
knowledge: {{folders: [runbooks]}}
"""
RUNBOOK = """---
title: Shop
service: shop
---
# Shop

## Errors

When ShopErrors fires, checkouts of the shop fail. Set the shop to well with the action mend.
"""


@dataclass
class SmallHouse:
    """A workspace, a service and a Fettle that can be killed. ``to`` is what the guide's change sets the service to.

    ``settings`` are more variables of Fettle's environment; ``files`` are more files of its configuration, by their
    paths, each made from the one that would stand there otherwise.
    """

    folder: Path
    to: str = "well"
    pause: int = 0
    expire: str = "15m"
    workspace: Workspace = field(default_factory=Workspace)
    url: str = ""
    shop_url: str = ""
    port: int = 0
    apart: bool = False
    storm_after: int = 12
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    _fettle: list[asyncio.subprocess.Process] = field(default_factory=list)
    _alerts: int = 0

    @property
    def home(self) -> Path:
        return self.folder / "data"

    @property
    def pids(self) -> list[int]:
        """The numbers of Fettle's processes."""
        return [one.pid for one in self._fettle]

    def runs(self) -> list[str]:
        """What each run of the playbook noted."""
        file = self.folder / "runs.txt"
        return [line.partition(",")[0] for line in file.read_text().splitlines()] if file.exists() else []

    def set(self, health: str) -> None:
        (self.folder / "health").write_text(health)

    def log(self) -> str:
        return (self.folder / "fettle.log").read_text(errors="replace")[-6000:]

    async def alert(self, status: str = "firing", name: str = "ShopErrors") -> dict[str, Any]:
        """Post an alert as Alertmanager does; gives the receipt."""
        self._alerts += 1
        labels = {"alertname": name, "service": "shop", "severity": "critical", "environment": "production"}
        one = {
            "status": status,
            "labels": labels,
            "annotations": {"summary": "checkouts fail"},
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else datetime.now(UTC).isoformat(),
            "generatorURL": "http://127.0.0.1/graph",
            "fingerprint": f"f-{name}",
        }
        body = {
            "version": "4",
            "groupKey": "g",
            "status": status,
            "receiver": "fettle",
            "groupLabels": {},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": "http://127.0.0.1",
            "alerts": [one],
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"http://127.0.0.1:{self.port}/webhooks/alertmanager",
                json=body,
                headers={"Authorization": f"Bearer {TOKEN}"},
            ) as response,
        ):
            receipt: dict[str, Any] = await response.json()
            assert response.status == 200, receipt
            return receipt

    async def start(self) -> None:
        """Start Fettle and wait until it is ready."""
        app = self.workspace.seed.app
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", str(self.folder)),
            "SLACK_API_URL": f"{self.url}/api/",
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "FETTLE_CONFIG": str(self.folder / "config"),
            "FETTLE_HOME": str(self.home),
            "FETTLE_HTTP_PORT": str(self.port),
            "FETTLE_WEBHOOK_TOKEN": TOKEN,
            "FETTLE_RECORDER": str(self.folder / "metrics.db"),
            **self.settings,
        }
        if self.apart:
            release = await self._program("release", environment)
            assert await release.wait() == 0, self.log()
        parts = ("worker", "web") if self.apart else ("run",)
        self._fettle = [await self._program(part, environment) for part in parts]
        until = time.monotonic() + READY_SECONDS
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < until:
                assert all(one.returncode is None for one in self._fettle), self.log()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)
        raise AssertionError(f"Fettle did not get ready:\n{self.log()}")

    async def kill(self) -> None:
        """End Fettle as a power cut does."""
        for one in self._fettle:
            if one.returncode is None:
                one.send_signal(signal.SIGKILL)
                await one.wait()

    async def _program(self, part: str, environment: dict[str, str]) -> asyncio.subprocess.Process:
        with (self.folder / "fettle.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.cli", part), stdout=log, stderr=log, env=environment, cwd=ROOT
            )

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def incident(self, person: Person) -> SeenMessage:
        """The incident's living message, once it is there."""
        return await person.wait_for(lambda m: "INC-1" in m.all_text and m.thread_ts in ("", m.ts), timeout=30)

    async def step(self, person: Person, message: SeenMessage, label: str, *, after: str = "") -> SeenMessage:
        """The newest message in the incident's thread with that button."""
        return await person.wait_for(lambda m: label in m.buttons and after in m.all_text, thread=message, timeout=40)

    def posted(self) -> list[str]:
        """The key of every message that Fettle has posted, by its metadata: twice the same is a post too many."""
        found = []
        for conversation in self.workspace.state.messages.values():
            for message in conversation.values():
                payload = (message.body.get("metadata") or {}).get("event_payload") or {}
                if "key" in payload:
                    found.append(str(payload["key"]))
        return found


@asynccontextmanager
async def small_house(folder: Path, **particulars: Any) -> AsyncIterator[SmallHouse]:  # noqa: ANN401  # SmallHouse's fields
    """A small house that is up, its service broken, its Fettle running."""
    house = SmallHouse(folder, **particulars)
    async with contextlib.AsyncExitStack() as stack:
        house.url = await stack.enter_async_context(running(house.workspace))
        house.shop_url = await stack.enter_async_context(_shop(folder))
        house.port = _free_port()
        _write(house)
        house.set("well")
        recorder = Recorder(
            folder / "metrics.db",
            {f"{house.shop_url}/metrics": {"service": "shop", "job": "shop", "instance": "shop-01"}},
            SAMPLE_SECONDS,
        )
        sampling = asyncio.create_task(recorder.run())
        stack.callback(sampling.cancel)
        while not (folder / "metrics.db").exists():
            await asyncio.sleep(0.05)
        stack.push_async_callback(house.kill)
        await house.start()
        house.set("broken")
        yield house


@asynccontextmanager
async def _shop(folder: Path) -> AsyncIterator[str]:
    def ratio() -> float:
        health = (folder / "health").read_text()
        return {"well": 0.0, "broken": 0.3, "worse": 0.6}.get(health, 0.3)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=f"# TYPE http_error_ratio gauge\nhttp_error_ratio {ratio()}\n")

    async def health(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps({"status": (folder / "health").read_text()}))

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/health", health)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _write(house: SmallHouse) -> None:
    config = house.folder / "config"
    files = {
        "fettle.yaml": HOUSE.format(expire=house.expire, storm_after=house.storm_after),
        "catalogue.yaml": CATALOGUE.format(python=sys.executable, folder=house.folder, url=house.shop_url),
        "actions/mend.yaml": ACTION,
        "actions/playbooks/mend.yml": PLAYBOOK,
        "guides/shop.yaml": GUIDE.format(to=house.to, pause=house.pause),
        "runbooks/shop.md": RUNBOOK,
    }
    files |= {name: made(files.get(name, "")) for name, made in house.files.items()}
    for name, text in files.items():
        (config / name).parent.mkdir(parents=True, exist_ok=True)
        (config / name).write_text(text)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port
