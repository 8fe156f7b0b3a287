import re
from pathlib import Path

import pytest

from bot.domain.run import Call, Progress, RunState
from bot.errors import RunnerError
from bot.runners.ansible import AnsibleRunner, count
from tests.adapters.runners.conftest import LOCAL, SECRETS, TASKS, Play, unheard

CONDITION = (
    "task “only after a failure”: skipped on web-1 by its condition, which may come out otherwise once the tasks "
    "before it have really run"
)


async def test_a_run_changes_tells_and_is_remembered(
    runner: AnsibleRunner, play: Play, runs: Path, scratch: Path, heard: list[Progress], tmp_path: Path
) -> None:
    call = play(
        f"""
        - name: write the limit
          ansible.builtin.copy:
            {{content: "limit {{{{ limit }}}} {{{{ text }}}}\\n", dest: {tmp_path}/limit, mode: "0600"}}
        - name: show the secrets
          ansible.builtin.command: echo {{{{ db_password | quote }}}} {{{{ short }}}} xq7x
        - name: show one as data
          ansible.builtin.debug: {{msg: [a, "{{{{ db_password }}}}"]}}
        - name: keep what was given
          ansible.builtin.copy: {{content: "{{{{ db_password }}}}", dest: {tmp_path}/password, mode: "0600"}}
        - name: print in colour
          ansible.builtin.command: printf '\\033[31mred\\033[0m \\a\\u202ebell'
        """,
        secrets=("db_password", "short"),
        limit=50,
        text="{{ 6 * 7 }}",
    )

    async def on_progress(progress: Progress) -> None:
        heard.append(progress)

    assert await runner.status("change-1:run") is RunState.NEVER
    result = await runner.run(call, "change-1:run", on_progress)

    assert (result.state, result.exit_status, result.reason) == (RunState.SUCCEEDED, 0, "")
    assert (tmp_path / "limit").read_text(encoding="utf-8") == "limit 50 {{ 6 * 7 }}\n"
    assert (tmp_path / "password").read_text(encoding="utf-8") == SECRETS["db_password"]
    assert [(task.name, task.host, task.status) for task in result.tasks] == [
        ("write the limit", "web-1", "changed"),
        ("show the secrets", "web-1", "changed"),
        ("show one as data", "web-1", "ok"),
        ("keep what was given", "web-1", "changed"),
        ("print in colour", "web-1", "changed"),
    ]
    assert result.tasks[1].output == "[hidden] [hidden] xq7x"
    assert result.tasks[4].output == "red bell"
    assert [(one.done, one.total, one.doing) for one in heard][:2] == [
        (1, 5, "write the limit"),
        (2, 5, "show the secrets"),
    ]
    again = AnsibleRunner(tmp_path / "actions", runs, SECRETS.get)
    assert await again.status("change-1:run") is RunState.SUCCEEDED
    assert await again.result("change-1:run") == result
    with pytest.raises(RunnerError, match="was begun before"):
        await again.run(call, "change-1:run", unheard)
    assert list(scratch.iterdir()) == []
    told = repr(result) + repr(heard) + "".join(one.read_text(encoding="utf-8") for one in runs.iterdir())
    assert "kingfisher" not in told


async def test_a_dry_run_shows_differences_and_what_it_cannot_see(
    runner: AnsibleRunner, play: Play, runs: Path, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "conf").write_text("pool 20\nother 1\n", encoding="utf-8")
    call = play(
        f"""
        - name: set the pool
          ansible.builtin.copy:
            {{content: "pool 50\\nother 1\\n# {{{{ short }}}}\\n", dest: {tmp_path}/conf, mode: "0644"}}
        - name: restart payment
          ansible.builtin.command: touch {tmp_path}/restarted
        - name: tell the load balancer
          ansible.builtin.uri: {{url: "http://127.0.0.1:9/"}}
        - name: only after a failure
          ansible.builtin.file: {{path: "{tmp_path}/x", state: touch}}
          when: false
        - name: ask for the version
          ansible.builtin.command: echo 4
          check_mode: false
          changed_when: false
        - name: write it down
          ansible.builtin.shell: echo 4 > {tmp_path}/version
          args: {{creates: "{tmp_path}/version"}}
        """,
        secrets=("short",),
    )
    plan = await runner.plan(call)

    assert (plan.ok, plan.reason) == (True, "")
    assert [(task.name, task.status) for task in plan.tasks] == [
        ("set the pool", "changed"),
        ("restart payment", "skipped"),
        ("tell the load balancer", "skipped"),
        ("only after a failure", "skipped"),
        ("ask for the version", "ok"),
        ("write it down", "changed"),
    ]
    assert "-pool 20\n+pool 50\n other 1\n+# [hidden]" in plan.tasks[0].diff
    assert plan.blind == (
        "task “restart payment”: check mode skips command tasks",
        "task “tell the load balancer”: check mode skips uri tasks",
        CONDITION,
        "task “write it down”: check mode does not run shell tasks, so what this one changes is not known",
        "task “ask for the version”: really runs in a dry run, too; its playbook says that it changes nothing",
    )
    assert sorted(one.name for one in tmp_path.iterdir()) == ["actions", "conf", "t"]
    assert (list(scratch.iterdir()), runs.exists()) == ([], False)
    assert (await runner.plan(call)).tasks[0].diff == plan.tasks[0].diff


