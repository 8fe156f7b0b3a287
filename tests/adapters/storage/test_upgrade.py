"""A database of an earlier version, with what that version wrote into it, brought to this one's."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from bot.domain.cause import CauseKind, CauseReport, Search, Verdict
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.troubleshooting import Session
from bot.domain.unanswered import Unanswered
from storage import migrate
from storage.codec import decode, encode
from storage.database import open_engine
from storage.store import Storage
from tests.adapters.storage.build import KEY, NOW, after, gap, session

# As the version before Correction, right, claimed, missing, again_of, said_by and a change's kind wrote it.
SEARCH_OF_0001 = (
    '{"incident":1,"version":3,"started_at":"2026-03-01T09:30:15.123456Z","report":{"verdict":"likely cause",'
    '"hypotheses":[{"kind":"pool","service":"checkout","indicator":"pool in use","text":"the pool is used up",'
    '"confidence":0.82,"supports":["E1"],"against":[],"settles":"count the waiting"}],"evidence":[{"id":"E1",'
    '"kind":"metric","service":"checkout","text":"pool 20 of 20","query":"max(pool)","source":"prometheus",'
    '"at":"2026-03-01T09:30:15.123456Z","url":"http://p/x"}],"gaps":[{"source":"loki","reason":"timed out"}],'
    '"onset":"2026-03-01T09:30:15.123456Z","changes":[{"signal_id":"s1","service":"checkout","title":"deploy 7",'
    '"version":"7","previous":"6","at":"2026-03-01T09:30:15.123456Z","minutes":4.5,"url":"http://d"}],"runbook":'
    '{"path":"shop.md","title":"Shop","heading":"Pool","anchor":"pool","quote":"Raise it.","band":"found"},"similar":'
    '[{"id":"INC-3","title":"slow","text":"pool","fix":"raised","held":null,"score":0.7,"sample":false}],"found_at":'
    '"2026-03-01T09:30:15.123456Z","seconds":1.25,"picture":"pic"},"times":2,"again_at":"2026-03-01T09:33:15.123456Z"}'
)


async def to(url: str, revision: str, way: Callable[[Config, str], None] = command.upgrade) -> None:
    """Bring the database to that revision and no further."""

    def run(connection: sa.Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        way(config, revision)

    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


@pytest.fixture
async def of_0001(empty_url: str) -> Storage:
    """A database as the first version left it: with a search, a timer and a line in the audit log."""
    await to(empty_url, "0001")
    storage = Storage(empty_url, KEY)
    await storage.journal.begin()
    async with storage.begin() as open_:
        row = {"incident": 1, "version": 3, "started_at": NOW, "body": SEARCH_OF_0001}
        statement = sa.text("INSERT INTO searches VALUES (:incident, :version, :started_at, :body)")
        await open_.execute(statement.bindparams(sa.bindparam("started_at", type_=sa.DateTime(timezone=True))), row)
        await storage.timers.later(open_, "escalate:1", after(5), {"type": "EscalationDue"})
        lines = Outcome(journal=(Entry("incident:1", "open", "U1"),))
        await storage.commit(open_, lines, actor="U1", request_id="r", now=NOW)
    return storage


async def test_a_database_of_the_first_version_keeps_what_it_has_and_takes_what_is_new(of_0001: Storage) -> None:
    await of_0001.migrate()
    await of_0001.check()
    search = await of_0001.state.get(Search, 1)
    assert (search.version, search.times, search.again_at) == (3, 2, after(180))
    assert await of_0001.timers.next_due() == after(5)
    report = await of_0001.verify_audit()
    assert (report.ok, report.lines) == (True, 1)

    async with of_0001.begin() as open_:
        things = Outcome((search, session(), gap()))
        await of_0001.commit(open_, things, actor="U1", request_id="r", now=NOW)
    assert (await of_0001.state.get(Search, 1)).version == 4
    assert len(await of_0001.state.find(Session)) == len(await of_0001.state.find(Unanswered)) == 1
    assert await of_0001.spending.add("incident:1", 0.5) == 0.5
    await of_0001.close()


async def test_there_and_back_and_there_again(of_0001: Storage) -> None:
    await of_0001.migrate()
    await of_0001.spending.add("incident:1", 0.5)
    url = of_0001.engine.url.render_as_string(hide_password=False)
    await to(url, "0001", command.downgrade)
    await of_0001.migrate()
    await of_0001.check()
    assert await of_0001.spending.spent("incident:1") == 0, "what is new went with its tables"
    assert (await of_0001.state.get(Search, 1)).version == 3
    await of_0001.close()


def test_a_search_without_the_newer_fields_reads_as_one_in_which_nothing_was_said_yet() -> None:
    search = decode(Search, SEARCH_OF_0001)
    assert (search.correction, search.right, search.claimed) == (None, None, 0.0)
    assert isinstance(search.report, CauseReport)
    best = search.report.best
    assert best is not None
    assert (search.report.verdict, best.kind, best.said_by) == (Verdict.LIKELY, CauseKind.POOL, "")
    assert (search.report.missing, search.report.again_of, search.report.changes[0].kind) == ((), "", "")
    assert search.report.cited(best.supports)[0].text == "pool 20 of 20"
    assert decode(Search, encode(search)) == search
