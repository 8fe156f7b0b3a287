import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.adapters.demo.stage import PATIENCE, end, line, stage, start, until
from tests.house import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")


def belonging(home: Path) -> list[int]:
    """The live processes of a world: those whose command line names its folder."""
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and str(home) in command(one)]


def command(process: Path) -> str:
    try:
        return process.joinpath("cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


async def gone(home: Path) -> bool:
    return not belonging(home)


async def test_its_line_says_where_everything_is_and_everything_is_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        said = world.said
        assert set(said) == {
            *("control", "prometheus", "recorder", "loki", "jaeger", "shop", "secure", "payment", "hosts"),
            "baseline_seconds",
        }
        assert {name: host["service"] for name, host in said["hosts"].items()} == {
            "pay-01": "payment",
            "shop-01": "shop",
        }
        pay = said["hosts"]["pay-01"]
        assert Path(pay["host_dir"], "current", "release.py").is_file()
        assert (pay["supervisor_url"], pay["service_url"]) == (said["control"], said["payment"])
        async with world.session.post(f"{said['shop']}/checkout", json={"order": "o-1", "cents": 500}) as sold:
            assert (sold.status, (await sold.json())["order"]) == (200, "o-1")
        status = await world.status()
        assert (status["faults"], status["alerts"]) == ([], [])
        assert status["services"]["payment"]["version"] == "2.30"
    assert belonging(tmp_path) == []


async def test_faults_are_refused_by_name_and_while_they_are_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        async with world.session.get(f"{world.said['control']}/faults") as response:
            assert list(await response.json()) == [
                *("pool-leak", "disk-full", "slow-dependency", "bad-flag", "certificate-expiring", "stubborn-leak")
            ]
        assert (await world.post("/break", {"fault": "fire"}))[0] == 400
        assert (await world.post("/break", {"fault": "stubborn-leak"}))[0] == 200
        for fault in ("stubborn-leak", "pool-leak"):
            status, said = await world.post("/break", {"fault": fault})
            assert (status, "on already" in said["error"]) == (409, True)
        for fault in ("disk-full", "bad-flag", "certificate-expiring"):
            assert (await world.post("/break", {"fault": fault}))[0] == 200
        assert (await world.status())["faults"] == ["stubborn-leak", "disk-full", "bad-flag", "certificate-expiring"]
        assert (await world.post("/reset"))[0] == 200
        assert (await world.status())["faults"] == []
        deploy, flag = world.inbox.changes
        assert deploy["version"] == "2.31"
        assert (flag["kind"], flag["service"], flag["version"], flag["previous"]) == (*("flag", "shop", "on", "off"),)


async def test_it_answers_programs_of_this_machine_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        url = f"{world.said['control']}/reset"
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            async with world.session.post(url, headers=headers) as response:
                assert response.status == 403


async def test_a_service_that_dies_is_started_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        before = (await world.status())["services"]["payment"]["pid"]
        os.kill(before, signal.SIGKILL)

        async def back() -> bool:
            payment = (await world.status())["services"]["payment"]
            return payment["crashes"] == 1 and payment["pid"] not in (None, before)

        await until(back, "payment runs again")
        async with world.session.get(f"{world.said['payment']}/health") as response:
            assert (await response.json())["status"] == "ok"


async def test_it_ends_with_its_starter_and_leaves_nothing_running(tmp_path: Path) -> None:
    homes = {name: tmp_path / name for name in ("pipe", "killed", "told")}
    piped, told = await asyncio.gather(start(homes["pipe"]), start(homes["told"]))
    starter, _ = await starter_of(homes["killed"])
    await asyncio.gather(line(piped), line(told))
    assert all(len(belonging(home)) >= 3 for home in homes.values())
    starter.kill()
    assert belonging(homes["told"])
    await end(piped)
    told.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE):
        assert await told.wait() == 0
        await starter.wait()
    await until(lambda: gone(tmp_path), "every process of the three worlds has ended")


async def starter_of(home: Path) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    """A program that starts a world without a pipe, and waits."""
    told = [sys.executable, "-m", "bot.demo.world", "--home", str(home)]
    program = f"import subprocess, time; subprocess.Popen({told!r}, stdin=subprocess.DEVNULL); time.sleep(600)"
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    return starter, await line(starter)


async def test_a_world_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("in the way")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, why in ((("--port", port), "in use"), ((), "Not a directory")):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.demo.world", "--home", str(tmp_path), *options, cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            async with asyncio.timeout(PATIENCE):
                _, errors = await process.communicate()
            assert process.returncode == 1
            said = errors.decode().splitlines()
            assert (len(said), said[0].startswith("world: "), why in said[0]) == (1, True, True), said


async def test_a_delivery_that_nobody_takes_is_noted_and_stops_nothing(tmp_path: Path) -> None:
    process = await start(tmp_path, "--fettle-url", "http://127.0.0.1:9")
    try:
        said = await line(process)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{said['control']}/break", json={"fault": "pool-leak"}) as response,
        ):
            assert response.status == 200
            assert "The deploy event was not delivered" in (await response.json())["did"]
    finally:
        await end(process)
