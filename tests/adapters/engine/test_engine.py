import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.engine import Attempt, Engine, Job, JsonValue, Queue, Run, StepFailed
from bot.errors import ConfigError, NotFound, Refused, Stale, Transient
from tests.adapters.engine.conftest import saved, until

Engines = Callable[..., Engine]


async def insert(session: AsyncSession, job: Job) -> None:
    await session.execute(sa.text("INSERT INTO saved (job) VALUES (:job)"), {"job": job.id})


async def save(job: Job, run: Run) -> None:
    async def write(session: AsyncSession) -> JsonValue:
        await insert(session, job)
        return None

    await run.commit("save", write)


async def running(engines: Engines, database: AsyncEngine, **handlers: object) -> Engine:
    engine = engines(database)
    for kind, handler in handlers.items():
        engine.handle(kind, handler)  # type: ignore[arg-type]  # the tests' handlers are handlers
    await engine.start()
    return engine


def idle(engine: Engine) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def check() -> bool:
        return not any((await engine.backlog()).values())

    return check


async def test_a_job_arrives_as_it_was_sent(engines: Engines, database: AsyncEngine) -> None:
    seen: list[Job] = []

    async def keep(job: Job, _run: Run) -> None:
        seen.append(job)

    engine = await running(engines, database, keep=keep)
    job = Job("Ev1", "jobs", "keep", {"text": "Größe 5 µm", "n": [1, 2.5, None, True], "of": {"a": {}}}, priority=7)
    await engine.submit(job)
    await until(lambda: seen)
    assert seen == [job]


async def test_the_same_id_twice_is_one_job(engines: Engines, database: AsyncEngine) -> None:
    engine = await running(engines, database, save=save)
    await asyncio.gather(*(engine.submit(Job("Ev1", "jobs", "save")) for _ in range(5)))
    await until(idle(engine))
    await engine.submit(Job("Ev1", "jobs", "save", {"redelivered": True}))
    await engine.submit(Job("Ev2", "jobs", "save"))
    await until(lambda: saved_contains(database, "Ev2"))
    assert sorted(await saved(database)) == ["Ev1", "Ev2"]


async def saved_contains(database: AsyncEngine, job: str) -> bool:
    return job in await saved(database)


async def test_a_job_follows_from_a_transaction_or_not_at_all(engines: Engines, database: AsyncEngine) -> None:
    engine = await running(engines, database, save=save)
    async with AsyncSession(database) as session, session.begin() as transaction:
        await engine.submit_in(session, [Job("never", "jobs", "save")])
        await transaction.rollback()
    async with AsyncSession(database) as session, session.begin():
        await session.execute(sa.text("INSERT INTO saved (job) VALUES ('state')"))
        await engine.submit_in(session, [Job("after", "jobs", "save")])
    await until(lambda: saved_contains(database, "after"))
    assert await saved(database) == ["state", "after"]
    with pytest.raises(NotFound):
        await engine.replay("never")


async def test_a_serial_queue_keeps_the_order(engines: Engines, database: AsyncEngine) -> None:
    order: list[str] = []
    together = 0

    async def note(job: Job, run: Run) -> None:
        nonlocal together
        together += 1
        assert together == 1
        await save(job, run)
        order.append(job.id)
        together -= 1

    engine = await running(engines, database, note=note)
    jobs = [Job(f"{n:02}", "signals", "note") for n in range(20)]
    for job in jobs[:10]:
        await engine.submit(job)
    async with AsyncSession(database) as session, session.begin():
        await engine.submit_in(session, jobs[10:])
    await until(idle(engine))
    assert order == [job.id for job in jobs]
    assert await engine.dead() == []


