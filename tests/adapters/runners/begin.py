"""A Fettle of its own, to be killed: begins a run or a dry run in the folders given and waits for its end."""

import asyncio
import sys
from pathlib import Path

from bot.domain.run import Call
from bot.runners.ansible import AnsibleRunner
from tests.adapters.runners.conftest import LOCAL, unheard


async def main(actions: str, runs: str, run_id: str, kind: str) -> None:
    call = Call("ansible", {"playbook": "play.yml"}, {}, ("web-1",), {"web-1": LOCAL})
    runner = AnsibleRunner(Path(actions), Path(runs), lambda _: None)
    await (runner.plan(call) if kind == "dry" else runner.run(call, run_id, unheard))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
