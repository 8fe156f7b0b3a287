"""``fettle demo``: the stage for a person to try Fettle on, or the story played without one."""

import asyncio
import contextlib
import fcntl
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.demo.faults import FAULTS
from bot.demo.stage import Stage, clear
from bot.demo.story import Story, Told
from bot.demo.supervisor import StartFailed
from bot.errors import ConfigError
from bot.settings import Settings

FIRST_FAULT = next(iter(FAULTS))


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the demo shall run: ``fault`` is played hands-free, empty for the first one; port 0 takes any free one."""

    hands_free: bool = False
    fault: str = ""
    port: int = 0
    prometheus: bool = True
    keep: bool = False


async def demo(settings: Settings, options: DemoOptions) -> int:
    """Start everything and stay until interrupted, or play the story; gives the exit status."""
    home = settings.home.absolute()
    with _alone(home):
        return await _demo(home / "demo", options)


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Only one demo at a time uses the folder, because the next one clears it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"A demo runs already in {home}: end it, or set FETTLE_HOME to another folder."
            ) from error
        yield


async def _demo(folder: Path, options: DemoOptions) -> int:
    clear(folder)
    began = time.monotonic()

    def tell(part: str) -> None:
        _say(f"{time.monotonic() - began:5.1f} s  starting {part} …")

    stage = Stage(folder, options.port, options.prometheus, tell)
    try:
        async with stage:
            metrics = "Prometheus and Alertmanager" if stage.world.get("prometheus") else "Fettle's own recorder"
            _say(f"{time.monotonic() - began:5.1f} s  ready; metrics and alerts come from {metrics}")
            if options.hands_free:
                return await _hands_free(stage, options.fault or FIRST_FAULT)
            _say(f"\n  Open {stage.url}\n")
            _say("  The buttons under “Try it” break the shop; the alert follows within half a minute.")
            _say("  To see what Fettle does without its logs (loki), traces (jaeger) or metrics (prometheus):")
            _say(f"""  curl {stage.control}/outage -d '{{"source": "loki", "on": true}}'""")
            _say(f"  Fettle's own log is {stage.log}. Ctrl-C ends everything.")
            await asyncio.Event().wait()
    except StartFailed as failure:
        _say(f"fettle demo: {failure}")
        return 1
    finally:
        if not options.keep:
            clear(folder)
    return 0


async def _hands_free(stage: Stage, fault: str) -> int:
    def tell(name: str, seconds: float, words: str) -> None:
        _say(f"{seconds:5.1f} s  {name:9} {' '.join(words.split())[:160]}")

    told: Told = await Story(stage, fault, tell).play()
    if told.why:
        _say(f"not resolved: {told.why}")
    shown = {name: value for name, value in asdict(told).items() if name != "why" or value}
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0 if told.resolved else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