async def test_priority_comes_before_order(engines: Engines, database: AsyncEngine) -> None:
    order: list[str] = []

    async def note(job: Job, _run: Run) -> None:
        order.append(job.id)

    waiting = engines(database, executes=False)
    await waiting.start()
    await waiting.submit(Job("later", "signals", "note", priority=5))
    await waiting.submit(Job("sooner", "signals", "note", priority=1))
    assert await waiting.backlog() == {"jobs": 0, "signals": 2}
    engine = await running(engines, database, note=note)
    await until(idle(engine))
    assert order == ["sooner", "later"]


async def test_a_stale_commit_begins_the_handler_again(engines: Engines, database: AsyncEngine) -> None:
    decided: list[str] = []

    async def decide(job: Job, run: Run) -> None:
        n = len(decided)
        decided.append(str(await run.read("look", lambda: look(n))))

        async def write(session: AsyncSession) -> JsonValue:
            await insert(session, job)
            if n < 2:
                raise Stale("Somebody else was first.")
            return None

        await run.commit("save", write)

    async def look(n: int) -> JsonValue:
        return f"look {n}"

    engine = await running(engines, database, decide=decide)
    await engine.submit(Job("Ev1", "jobs", "decide"))
    await until(idle(engine))
    assert decided == ["look 0", "look 1", "look 2"]
    assert await saved(database) == ["Ev1"]


async def test_a_job_that_is_always_stale_dies_and_can_be_replayed(engines: Engines, database: AsyncEngine) -> None:
    stale = True

    async def decide(job: Job, run: Run) -> None:
        async def write(session: AsyncSession) -> JsonValue:
            await insert(session, job)
            if stale:
                raise Stale("Somebody else was first.")
            return None

        await run.commit("save", write)

    engine = await running(engines, database, decide=decide)
    await engine.submit(Job("Ev1", "jobs", "decide"))
    (letter,) = await until(engine.dead)
    assert "5 times" in letter.text
    stale = False
    await engine.replay("Ev1")
    await until(idle(engine))
    assert await saved(database) == ["Ev1"]
    assert await engine.dead() == []


async def test_after_an_effect_a_stale_commit_is_tried_again_alone(engines: Engines, database: AsyncEngine) -> None:
    posts: list[str] = []
    commits: list[str] = []

    async def post(attempt: Attempt) -> JsonValue:
        posts.append(attempt.key)
        return "ts1"

    async def handler(job: Job, run: Run) -> None:
        ts = await run.act("post", post)

        async def write(session: AsyncSession) -> JsonValue:
            commits.append(str(ts))
            if len(commits) < 3:
                raise Stale("Somebody else was first.")
            await insert(session, job)
            return None

        await run.commit("save", write)

    engine = await running(engines, database, handler=handler)
    await engine.submit(Job("Ev1", "jobs", "handler"))
    await until(idle(engine))
    assert posts == ["Ev1/post"]
    assert commits == ["ts1"] * 3
    assert await saved(database) == ["Ev1"]


async def test_transient_failures_are_tried_again(engines: Engines, database: AsyncEngine) -> None:
    attempts: list[Attempt] = []

    async def flaky(attempt: Attempt) -> JsonValue:
        attempts.append(attempt)
        if attempt.number == 1:
            raise Transient("429", retry_after=0.01)  # refused: nothing happened
        if attempt.number == 2:
            raise Transient("The connection broke.")  # who knows
        return "done"

    results: list[JsonValue] = []

    async def handler(_job: Job, run: Run) -> None:
        results.append(await run.act("post", flaky, first_wait=0.01))

    engine = await running(engines, database, handler=handler)
    await engine.submit(Job("Ev1", "jobs", "handler"))
    await until(lambda: results)
    assert [(a.number, a.seen_before) for a in attempts] == [(1, False), (2, False), (3, True)]
    assert {a.key for a in attempts} == {"Ev1/post"}


