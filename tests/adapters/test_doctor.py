import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from bot import doctor
from bot.doctor import State
from bot.errors import ConfigError
from bot.settings import Settings
from bot.web.server import serve
from bot.workspace.seed import Seed, SeedChannel
from bot.workspace.server import running
from bot.workspace.workspace import Workspace
from tests.house import ROOT

HUSH = "hush-hush-hush-hush"


async def migrated(_url: str) -> None:
    """A database as it should be."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration that init writes, with people in it."""
    folder = tmp_path / "config"
    for path in (ROOT / "bot" / "starter").rglob("*"):
        if path.is_file():
            target = folder / path.relative_to(ROOT / "bot" / "starter")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    text = (folder / "fettle.yaml").read_text()
    text = text.replace("approver: {users: [], groups: []}", "approver: {users: [U0APPROVER, U0OTHERBOT]}")
    text = text.replace("senior: {users: [], groups: []}", "senior: {groups: [S0SENIORS]}")
    text = text.replace("responder: {users: [], groups: []}", "responder: {users: [U0NOBODY]}")
    (folder / "fettle.yaml").write_text(text)
    return folder


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    seed = Seed()
    channels = (SeedChannel("C0ALERTS", "alerts"), SeedChannel("C0OPS", "ops", members=("U0SENIOR",)))
    one = Workspace(replace(seed, channels=channels))
    async with running(one, 0, "127.0.0.1"):
        yield one


@pytest.fixture
def environment(tmp_path: Path, config: Path, workspace: Workspace) -> dict[str, str]:
    return {
        "FETTLE_HOME": str(tmp_path / "home"),
        "FETTLE_CONFIG": str(config),
        "FETTLE_HTTP_PORT": "0",
        "FETTLE_WEBHOOK_TOKEN": HUSH,
        "SLACK_API_URL": f"{workspace.base_url}/api/",
        "SLACK_BOT_TOKEN": workspace.seed.app.bot_token,
        "SLACK_APP_TOKEN": workspace.seed.app.app_token,
    }


async def examined(environment: dict[str, str]) -> dict[str, list[doctor.Finding]]:
    found: dict[str, list[doctor.Finding]] = {}
    for one in await doctor.check(Settings.from_environment(environment), migrated):
        assert HUSH not in str(one)
        assert "xoxb-" not in str(one).replace("begins with xoxb-", "")
        found.setdefault(one.about, []).append(one)
    return found


async def test_slack_is_examined_through_its_own_api(environment: dict[str, str]) -> None:
    found = await examined(environment)
    assert found["SLACK_BOT_TOKEN"][0].state is State.FINE
    assert found["SLACK_APP_TOKEN"][0].text == "Socket Mode opens"
    assert found["channel #alerts"][0].text == "Fettle is in #alerts"
    assert found["channel #ops"][0].state is State.BROKEN
    assert found["channel #ops"][0].mend == "In #ops type: /invite @Fettle"
    assert [one.text for one in found["role approver"]] == ["U0OTHERBOT is a bot", "1 person"]
    assert found["role senior"][0].text == "1 person"
    assert found["role manager"][0].text == "nobody has it"
    assert found["role responder, person U0NOBODY"][0].state is State.BROKEN
    assert found["webhook alertmanager"][0].state is State.FINE


async def test_a_channel_that_is_not_there(environment: dict[str, str], config: Path) -> None:
    file = config / "fettle.yaml"
    file.write_text(file.read_text().replace('"#ops"', "nowhere"))
    assert "there is none" in (await examined(environment))["channel #nowhere"][0].text


async def test_wrong_tokens(environment: dict[str, str]) -> None:
    found = await examined({**environment, "SLACK_BOT_TOKEN": "xoxb-wrong", "SLACK_APP_TOKEN": "xapp-wrong"})
    assert found["SLACK_BOT_TOKEN"][0].text == "Slack does not know the token"
    assert found["SLACK_APP_TOKEN"][0].state is State.BROKEN
    assert not any(about.startswith("channel") for about in found)


