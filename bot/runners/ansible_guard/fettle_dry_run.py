"""A plugin that Ansible loads during a dry run: it ends the run before a task that check mode would not hold back.

``check_mode: false`` makes a task really run under ``--check``. With ``changed_when: false`` its author says that it
only reads, which is let through and told to the approver. Everything else would change something unasked.
"""

import json
import os
import signal
from pathlib import Path
from typing import Protocol

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]  # Ansible publishes no types


class _Task(Protocol):
    """What is looked at of Ansible's task. ``check_mode`` is a text where the playbook has a template there."""

    check_mode: bool | str | None
    changed_when: list[object]

    def get_name(self) -> str:
        """Its name, with its role's."""
        ...


class CallbackModule(CallbackBase):  # type: ignore[misc]  # its base is untyped
    """Writes what it saw as JSON lines into the file that ``FETTLE_DRY_RUN`` names."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "fettle_dry_run"
    CALLBACK_NEEDS_ENABLED = False

    def set_options(self, task_keys: object = None, var_options: object = None, direct: object = None) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._notes = Path(self.get_option("notes"))

    def v2_playbook_on_task_start(self, task: _Task, is_conditional: bool) -> None:  # noqa: ARG002, FBT001  # Ansible's own signature
        self._look(task)

    def v2_playbook_on_handler_task_start(self, task: _Task) -> None:
        self._look(task)

    def _look(self, task: _Task) -> None:
        if task.check_mode is True:
            return
        reads = task.changed_when == [False]
        with self._notes.open("a", encoding="utf-8") as notes:
            notes.write(json.dumps({"task": task.get_name(), "reads": reads}) + "\n")
        if not reads:
            # An exception in a plugin is only a warning to Ansible; its own handler for this signal ends it here,
            # before the task is handed to a worker.
            os.kill(os.getpid(), signal.SIGTERM)


DOCUMENTATION = """
name: fettle_dry_run
type: notification
short_description: ends a dry run before a task that would really run
description: Fettle's guard for dry runs.
options:
  notes:
    description: the file to write to
    required: true
    env:
      - name: FETTLE_DRY_RUN
"""
