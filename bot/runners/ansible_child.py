"""The process that carries out one Ansible run: it outlives Fettle, ends what the run started, and records the end.

Fettle writes one line of JSON to its standard input and reads lines of JSON from its standard output: ``refused``,
``begun``, ``progress`` and at last ``end``. Nobody has to be listening. A dry run, which nobody needs once Fettle is
gone, ends when its standard input does.
"""

import json
import os
import select
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.domain.run import RunResult, RunState
from bot.errors import RunnerError
from bot.runners import processes
from bot.runners.ansible_events import Account
from bot.runners.output import Redaction, kept
from bot.runners.record import SCRATCH, Records, encode

GRACE_SECONDS = 3.0
REASON = 800
GUARD = Path(__file__).with_name("ansible_guard")
OVER = b"\0"


@dataclass(frozen=True, slots=True)
class Order:
    """What Fettle asks for. ``run_id`` is empty for a dry run; ``inventory`` has each host's variables."""

    run_id: str
    playbook: str
    actions_dir: str
    state_dir: str
    inventory: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]
    timeout_seconds: float
    home: str
    total: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def dry(self) -> bool:
        """Whether nothing may change."""
        return not self.run_id


def main() -> None:
    """Carry out the order on standard input."""
    line = sys.stdin.buffer.readline()
    if line.endswith(b"\n"):
        Child(Order(**json.loads(line))).carry_out()