async def test_exhausted_retries_are_a_dead_letter_and_replay_goes_on_from_there(
    engines: Engines, database: AsyncEngine
) -> None:
    tries: list[bool] = []
    works = False

    async def flaky(attempt: Attempt) -> JsonValue:
        tries.append(attempt.seen_before)
        if not works:
            raise Transient("Slack is down.")
        return None

    async def handler(job: Job, run: Run) -> None:
        await save(job, run)
        await run.act("post", flaky, tries=2, first_wait=0.01)

    engine = await running(engines, database, handler=handler)
    await engine.submit(Job("Ev1", "jobs", "handler", {"a": 1}))
    (letter,) = await until(engine.dead)
    assert letter.job == Job("Ev1", "jobs", "handler", {"a": 1})
    assert (letter.step, letter.kind, letter.text) == ("post", "Transient", "Slack is down.")
    works = True
    await engine.replay("Ev1")
    await until(lambda: len(tries) == 3)
    await until(idle(engine))
    assert tries == [False, True, True]
    assert await saved(database) == ["Ev1"]
    assert await engine.dead() == []


async def test_any_other_failure_is_a_dead_letter_at_once(engines: Engines, database: AsyncEngine) -> None:
    async def broken(_session: AsyncSession) -> JsonValue:
        raise KeyError("channel")

    async def in_step(_job: Job, run: Run) -> None:
        await run.commit("save", broken)

    async def in_handler(_job: Job, _run: Run) -> None:
        raise ValueError("no such thing")

    engine = await running(engines, database, in_step=in_step, in_handler=in_handler)
    for kind in ("in_step", "in_handler", "nobody"):
        await engine.submit(Job(kind, "jobs", kind))
    await until(idle(engine))
    letters = {letter.job.id: (letter.step, letter.kind, letter.text) for letter in await engine.dead()}
    assert letters["in_step"] == ("save", "KeyError", "'channel'")
    assert letters["in_handler"] == ("", "ValueError", "no such thing")
    assert letters["nobody"][1] == "NotFound"
    assert "in_handler, in_step" in letters["nobody"][2]


async def test_a_job_that_takes_its_process_down_is_given_up(engines: Engines, database: AsyncEngine) -> None:
    web = engines(database, executes=False)
    await web.start()
    await web.submit(Job("Ev1", "jobs", "save", {"a": 1}))
    jobs = "workflow_status" if database.dialect.name == "sqlite" else "dbos.workflow_status"
    async with database.begin() as connection:
        await connection.execute(sa.text(f"UPDATE {jobs} SET recovery_attempts = 11"))  # noqa: S608 - a constant
    engine = await running(engines, database, save=save)
    (letter,) = await until(engine.dead)
    assert letter.job == Job("Ev1", "jobs", "save", {"a": 1})
    assert "ended" in letter.text
    assert await saved(database) == []
    await web.replay("Ev1")
    await until(lambda: saved(database))
    assert await engine.dead() == []


async def test_a_handler_can_go_on_after_a_failed_step(engines: Engines, database: AsyncEngine) -> None:
    said: list[str] = []

    async def broken(_attempt: Attempt) -> JsonValue:
        raise ValueError("no")

    async def handler(job: Job, run: Run) -> None:
        try:
            await run.act("post", broken)
        except StepFailed as failure:
            said.append(str(failure))
        await save(job, run)

    engine = await running(engines, database, handler=handler)
    await engine.submit(Job("Ev1", "jobs", "handler"))
    await until(lambda: saved(database))
    assert said == ["post: ValueError: no"]
    assert await engine.dead() == []


async def test_a_handler_whose_first_look_fails_looks_again(engines: Engines, database: AsyncEngine) -> None:
    looks: list[int] = []

    async def handler(job: Job, run: Run) -> None:
        looks.append(1)
        if len(looks) == 1:
            raise Transient("not yet", retry_after=0.01)
        await save(job, run)

    engine = await running(engines, database, handler=handler)
    await engine.submit(Job("Ev1", "jobs", "handler"))
    await until(lambda: saved(database))
    assert len(looks) == 2


