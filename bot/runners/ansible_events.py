"""From Ansible's events to what a person reads: tasks, differences, what a dry run could not see, the output. Pure."""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.run import Task
from bot.runners.output import Kept, kept

STATUS = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
STARTS = ("playbook_on_task_start", "playbook_on_handler_task_start")
MOST_TASKS = 400
TASK_OUTPUT = 4_000
TASK_DIFF = 8_000
ALL_TEXT = 120_000
CHECKED = "would have run if not in check mode"
# What Ansible calls its files on the way: different each time, and nobody's business.
ON_THE_WAY = re.compile(r"\S*ansible-(local|tmp)-?\S*")


class Account:
    """One run's account, told event by event. ``hide`` takes secrets out of every text that is kept."""

    def __init__(self, hide: Callable[[str], str], *, dry: bool) -> None:
        self._hide, self._dry = hide, dry
        self._output = Kept()
        self._tasks: list[Task] = []
        self._blind: dict[str, None] = {}
        self._room = ALL_TEXT
        self.left_out = 0
        self.begun = 0
        self.touched = 0
        self.ended = False
        self.failed_hosts = 0
        self.failure = ""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks so far, one for each host, in the order of their ends."""
        return tuple(self._tasks)

    @property
    def blind(self) -> tuple[str, ...]:
        """What the dry run could not see, each once, in words."""
        return tuple(self._blind)

    @property
    def output(self) -> str:
        """What Ansible printed, capped, without secrets."""
        return str(self._output).strip("\n")

    def take(self, event: Mapping[str, Any]) -> str | None:
        """Take the next event. Gives the task's name when one begins."""
        kind, data = str(event.get("event")), event.get("event_data") or {}
        printed = self._hide(str(event.get("stdout") or ""))
        if printed:
            self._output.add(printed.rstrip("\n") + "\n")
        if kind in STATUS:
            self._task(kind, data, printed)
        elif kind == "playbook_on_stats":
            self.ended = True
            self.touched = len(data.get("processed") or {})
            self.failed_hosts = len({**(data.get("failures") or {}), **(data.get("dark") or {})})
        elif kind in STARTS:
            self.begun += kind == STARTS[0]
            return self._name(data)
        return None

    def note_blind(self, words: str) -> None:
        """Add something that the dry run could not see."""
        self._blind.setdefault(self._hide(words))

    def _task(self, kind: str, data: Mapping[str, Any], printed: str) -> None:
        result = data.get("res") if isinstance(data.get("res"), dict) else {}
        result = result or {}
        changed = kind == "runner_on_ok" and result.get("changed") is True
        status = "changed" if changed else STATUS[kind]
        name, host = self._name(data), self._hide(str(data.get("host") or ""))
        said = self._hide(told(result, str(data.get("task_action") or "")))
        if kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            self.failure = f"the task “{name}” {STATUS[kind]} on {host}: {kept(said or printed, 600)}".strip(": ")
        elif kind == "runner_on_failed":
            said = f"(its failure is ignored by the playbook) {said}"
        if self._dry:
            self._see(name, host, kind, data, result, printed)
        if len(self._tasks) >= MOST_TASKS:
            self.left_out += 1
            return
        diff = self._hide(difference(result))
        seconds = float(data.get("duration") or 0.0)
        self._tasks.append(Task(name, host, status, seconds, self._fit(said, TASK_OUTPUT), self._fit(diff, TASK_DIFF)))

    def _see(
        self, name: str, host: str, kind: str, data: Mapping[str, Any], result: Mapping[str, Any], printed: str
    ) -> None:
        action = str(data.get("task_action") or "this kind of").removeprefix("ansible.builtin.")
        if kind == "runner_on_skipped":
            if "false_condition" in printed or "Conditional result was False" in printed:
                if self._blind:
                    self.note_blind(
                        f"task “{name}”: skipped on {host} by its condition, which may come out otherwise once "
                        "the tasks before it have really run"
                    )
            elif "No items in the list" not in printed:
                self.note_blind(f"task “{name}”: check mode skips {action} tasks")
        elif any(CHECKED in str(one.get("msg")) for one in (result, *_items(result))):
            self.note_blind(
                f"task “{name}”: check mode does not run {action} tasks, so what this one changes is not known"
            )
        elif (
            kind == "runner_on_ok"
            and result.get("changed") is True
            and result.get("diff") is None
            and not _items(result)
        ):
            self.note_blind(f"task “{name}”: would change something on {host}, and {action} tasks do not show what")
        elif "censored" in result and result.get("changed") is not False:
            self.note_blind(f"task “{name}”: its playbook hides what it does (no_log)")

    def _name(self, data: Mapping[str, Any]) -> str:
        return kept(self._hide(str(data.get("task") or data.get("name") or "a task")), 200)

    def _fit(self, text: str, limit: int) -> str:
        fitting = kept(text, limit) if self._room > limit else kept(text, max(self._room, 0)) if text else ""
        self._room -= len(fitting)
        return fitting


def told(result: Mapping[str, Any], action: str) -> str:
    """What a task says of itself: its message, and what its program printed."""
    if "censored" in result:
        return "(hidden by the playbook: no_log)"
    if _items(result):
        lines = ((one.get("_ansible_item_label", one.get("item", "")), told(one, action)) for one in _items(result))
        return "\n".join(f"{label}: {said}" for label, said in lines if said)
    parts = [result.get(key) for key in ("msg", "stdout", "stderr", "module_stdout", "module_stderr", "content")]
    said = [one if isinstance(one, str) else json.dumps(one) for one in parts if one]
    if not said and action.endswith("debug"):
        shown = {k: v for k, v in result.items() if not k.startswith("_") and k not in ("changed", "failed")}
        said = [f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in shown.items()]
    return "\n".join(dict.fromkeys(one.strip("\n") for one in said if one.strip()))


def _items(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = result.get("results")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def difference(result: Mapping[str, Any]) -> str:
    """What a task changes, as a unified difference; the same change gives the same text each time."""
    found = [one for part in (result, *_items(result)) for one in _differences(part.get("diff"))]
    return "\n".join(one for one in found if one)


def _differences(diff: object) -> list[str]:
    listed = diff if isinstance(diff, list) else [diff]
    return [_one(one) for one in listed if isinstance(one, dict)]


def _one(diff: Mapping[str, Any]) -> str:
    if diff.get("prepared"):
        return str(diff["prepared"]).rstrip("\n")
    before, after = (_lines(diff.get(side)) for side in ("before", "after"))
    headers = [
        "" if ON_THE_WAY.search(header) else header
        for header in (str(diff.get("before_header") or ""), str(diff.get("after_header") or ""))
    ]
    title = next((header for header in headers if header), "")
    lines = difflib.unified_diff(before, after, f"before {title}".strip(), f"after {title}".strip(), lineterm="", n=2)
    return "\n".join(lines)


def _lines(side: object) -> list[str]:
    if side is None:
        return []
    text = side if isinstance(side, str) else json.dumps(side, indent=1, sort_keys=True)
    return text.splitlines()