class Child:
    """One run."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._hide = Redaction(order.secrets.values())
        self._account = Account(self._hide, dry=order.dry)
        self._records = Records(Path(order.state_dir))
        self._listening = True
        self._stopped_as: RunState | None = None
        self._left: tuple[str, ...] = ()
        self._over = threading.Event()
        self._began = time.monotonic()

    def carry_out(self) -> None:
        """Run it to its end, however it ends."""
        # A wake-up pipe, because a handler that took a lock could wait for its own thread.
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._private = Path(tempfile.mkdtemp(prefix=SCRATCH))
        self._vault = Path(tempfile.mkdtemp(prefix=SCRATCH))
        try:
            self._begin()
            watcher = threading.Thread(target=self._watch, args=(woken,), daemon=True)
            watcher.start()
            self._play(watcher, wakes)
        except RunnerError as refusal:
            self._clear()
            self._tell({"refused": str(refusal)})
        finally:
            self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._vault, ignore_errors=True)
        shutil.rmtree(self._private, ignore_errors=True)

    def _begin(self) -> None:
        if not self._order.dry:
            self._records.begin(self._order.run_id, (str(self._private), str(self._vault)))
        processes.become_subreaper()
        self._tell({"begun": os.getpid()})

    def _play(self, watcher: threading.Thread, wakes: int) -> None:
        def over() -> None:
            self._over.set()
            os.write(wakes, OVER)
            watcher.join()

        status: int | None = None
        try:
            import ansible_runner

            arguments = self._arguments()
            if self._stopped_as is None:
                status = ansible_runner.run(**arguments).rc
        except BaseException:
            if not self._account.ended:
                self._left = processes.end(self._below, GRACE_SECONDS)
            over()
            self._finish(None, traceback.format_exc(limit=-3))
            raise
        over()
        self._finish(status, "")

    def _arguments(self) -> dict[str, Any]:
        order, private = self._order, self._private
        inventory = private / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": self._hosts()}}), encoding="utf-8")
        parameters = private / "parameters.yml"
        parameters.write_text(as_data(order.parameters), encoding="utf-8")
        line = ["-e", f"@{parameters}"]
        if order.secrets:
            secret = self._vault / "secrets.yml"
            descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(as_data(order.secrets))
            line += ["-e", f"@{secret}"]
        if order.dry:
            line += ["--check", "--diff", "-v"]
        return {
            "private_data_dir": str(private),
            "project_dir": str(Path(order.playbook).parent),
            "playbook": order.playbook,
            "inventory": str(inventory),
            "cmdline": shlex.join(line),
            "envvars": self._settings(),
            "event_handler": self._on_event,
            "quiet": True,
            "suppress_env_files": True,
            "settings": {"suppress_output_file": True},
            # An unknown host key is a refusal, not a question that nobody answers.
            "passwords": {r"continue connecting \(yes/no.*\)\?\s*$": "no"},
        }

    def _hosts(self) -> dict[str, dict[str, Any]]:
        hosts = {name: dict(variables) for name, variables in self._order.inventory.items()}
        for variables in hosts.values():
            if variables.get("ansible_connection") == "local":
                variables.setdefault("ansible_python_interpreter", sys.executable)
                variables.setdefault("ansible_remote_tmp", str(self._private / "tmp"))
        return hosts

    def _settings(self) -> dict[str, str]:
        actions = Path(self._order.actions_dir)
        own = actions / "ansible.cfg"
        settings = {
            "ANSIBLE_HOME": str(self._private / "home"),
            "ANSIBLE_CONFIG": str(own),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
            "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
        }
        if not own.is_file():
            own = self._private / "ansible.cfg"
            own.touch()
            shared = [f"{self._order.home}/.ansible", "/usr/share/ansible"]
            settings["ANSIBLE_CONFIG"] = str(own)
            settings["ANSIBLE_ROLES_PATH"] = ":".join([str(actions / "roles"), *(f"{one}/roles" for one in shared)])
            settings["ANSIBLE_COLLECTIONS_PATH"] = ":".join([str(actions), *(f"{one}/collections" for one in shared)])
        if self._order.dry:
            settings |= {"ANSIBLE_CALLBACK_PLUGINS": str(GUARD), "FETTLE_DRY_RUN": str(self._private / "guard.jsonl")}
        return settings

    def _on_event(self, event: Mapping[str, Any]) -> bool:
        begun = self._account.take(event)
        if event.get("event") == "playbook_on_start":
            # Ansible has read them: the file need not stay for as long as the run takes.
            shutil.rmtree(self._vault, ignore_errors=True)
        if begun is not None:
            self._tell({"progress": [self._account.begun, self._order.total, begun]})
        return False

    def _watch(self, woken: int) -> None:
        """Wait for the end, the limit, a signal, or (in a dry run) Fettle's own end; then end the run's processes."""
        deadline = self._began + self._order.timeout_seconds
        ears = [woken, 0] if self._order.dry else [woken]
        ready = select.select(ears, [], [], max(deadline - time.monotonic(), 0.0))[0]
        if self._over.is_set():
            return
        self._stopped_as = RunState.CANCELLED if ready else RunState.TIMED_OUT
        while not self._over.is_set():
            self._left = processes.end(self._below, GRACE_SECONDS)
            self._over.wait(processes.PAUSE_SECONDS)

    def _below(self) -> list[processes.Process]:
        return processes.descendants(os.getpid(), processes.processes())

    def _finish(self, status: int | None, broken: str) -> None:
        state, reason = self._verdict(status, broken)
        account = self._account
        if account.left_out:
            reason = f"{reason} ({account.left_out} more tasks are not listed)".strip()
        result = RunResult(
            state=state,
            tasks=account.tasks,
            seconds=round(time.monotonic() - self._began, 3),
            output=account.output,
            exit_status=status,
            reason=kept(self._hide(reason), REASON),
        )
        self._clear()
        if not self._order.dry:
            self._records.end(self._order.run_id, result)
        self._tell({"end": encode(result), "blind": account.blind})

    def _verdict(self, status: int | None, broken: str) -> tuple[RunState, str]:
        account = self._account
        held_back = self._held_back()
        if held_back:
            return RunState.FAILED, held_back
        if account.ended:
            late = "it had finished before it could be stopped" if self._stopped_as else ""
            if account.failed_hosts or status not in (0, None):
                return RunState.FAILED, account.failure or f"ansible-playbook ended with status {status}"
            if not account.touched:
                hosts = ", ".join(self._order.inventory)
                return RunState.FAILED, f"the playbook is for none of the targets ({hosts}), so nothing was done"
            return RunState.SUCCEEDED, late
        if self._stopped_as:
            return self._stopped_as, self._why_stopped(self._stopped_as)
        if broken:
            return RunState.UNKNOWN, f"the runner itself broke, and what Ansible had begun was ended: {broken}"
        return (
            RunState.FAILED,
            f"Ansible gave up: {kept(account.output, REASON - 100) or f'status {status}, no output'}",
        )

    def _why_stopped(self, state: RunState) -> str:
        limit = f"it took longer than its limit of {self._order.timeout_seconds:g} s and was ended"
        reasons = [limit if state is RunState.TIMED_OUT else "it was stopped on request"]
        doing = self._account.tasks[-1].name if self._account.tasks else ""
        reasons.append(f"the last task that had finished was “{doing}”" if doing else "no task had finished")
        if self._left:
            reasons.append(f"these processes could not be ended: {', '.join(self._left)}")
        remote = [name for name, of in self._order.inventory.items() if of.get("ansible_connection") != "local"]
        if remote:
            reasons.append(f"what had begun on {', '.join(remote)} may go on there")
        return "; ".join(reasons)

    def _held_back(self) -> str:
        notes = self._private / "guard.jsonl"
        for line in notes.read_text(encoding="utf-8").splitlines() if notes.exists() else ():
            note = json.loads(line)
            if not note["reads"]:
                return (
                    f"the task “{note['task']}” says check_mode: false, so a dry run would really run it; it was ended "
                    "before that. If the task only reads, say changed_when: false in the playbook as well"
                )
            self._account.note_blind(
                f"task “{note['task']}”: really runs in a dry run, too; its playbook says that it changes nothing"
            )
        return ""

    def _tell(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while self._listening and data:
            try:
                data = data[os.write(1, data) :]
            except OSError:  # Fettle is gone; the record tells the next one
                self._listening = False


def as_data(variables: Mapping[str, Any]) -> str:
    """The variables as YAML in which no text is a template, whatever stands in it.

    The mapping is marked, not each text: below a mark of its own, ansible-core guesses a text's type again ("2.30").
    """
    return "!unsafe\n" + yaml.safe_dump(dict(variables), allow_unicode=True)
