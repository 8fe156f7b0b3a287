"""A process that commits for as long as it lives: ``python committer.py <database> <key> <first incident>``."""

import asyncio
import sys
from dataclasses import replace

from bot.domain.incident import Incident, Move, advance
from bot.domain.outcome import Outcome
from storage.store import Storage
from tests.adapters.storage.build import NOW, incident


async def main(url: str, key: bytes, number: int) -> None:
    storage = Storage(url, key)
    while True:
        made, alert, entry = incident(number, f"{number}")
        async with storage.begin() as session:
            await storage.commit(session, Outcome((made, alert), (entry,)), actor="U1", request_id="r", now=NOW)
            await storage.outbox.put(session, f"incident:{number}", "living", now=NOW)
        read = await storage.state.get(Incident, number)
        moved, entry = advance(read, Move.ACKNOWLEDGE, by="U1", now=NOW)
        async with storage.begin() as session:
            await storage.commit(
                session, Outcome((replace(moved, alerts=2),), (entry,)), actor="U1", request_id="r", now=NOW
            )
        print(number, flush=True)  # noqa: T201  # tells the test that it is at work
        number += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])))
