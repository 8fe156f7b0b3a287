"""What a workspace starts with and keeps."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.workspace.person import Person
from bot.workspace.seed import Seed, SeedPerson, app_from_manifest, load_seed
from bot.workspace.server import running
from bot.workspace.workspace import Workspace
from tests.adapters.workspace.harness import Harness
from tests.house import ROOT


async def test_a_workspace_stops_and_starts_again(tmp_path: Path) -> None:
    file = tmp_path / "workspace.db"
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    metadata = {"event_type": "incident", "event_payload": {"id": "INC-1"}}
    async with running(Workspace(state_file=file)) as url, Person(url, "U0JUNIOR") as jun:
        harness = Harness(Workspace(), url, None)  # type: ignore[arg-type]  # nothing to clean up
        client = harness.client()
        posted = await client.chat_postMessage(channel="C0ALERTS", text="INC-1", metadata=metadata)
        await jun.say("on it", thread=(await jun.messages())[0])
        room = (await client.conversations_create(name="war-room"))["channel"]["id"]
        upload = await client.files_upload_v2(content=b"a,b\n", filename="a.csv", channel="C0ALERTS")
        await client.views_publish(user_id="U0JUNIOR", view=home)

    async with running(Workspace(state_file=file)) as url, Person(url, "U0JUNIOR") as jun:
        client = Harness(Workspace(), url, None).client()  # type: ignore[arg-type]  # as above
        thread = (await client.conversations_replies(channel="C0ALERTS", ts=posted["ts"], include_all_metadata=True))[
            "messages"
        ]
        later = await client.chat_postMessage(channel="C0ALERTS", text="later")
        assert [m["text"] for m in thread] == ["INC-1", "on it"]
        assert thread[0]["metadata"] == metadata
        assert later["ts"] > thread[1]["ts"]
        assert (await client.conversations_info(channel=room))["channel"]["name"] == "war-room"
        assert (await client.files_info(file=upload["file"]["id"]))["file"]["size"] == 4
        assert await jun.home() is not None


def test_a_file_that_is_no_workspace_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("this is not a database, it is a note of some length")
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        Workspace(state_file=tmp_path / "notes.txt")


def test_a_seed_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(
        """
team_name: Shop
people:
  - {id: U1, name: kim, real_name: Kim Lee, title: Engineer, tz: Asia/Seoul}
channels:
  - {id: C1, name: shop, members: [U1]}
app:
  commands: [{command: /fettle, description: Help}]
launchers:
  - {label: Break it, text: /fettle demo break}
groups: []
"""
    )
    seed = load_seed(file)
    assert (seed.team_name, seed.people[0].real_name, seed.channels[0].members) == ("Shop", "Kim Lee", ("U1",))
    assert (seed.app.commands[0].command, seed.app.name, seed.launchers[0].label) == ("/fettle", "Fettle", "Break it")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("people: [{id: u1, name: kim, real_name: Kim}]", "'u1'"),
        ("people: [{id: U1, name: kim, real_name: Kim, mood: good}]", "mood"),
        ("people: [{id: U1}]", r"people\[0\]"),
        ("people: []", "U0"),
        ("colour: red", "colour"),
        ("people: 3", "list of mappings"),
        ("- a", "mapping at the top"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_seed_names_the_place(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=named):
        load_seed(file)


def test_an_id_is_given_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        replace(Seed(), people=(*Seed().people, SeedPerson("U0JUNIOR", "other", "Other")))


def test_the_default_app_is_installed_as_the_manifest_says() -> None:
    assert app_from_manifest(ROOT / "slack-manifest.yaml") == Seed().app


async def test_it_runs_as_a_program_and_says_where(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.workspace", "--port", "0", "--state", str(tmp_path / "w.db"),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            url = json.loads(await process.stdout.readline())["url"]
        async with Person(url, "U0JUNIOR") as jun:
            assert (await jun.say("hello")).text == "hello"
    finally:
        process.terminate()
        assert await process.wait() == 0