async def test_nobody_answers(environment: dict[str, str]) -> None:
    found = await examined(
        {**environment, "SLACK_API_URL": "http://127.0.0.1:1/api", "PROMETHEUS_URL": "http://127.0.0.1:1"}
    )
    assert "does not answer" in found["SLACK_BOT_TOKEN"][0].text
    assert "does not answer" in found["prometheus"][0].text


async def test_nothing_is_set(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/x.db", http_port=0)
    found = {one.about: one for one in await doctor.check(settings, migrated)}
    broken = {about for about, one in found.items() if one.state is State.BROKEN}
    assert broken == {"settings", "configuration", "SLACK_BOT_TOKEN"}
    assert found["database"].state is State.ODD
    assert all(one.mend for about, one in found.items() if about in broken)


async def test_the_configuration_and_the_database_are_examined(environment: dict[str, str], config: Path) -> None:
    (config / "catalogue.yaml").write_text("services: {api: {colour: red}}")
    database = config / "x.db"
    database.touch()

    async def old(_url: str) -> None:
        raise ConfigError("The database is at revision 1 and this version needs 2.")

    settings = Settings.from_environment({**environment, "FETTLE_DATABASE_URL": f"sqlite+aiosqlite:///{database}"})
    found = await doctor.check(settings, old)
    assert any("catalogue.yaml:1:18: services.api.colour is not a key" in one.text for one in found)
    assert [one.state for one in found if one.about == "database"] == [State.BROKEN]


async def test_a_home_that_cannot_be_written(environment: dict[str, str], config: Path) -> None:
    settings = Settings.from_environment({**environment, "FETTLE_HOME": str(config / "fettle.yaml" / "home")})
    [found] = [one for one in await doctor.check(settings, migrated) if one.about == "FETTLE_HOME"]
    assert found.state is State.BROKEN
    assert "cannot write in" in found.text


def prometheus() -> FastAPI:
    """A stand-in that answers as Prometheus does: one query with data, one without, one refused."""
    app = FastAPI()

    @app.get("/api/v1/query")
    async def query(query: str) -> dict[str, object]:
        if "node_filesystem" in query:
            return {"status": "error", "errorType": "bad_data", "error": "parse error: it says"}
        result = [{"metric": {}, "value": [1, "1"]}] if "http_requests_total" in query else []
        return {"status": "success", "data": {"resultType": "vector", "result": result}}

    return app


async def test_every_indicator_is_asked(environment: dict[str, str]) -> None:
    server = await serve(prometheus(), "127.0.0.1", 0)
    try:
        found = await examined({**environment, "PROMETHEUS_URL": server.address})
        other = await examined({**environment, "PROMETHEUS_URL": f"{server.address}/somewhere"})
    finally:
        await server.stop()
    assert found["prometheus"][0].text == "answers; 1 of 3 indicators measure something"
    assert found["indicator api/latency"][0].text == "measures nothing now"
    assert found["indicator api/disk"][0].text == "is refused: parse error: it says"
    assert "not as Prometheus does" in other["prometheus"][0].text


async def test_the_port(environment: dict[str, str]) -> None:
    server = await serve(prometheus(), "127.0.0.1", 0)
    try:
        found = await examined({**environment, "FETTLE_HTTP_PORT": str(server.port)})
    finally:
        await server.stop()
    assert "another program listens" in found["FETTLE_HTTP_PORT"][0].text
    assert (
        "is free" in (await examined({**environment, "FETTLE_HTTP_PORT": str(server.port)}))["FETTLE_HTTP_PORT"][0].text
    )


async def test_a_part_that_hangs_is_said_and_holds_nothing_up(environment: dict[str, str], config: Path) -> None:
    database = config / "x.db"
    database.touch()

    async def hangs(_url: str) -> None:
        await asyncio.Event().wait()

    settings = Settings.from_environment({**environment, "FETTLE_DATABASE_URL": f"sqlite+aiosqlite:///{database}"})
    [found] = [one for one in await doctor.check(settings, hangs, seconds=0.5) if one.about == "database"]
    assert found.text == "did not answer within 0.5 s"
