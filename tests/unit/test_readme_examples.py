"""The README's examples are read by the product's own loader, so that they cannot go stale."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

import bot
from bot.config import Config, load
from bot.errors import ConfigError
from bot.runners.ansible import count
from tests import house

README = (house.ROOT / "README.md").read_text(encoding="utf-8")
STARTER = Path(bot.__file__).parent / "starter"


def examples() -> dict[str, str]:
    """The blocks that name their file: ``yaml actions/rollback.yaml``."""
    fences = [token for token in MarkdownIt("commonmark").parse(README) if token.type == "fence"]
    named = [(token.info.split(), token.content) for token in fences]
    return {info[1]: content for info, content in named if len(info) == 2}


def written(folder: Path, **instead: str) -> Path:
    """A configuration of the examples, with the house that ``fettle init`` writes."""
    found = next(STARTER.rglob("fettle.yaml"))
    (folder / "runbooks").mkdir(parents=True)
    shutil.copy(found, folder / "fettle.yaml")
    for name, content in examples().items():
        if name == "alertmanager.yml":
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(instead.get(name, content), encoding="utf-8")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(written(tmp_path / "fettle"))


def test_the_examples_are_a_configuration(config: Config) -> None:
    assert list(config.actions) == ["rollback"]
    assert [guide.name for guide in config.guides] == ["pool"]
    assert config.catalogue.callers("payment") == ("shop",)
    assert config.catalogue.services["payment"].hosts == ("pay-1",)


def test_the_examples_playbook_is_one(config: Config) -> None:
    assert count(config.actions_folder / config.actions["rollback"].playbook) == 2


def test_the_error_that_it_shows_is_the_error(tmp_path: Path) -> None:
    shown = re.search(r"`(actions/rollback\.yaml:[^`]*)`", README)
    assert shown
    wrong = examples()["actions/rollback.yaml"].replace("pattern:", "patern:")
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path / "fettle", **{"actions/rollback.yaml": wrong}))
    assert shown[1] in str(error.value)


def test_alertmanager_takes_its_example(tmp_path: Path) -> None:
    text = examples()["alertmanager.yml"]
    (receiver,) = yaml.safe_load(text)["receivers"]
    assert receiver["webhook_configs"][0]["url"].endswith("/webhooks/alertmanager")
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("not installed: amtool")
    token = tmp_path / "token"
    token.write_text("x", encoding="utf-8")
    file = tmp_path / "alertmanager.yml"
    file.write_text(text.replace("/etc/alertmanager/fettle-token", str(token)), encoding="utf-8")
    ran = subprocess.run([amtool, "check-config", str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