async def test_two_steps_of_one_name_are_refused(engines: Engines, database: AsyncEngine) -> None:
    async def handler(job: Job, run: Run) -> None:
        await save(job, run)
        await save(job, run)

    engine = await running(engines, database, handler=handler)
    await engine.submit(Job("Ev1", "jobs", "handler"))
    (letter,) = await until(engine.dead)
    assert "a name of its own" in letter.text
    assert await saved(database) == ["Ev1"]


async def test_stop_waits_for_what_runs_and_the_rest_goes_on_later(engines: Engines, database: AsyncEngine) -> None:
    began: list[str] = []
    finish = asyncio.Event()

    async def slow(job: Job, run: Run) -> None:
        await save(job, run)
        began.append(job.id)
        await (asyncio.sleep(0.05) if job.id == "short" else finish.wait())

    engine = await running(engines, database, slow=slow)
    await engine.submit(Job("short", "jobs", "slow"))
    await engine.submit(Job("long", "jobs", "slow"))
    await until(lambda: len(began) == 2)
    await engine.stop(0.3)
    finish.set()
    again = await running(engines, database, slow=slow)
    await until(idle(again))
    assert sorted(began) == ["long", "long", "short"]
    assert sorted(await saved(database)) == ["long", "short"]
    assert await asyncio.to_thread(lambda: "threads work") == "threads work"


async def test_forget_removes_what_ended_and_keeps_the_dead(engines: Engines, database: AsyncEngine) -> None:
    async def post(_attempt: Attempt) -> JsonValue:
        return None

    async def handler(job: Job, run: Run) -> None:
        await run.act("post", post)
        if job.id == "bad":
            raise ValueError("no")

    engine = await running(engines, database, handler=handler)
    for name in ("good", "bad"):
        await engine.submit(Job(name, "jobs", "handler"))
    await until(idle(engine))
    assert await engine.forget(timedelta(hours=1)) == 0
    assert await engine.forget(timedelta(seconds=-60)) == 1
    assert [letter.job.id for letter in await engine.dead()] == ["bad"]
    with pytest.raises(NotFound):
        await engine.replay("good")
    marks = "engine_marks" if database.dialect.name == "sqlite" else "dbos.engine_marks"
    async with database.connect() as connection:
        assert list((await connection.execute(sa.text(f"SELECT job FROM {marks}"))).scalars()) == ["bad"]  # noqa: S608 - a constant
    assert await engine.forget(timedelta(seconds=-60), dead_too=True) == 1
    assert await engine.dead() == []


async def test_only_the_dead_are_replayed(engines: Engines, database: AsyncEngine) -> None:
    engine = await running(engines, database, save=save)
    await engine.submit(Job("Ev1", "jobs", "save"))
    await until(idle(engine))
    with pytest.raises(Refused, match="not a dead letter"):
        await engine.replay("Ev1")
    with pytest.raises(NotFound, match="no job Ev9"):
        await engine.replay("Ev9")


async def test_a_burst_does_not_stand_still(engines: Engines, database: AsyncEngine) -> None:
    engine = engines(database, queues=[Queue("jobs", per_process=20)])
    engine.handle("save", save)
    await engine.start()
    await asyncio.gather(*(engine.submit(Job(f"{n}", "jobs", "save")) for n in range(100)))
    await until(idle(engine))
    assert len(await saved(database)) == 100


async def test_mistakes_are_named(engines: Engines, sqlite_database: AsyncEngine) -> None:
    engine = engines(sqlite_database, queues=[Queue("jobs")])
    with pytest.raises(ConfigError, match="not started"):
        await engine.submit(Job("Ev1", "jobs", "save"))
    engine.handle("save", save)
    with pytest.raises(ConfigError, match="Two handlers"):
        engine.handle("save", save)
    await engine.start()
    with pytest.raises(ConfigError, match="queue posts"):
        await engine.submit(Job("Ev1", "posts", "save"))
    with pytest.raises(ConfigError, match="executes in this process"):
        await engines(sqlite_database).start()
    await engine.submit(Job("Ev2", "jobs", "save"))
    await until(lambda: saved(sqlite_database))
