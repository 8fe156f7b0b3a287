"""The parts of which the faults are made: pool, disk, ledger and what is shown of the last seconds."""

import asyncio
import errno
import json
import sqlite3
import time
from pathlib import Path
from random import Random

import pytest

from bot.demo.disk import Disk, Log
from bot.demo.faults import mislabelled
from bot.demo.host import LEAKING, SOUND, Host, release_text
from bot.demo.ledger import BATCHES, Compaction, Ledger
from bot.demo.pool import Pool, PoolTimeout
from bot.demo.sliding import Level, Sliding
from bot.demo.till import Order, Receipt, Release, Tools, load_release


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestSliding:
    def test_it_forgets_what_is_older_than_its_seconds(self) -> None:
        seen = Sliding(0.0)
        for second in range(10):
            seen.add(float(second), took=second / 10, failed=second < 4)
        assert seen.error_ratio(9.0) == pytest.approx(2 / 8)
        assert seen.p95(9.0) == 0.9
        assert seen.per_second(9.0) == 1.0
        assert seen.error_ratio(100.0) == seen.p95(100.0) == 0.0

    def test_a_level_is_weighted_by_how_long_it_held(self) -> None:
        level = Level(0.0)
        level.set(1.0, 10.0)
        level.set(1.5, 20.0)
        assert level.mean(2.0, 1.0) == pytest.approx(15.0)
        assert level.mean(50.0, 1.0) == 20.0


class TestDisk:
    def test_it_takes_what_fits_and_then_refuses(self, tmp_path: Path, clock: Clock) -> None:
        disk = Disk(tmp_path, 1000, clock)
        disk.append("a", b"x" * 990)
        with pytest.raises(OSError, match="No space left") as failure:
            disk.append("a", b"y" * 20)
        assert failure.value.errno == errno.ENOSPC
        assert (tmp_path / "a").stat().st_size == 1000
        (tmp_path / "a").unlink()
        clock.now += 1
        assert disk.used_ratio == 0
        disk.append("a", b"y" * 20)

    def test_logs_are_rotated_and_debug_dumps_are_not(self, tmp_path: Path, clock: Clock) -> None:
        disk = Disk(tmp_path, 100_000, clock)
        log = Log(disk, "payment", clock, level="debug", largest=2_000, largest_dump=10_000)
        for number in range(200):
            log.info("paid", order=number)
        assert sorted(file.name for file in tmp_path.iterdir()) == ["payment.log", "payment.log.1", "payment.log.2"]
        for _ in range(40):
            clock.now += 1
            log.dump("frames", lambda: "z" * 1_000)
        assert len(list(tmp_path.glob("debug-*.log"))) > 3
        log.level = "info"
        before = disk.used
        log.dump("frames", lambda: "z" * 1_000)
        clock.now += 1
        assert disk.used == before
        assert json.loads((tmp_path / "payment.log").read_text().splitlines()[0])["event"] == "paid"


class TestPool:
    async def test_whoever_finds_none_free_waits_and_then_fails(self, tmp_path: Path) -> None:
        clock = asyncio.get_running_loop().time
        pool = Pool(tmp_path / "p.db", 2, 0.05, clock)
        first, second = await pool.take("a"), await pool.take("b")
        with pytest.raises(PoolTimeout, match="2 are in use"):
            await pool.take("c")
        waiting = asyncio.create_task(pool.take("d"))
        await asyncio.sleep(0.01)
        pool.give_back(first)
        assert (await waiting).by == "d"
        pool.give_back(second)
        assert (pool.in_use, pool.waiting) == (1, 0)
        pool.close()

    async def test_a_forgotten_transaction_shows_as_idle(self, tmp_path: Path, clock: Clock) -> None:
        pool = Pool(tmp_path / "p.db", 3, 0.05, clock)
        lease = await pool.take("order 7")
        lease.execute("BEGIN")
        lease.execute("SELECT 1")
        clock.now += 5
        table = pool.table()
        assert table["states"] == {"idle": 2, "active": 0, "idle_in_transaction": 1}
        assert table["held_longest"] == [
            {"connection": 1, "state": "idle_in_transaction", "seconds": 5.0, "by": "order 7"}
        ]
        pool.close()


