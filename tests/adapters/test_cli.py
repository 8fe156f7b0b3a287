import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot import cli
from bot.doctor.slack import SCOPES
from tests.house import ROOT

COMMANDS = ("demo", "run", "web", "worker", "release", "index", "doctor", "init", "validate", "audit", "version")
HEAVY = ("structlog", "yaml", "slack_sdk", "slack_bolt", "fastapi", "sqlalchemy", "dbos", "httpx", "asyncio", "rich")


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    program = f"""
import sys
from bot import cli
try:
    cli.main(["--help"])
finally:
    print("loaded", [name for name in {HEAVY} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"    {command} " in told for command in COMMANDS)
    assert told.endswith("loaded []\n")


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert "usage: fettle" in capsys.readouterr().out


def test_what_init_writes_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "fettle"
    assert cli.main(["init", str(folder)]) == 0
    assert cli.main(["validate", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "is right: 2 services, 1 action, 1 guide, 0 past incidents, 2 sources" in told
    assert "error" not in told
    assert "__pycache__" not in str(list(folder.rglob("*")))


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "catalogue.yaml").write_text("mine")
    assert cli.main(["init", str(tmp_path)]) == 2
    assert "is there already, so nothing was written" in capsys.readouterr().err
    assert (tmp_path / "catalogue.yaml").read_text() == "mine"
    assert not (tmp_path / "fettle.yaml").exists()


def test_validate_prints_every_error_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["init", str(tmp_path)])
    for name, old, new in (("fettle.yaml", "channels:", "chanels:"), ("guides/api_slow.yaml", "on: api", "on: apy")):
        file = tmp_path / name
        file.write_text(file.read_text().replace(old, new))
    capsys.readouterr()
    assert cli.main(["validate", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert f"error: {tmp_path}/fettle.yaml:7:1: chanels is not a key that is known here" in told.out
    assert "the catalogue has no service “apy”; did you mean “api”?" in told.out
    assert "to correct in" in told.err


@pytest.mark.parametrize(("level", "traceback"), [("INFO", False), ("DEBUG", True)])
def test_a_wrong_setting_is_one_line_and_status_2(tmp_path: Path, level: str, *, traceback: bool) -> None:
    environment = {"FETTLE_LOG_LEVEL": level, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", "validate", "nowhere"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("Traceback" in done.stderr) is traceback
    if not traceback:
        assert done.returncode == 2
        assert done.stderr.startswith("fettle: nowhere: there is no such folder; `fettle init nowhere`")
        assert done.stderr.count("\n") == 1


def test_wrong_settings_are_said_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FETTLE_HTTP_PORT", "eighty")
    assert cli.main(["validate"]) == 2
    assert (
        capsys.readouterr().err
        == "fettle: FETTLE_HTTP_PORT: found “eighty”, expected a port from 0 (any free one) to 65535\n"
    )
    assert cli.main(["doctor"]) == 1
    assert "✕ FETTLE_HTTP_PORT" in capsys.readouterr().out


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_is_quiet(tmp_path: Path, sent: signal.Signals, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "SLACK_API_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/",
            "SLACK_BOT_TOKEN": "xoxb-made-up",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "doctor"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(sent)
            told = process.communicate(timeout=30)
    assert (process.returncode, told) == (status, ("", ""))


def test_the_process_manager_knows_the_commands() -> None:
    wanted = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert wanted == {name: f"fettle {name}" for name in ("web", "worker", "release")}


def test_the_manifest_asks_for_the_scopes_that_the_doctor_checks() -> None:
    manifest = yaml.safe_load((ROOT / "slack-manifest.yaml").read_text(encoding="utf-8"))
    assert manifest["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert manifest["settings"]["socket_mode_enabled"]
    [command] = manifest["features"]["slash_commands"]
    assert command["command"] == "/fettle"
    assert len(command["usage_hint"]) <= 1000
    assert len(manifest["display_information"]["description"]) <= 140
