"""The manifest that creates the Slack app, the skills, the doctor and the workspace agree."""

from typing import Any

import pytest
import yaml

from bot.doctor.slack import SCOPES as NEEDED
from bot.registry import discover
from bot.workspace.seed import SeedApp
from bot.workspace.web_api import SCOPES as GRANTED
from tests import house


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((house.ROOT / "slack-manifest.yaml").read_text(encoding="utf-8"))
    return loaded


def test_it_offers_only_commands_that_exist(manifest: dict[str, Any]) -> None:
    offered = [one["usage_hint"] for one in manifest["features"]["slash_commands"]]
    known = {one.name for skill in discover() for one in skill.commands}
    assert {one.split()[0] for hint in offered for one in hint.split("|")} - known == set()


def test_its_shortcuts_have_a_handler(manifest: dict[str, Any]) -> None:
    known = {one.name for skill in discover() for one in skill.actions}
    assert {one["callback_id"] for one in manifest["features"]["shortcuts"]} - known == set()


def test_it_asks_for_the_scopes_that_the_doctor_checks(manifest: dict[str, Any]) -> None:
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == set(NEEDED)


def test_the_workspace_grants_what_it_asks_for(manifest: dict[str, Any]) -> None:
    assert set(manifest["oauth_config"]["scopes"]["bot"]) <= set(GRANTED.split(","))


def test_the_workspace_offers_the_same_commands_and_shortcuts(manifest: dict[str, Any]) -> None:
    features, app = manifest["features"], SeedApp()
    assert [one["command"] for one in features["slash_commands"]] == [one.command for one in app.commands]
    assert {(one["callback_id"], one["name"]) for one in features["shortcuts"]} == {
        (one.callback_id, one.name) for one in app.shortcuts
    }
