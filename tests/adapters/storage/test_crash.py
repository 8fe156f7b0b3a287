import asyncio
import os
import random
import sys
from pathlib import Path

import sqlalchemy as sa

from bot.domain.incident import Alert, Incident, IncidentState
from storage.store import Storage
from tests.adapters.storage.build import KEY

ROUNDS = 3
COMMITTER = Path(__file__).with_name("committer.py")


async def test_a_kill_in_the_middle_of_commits(url: str, storage: Storage) -> None:
    """Whenever a process is killed: every line that it told of is there, and state, journal and outbox agree."""
    chance = random.Random(url.partition(":")[0])
    for round_ in range(ROUNDS):
        first = 1000 * round_ + 1
        child = await asyncio.create_subprocess_exec(
            sys.executable, str(COMMITTER), url, KEY.hex(), str(first),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        assert child.stdout is not None
        for _ in range(5):
            told = int(await child.stdout.readline())
        await asyncio.sleep(chance.uniform(0, 0.03))
        child.kill()
        rest, _ = await child.communicate()
        told = max([told, *map(int, rest.decode().split()[: rest.count(b"\n")])])

        report = await storage.verify_audit()
        assert report.ok, report.why
        incidents = {one.id: one for one in await storage.state.find(Incident, limit=5000)}
        assert {*range(first, told + 1)} <= incidents.keys()
        moves = 0
        for one in incidents.values():
            assert one.version == (2 if one.state is IncidentState.ACKNOWLEDGED else 1)
            assert [line.entry.after for line in await storage.state.journal(one.id)] == ["open", "acknowledged"][
                : one.version
            ]
            assert await storage.outbox.get(f"incident:{one.id}") is not None
            moves += one.version
        assert report.lines == moves
        assert len(await storage.state.find(Alert, limit=5000)) == len(incidents)
        async with storage.begin() as session:
            assert (await session.execute(sa.text("SELECT count(*) FROM messages"))).scalar() == len(incidents)