class TestCompaction:
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Ledger:
        return Ledger(tmp_path / "ledger.db", time.monotonic)

    async def test_it_ends_where_nobody_pays(self, ledger: Ledger) -> None:
        job = Compaction(ledger, time.monotonic, 0.001)
        job.start()
        async with asyncio.timeout(10):
            while job.running:
                await asyncio.sleep(0.001)
        assert job.table() == {"state": "not running", "passes": 1, "running_seconds": 0.0}

    async def test_it_goes_on_while_somebody_pays_and_they_wait_for_it(self, ledger: Ledger) -> None:
        job, over = Compaction(ledger, time.monotonic, 0.002), asyncio.Event()

        async def pay() -> None:
            while not over.is_set():
                await asyncio.gather(ledger.draw("o"), asyncio.sleep(0.001))

        payers = [asyncio.create_task(pay()) for _ in range(3)]
        async with asyncio.timeout(10):
            while not ledger.drawn:
                await asyncio.sleep(0.001)
            job.start()
            while job.table()["passes"] != 5:
                await asyncio.sleep(0.001)
        assert job.running
        assert ledger.waits.p95(time.monotonic()) >= BATCHES * 0.002
        await job.stop()
        assert job.table()["state"] == "not running"
        over.set()
        await asyncio.gather(*payers)
        assert ledger.table()["held_by"] is None


async def authorise(_order: Order) -> None:
    """The card network agrees at once."""


class TestReleases:
    @pytest.fixture
    def host(self, tmp_path: Path) -> Host:
        host = Host("pay-01", "payment", tmp_path / "pay-01")
        host.lay_out({version: release_text(version) for version in (SOUND, LEAKING)}, SOUND, Random(1))
        return host

    async def pay(self, release: Release, folder: Path, cents: int, times: int = 5) -> tuple[list[Receipt], int]:
        """So many payments; gives the receipts and how many connections are still taken."""
        folder.mkdir(exist_ok=True)
        clock = asyncio.get_running_loop().time
        database = folder / "ledger.db"
        ledger, pool = Ledger(database, clock), Pool(database, 20, 0.1, clock)
        tools = Tools(pool, ledger, lambda _order, _cents: None, authorise)
        receipts = [await release.pay(Order(f"o-{number}", cents), tools) for number in range(times)]
        held = pool.in_use
        pool.close()
        return receipts, held

    async def test_only_the_newer_one_keeps_connections_and_only_for_large_orders(
        self, host: Host, tmp_path: Path
    ) -> None:
        for version, cents, held in ((SOUND, 500_00, 0), (LEAKING, 50_00, 0), (LEAKING, 500_00, 5)):
            host.switch(version)
            assert host.version == version
            release = load_release(host.folder / "current")
            assert version == release.VERSION
            receipts, kept = await self.pay(release, tmp_path / f"{version}-{cents}", cents)
            assert kept == held
            assert [one.number for one in receipts] == [1, 2, 3, 4, 5]

    async def test_the_mislabelled_one_says_that_it_is_sound_and_leaks_sooner(self, host: Host, tmp_path: Path) -> None:
        host.write_release(SOUND, mislabelled())
        host.switch(SOUND)
        release = load_release(host.folder / "current")
        assert release.VERSION == SOUND
        assert (await self.pay(release, tmp_path / "stale", 50_00))[1] == 5

    async def test_the_same_order_twice_is_one_payment(self, host: Host, tmp_path: Path) -> None:
        clock = asyncio.get_running_loop().time
        ledger, pool = Ledger(tmp_path / "l.db", clock), Pool(tmp_path / "l.db", 2, 0.1, clock)
        tools = Tools(pool, ledger, lambda _order, _cents: None, authorise)
        release = load_release(host.folder / "current")
        first, second = [await release.pay(Order("same", 100), tools) for _ in range(2)]
        assert first == second
        pool.close()
        with sqlite3.connect(tmp_path / "l.db") as connection:
            assert connection.execute("SELECT count(*) FROM payment").fetchone() == (1,)
        connection.close()

    def test_a_folder_that_is_no_release_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(ImportError, match="no such release"):
            load_release(tmp_path)
        (tmp_path / "release.py").write_text("VERSION = '1'\n")
        with pytest.raises(ImportError, match="expected VERSION and pay"):
            load_release(tmp_path)
