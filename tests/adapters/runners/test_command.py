import json
import os
import textwrap
from pathlib import Path

import pytest

from bot.domain.run import RunState
from bot.errors import Refused
from bot.runners.command import CommandRunner

HERE = {"ansible_connection": "local"}


async def test_a_pipeline_runs_without_a_shell(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo $(touch x)\nthree\n", encoding="utf-8")
    result = await CommandRunner().look(f"cat '{tmp_path}/log' | grep -n 't' | head -n 1", HERE, 10)
    assert (result.state, result.exit_status, result.reason) == (RunState.SUCCEEDED, 0, "")
    assert result.output == "2:two $(touch x)\n"
    assert [one.name for one in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    "command", ["touch {0}/x", "cat {0}/log > {0}/x", "cat {0}/log; touch {0}/x", "cat $(touch {0}/x)", "rm -rf {0}"]
)
async def test_what_does_not_only_look_is_refused_and_not_run(command: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x", encoding="utf-8")
    with pytest.raises(Refused, match="not read-only"):
        await CommandRunner().look(command.format(tmp_path), None, 10)
    assert [one.name for one in tmp_path.iterdir()] == ["log"]


async def test_a_failure_shows_its_words_and_status_wherever_in_the_pipeline(tmp_path: Path) -> None:
    for command in (f"cat {tmp_path}/none", f"cat {tmp_path}/none | wc -l"):
        result = await CommandRunner().look(command, None, 10)
        assert (result.state, result.exit_status) == (RunState.FAILED, 1)
        assert "No such file" in result.output
        assert result.reason == "it ended with status 1"


async def test_a_reader_that_stops_early_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("line\n" * 200_000, encoding="utf-8")
    result = await CommandRunner().look(f"cat {tmp_path}/log | head -n 1", None, 10)
    assert (result.state, result.output) == (RunState.SUCCEEDED, "line\n")


async def test_a_program_that_is_not_there_is_named_and_nothing_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for command in ("mpstat -P ALL 1 1", "echo a | mpstat"):
        result = await CommandRunner().look(command, None, 10)
        if result.exit_status is None:
            assert result.state is RunState.FAILED
            assert result.reason.startswith("mpstat could not be started")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_what_takes_too_long_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    result = await CommandRunner().look(f"cat {fifo} | wc -l", None, 0.3)
    assert (result.state, result.exit_status) == (RunState.TIMED_OUT, None)
    assert "longer than 0.3 s" in result.reason
    readers = [
        entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and str(fifo) in _line(entry / "cmdline")
    ]
    assert readers == []


async def test_much_output_is_cut_and_dangerous_characters_are_taken_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\x1b[31mred\x07 \u202eback\n" + "x" * 3_000_000, encoding="utf-8")
    result = await CommandRunner().look(f"cat {tmp_path}/log", None, 10)
    assert result.state is RunState.SUCCEEDED
    assert result.output.startswith("red back\nxxx")
    assert "characters cut" in result.output
    assert len(result.output) < 25_000
    assert "more than 2 MB" in result.reason


async def test_another_host_is_asked_over_ssh_with_the_same_words_and_none_of_fettles_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stands in for OpenSSH: notes its arguments and has a shell run the last one, as sshd does.
    ssh = tmp_path / "ssh"
    ssh.write_text(
        textwrap.dedent(
            f"""\
            #!/usr/bin/env python3
            import json, os, subprocess, sys
            json.dump(sys.argv[1:], open("{tmp_path}/arguments", "w"))
            json.dump(dict(os.environ), open("{tmp_path}/environment", "w"))
            sys.exit(subprocess.run(["sh", "-c", sys.argv[-1]]).returncode)
            """
        ),
        encoding="utf-8",
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "kingfisher")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    host: dict[str, str | int] = {"ansible_host": "10.0.0.7", "ansible_user": "ops", "ansible_port": 2222}
    result = await CommandRunner().look("echo 'a  $HOME' | grep -c 'a  [$]HOME'", host, 10)
    assert (result.state, result.output) == (RunState.SUCCEEDED, "1\n")
    arguments = json.loads((tmp_path / "arguments").read_text(encoding="utf-8"))
    assert arguments[-3:-1] == ["--", "10.0.0.7"]
    assert arguments[arguments.index("-l") :][:4] == ["-l", "ops", "-p", "2222"]
    assert "BatchMode=yes" in arguments
    assert "kingfisher" not in (tmp_path / "environment").read_text(encoding="utf-8")
    with pytest.raises(Refused, match="ansible_host"):
        await CommandRunner().look("uptime", {"ansible_connection": "ssh"}, 10)


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