async def test_a_dry_run_ends_before_a_task_that_would_really_run(
    runner: AnsibleRunner, play: Play, actions: Path, tmp_path: Path
) -> None:
    (actions / "more.yml").write_text(
        f"- {{name: innocent, ansible.builtin.command: touch {tmp_path}/harm, check_mode: false}}\n", encoding="utf-8"
    )
    plan = await runner.plan(play('- {name: more, ansible.builtin.include_tasks: "{{ file }}"}', file="more.yml"))
    assert not plan.ok
    assert "the task “innocent” says check_mode: false" in plan.reason
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("tasks", "reason", "status"),
    [
        (
            "- {name: try, ansible.builtin.command: sh -c 'echo went wrong >&2; exit 3'}",
            r"the task “try” failed on web-1: .*went wrong",
            2,
        ),
        ("- {name: x, ansible.builtin.nosuch: }", r"Ansible gave up: .*nosuch", 4),
        ("- {name: x, ansible.builtin.command: '{{ open'}", r"template|open", 4),
    ],
)
async def test_a_failure_says_why(runner: AnsibleRunner, play: Play, tasks: str, reason: str, status: int) -> None:
    result = await runner.run(play(tasks), "r", unheard)
    assert (result.state, result.exit_status) == (RunState.FAILED, status)
    assert re.search(reason, result.reason, re.DOTALL)
    assert await runner.status("r") is RunState.FAILED


async def test_a_playbook_for_other_hosts_has_done_nothing(runner: AnsibleRunner, play: Play, actions: Path) -> None:
    call = play("- ansible.builtin.command: 'true'")
    book = actions / "play.yml"
    book.write_text(book.read_text(encoding="utf-8").replace("hosts: all", "hosts: other"), encoding="utf-8")
    result = await runner.run(call, "r", unheard)
    assert result.state is RunState.FAILED
    assert "for none of the targets (web-1)" in result.reason


async def test_long_output_is_cut_and_says_how_much(runner: AnsibleRunner, play: Play) -> None:
    call = play(
        "- {name: talk, ansible.builtin.command: \"{{ python }} -c 'print(10**5 * chr(120))'\"}", python="python3"
    )
    task = (await runner.run(call, "r", unheard)).tasks[0]
    assert 4_000 < len(task.output) < 4_100
    assert "… 96000 characters cut …" in task.output


@pytest.mark.parametrize("name", ["../out.yml", "link.yml", "{tmp}/out.yml", "", "x/../../out.yml", "missing.yml", "."])
async def test_only_playbooks_of_the_folder_are_run(
    runner: AnsibleRunner, actions: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out.yml").write_text(TASKS, encoding="utf-8")
    (actions / "link.yml").symlink_to(tmp_path / "out.yml")
    call = Call("ansible", {"playbook": name.format(tmp=tmp_path)}, {}, ("web-1",), {"web-1": LOCAL})
    with pytest.raises(RunnerError, match=r"is not inside actions/|no playbook \S+ in actions/"):
        await runner.run(call, "r", unheard)
    plan = await runner.plan(call)
    assert not plan.ok
    assert "actions/" in plan.reason
    assert await runner.status("r") is RunState.NEVER


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"secrets": ("nowhere",)}, "FETTLE_SECRET_NOWHERE"),
        ({"targets": ()}, "no target host"),
        ({"targets": ("web-1,all",)}, "not a host's name"),
        ({"targets": ("web[1:9]",)}, "not a host's name"),
        ({"parameters": {"a b": 1}}, "cannot be an Ansible variable"),
    ],
)
async def test_what_cannot_begin_is_refused(
    runner: AnsibleRunner, actions: Path, change: dict[str, object], words: str
) -> None:
    (actions / "p.yml").write_text(TASKS, encoding="utf-8")
    given: dict[str, object] = {"targets": ("web-1",), "hosts": {"web-1": LOCAL}, "parameters": {}, **change}
    call = Call("ansible", {"playbook": "p.yml"}, **given)  # type: ignore[arg-type]  # the point is each field's value
    with pytest.raises(RunnerError, match=words):
        await runner.run(call, "r", unheard)


@pytest.mark.parametrize(
    ("playbook", "tasks"),
    [
        (f"{TASKS}    - {{ping: }}\n    - {{ping: }}\n", 2),
        ("- {hosts: all, gather_facts: true, pre_tasks: [{ping: }], tasks: [{ping: }]}\n- {hosts: all, tasks: }", 3),
        ("- {hosts: all, roles: [x]}", None),
        ("- {hosts: all, tasks: [{ansible.builtin.include_tasks: x.yml}]}", None),
        ("- {hosts: all, tasks: [{block: [{ping: }]}]}", None),
        ("- import_playbook: x.yml", None),
        ("nothing", None),
        ("a: [", None),
        ("- {hosts: all, tasks: [{ping: !vault x}]}", None),
    ],
)
def test_tasks_are_counted_where_that_is_possible(tmp_path: Path, playbook: str, tasks: int | None) -> None:
    (tmp_path / "p.yml").write_text(playbook, encoding="utf-8")
    assert count(tmp_path / "p.yml") == tasks
