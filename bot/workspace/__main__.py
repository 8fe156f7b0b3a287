"""``python -m bot.workspace``: the local workspace on its own."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from bot.errors import ConfigError
from bot.workspace.seed import Seed, load_seed
from bot.workspace.server import running
from bot.workspace.workspace import Workspace


async def _run(port: int, state: Path | None, seed: Seed) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with running(Workspace(seed, state_file=state), port) as url:
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> int:
    """Serve until interrupted; prints ``{"url": …}`` when ready."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.workspace",
        description="A Slack stand-in on this machine, with a page to use it in.",
    )
    parser.add_argument("--port", type=int, default=8480, help="port on 127.0.0.1; 0 takes a free one (default 8480)")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps the workspace; in memory without it")
    parser.add_argument("--seed", type=Path, help="YAML file with people, channels, groups, app and launchers")
    options = parser.parse_args()
    try:
        asyncio.run(_run(options.port, options.state, load_seed(options.seed) if options.seed else Seed()))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
