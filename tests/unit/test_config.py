import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.config import examine, load
from bot.domain.action import Parameter, Watch
from bot.domain.cause import CauseKind
from bot.domain.guide import Expect
from bot.domain.past import Moment
from bot.domain.reading import Folder
from bot.domain.source import Bearer, Hmac, Open, Place
from bot.errors import ConfigError
from tests.house import ROOT

HOUSE = """
zone: Europe/Vienna
channels: {alerts: alerts, approvals: C0123456789}
roles:
  approver: {users: [U0APPROVER], groups: [S0APPROVERS]}
  senior: {users: [U0SENIOR]}
escalation: {after: 90s, role: senior}
approvals: {expire_after: 2h}
grouping: {window: 5m, storm_after: 20}
search: {window: 15m, step: 1s}
webhooks:
  alertmanager: {service_labels: app}
  generic:
    uptime:
      auth: hmac
      secret: FETTLE_WEBHOOK_SECRET_UP
      header: X-Sign
      prefix: ""
      map:
        items: $.checks
        name: check.name
        service: {path: "tags[0].service", default: website}
        labels: {region: check.region}
    open: {auth: none, map: {name: a, service: b, kind: change, facts: {version: v}}}
knowledge: {folders: [runbooks]}
"""
CATALOGUE = """
hosts:
  pay-1: {ansible_connection: local, port: 9}
services:
  shop: {calls: [payment], url: "http://shop"}
  payment:
    title: Payment
    hosts: [pay-1]
    url: http://payment
    indicators:
      - {name: pool, query: pool_used, kind: pool, role: resource, unit: connections, limit: 18, floor: 0.5}
"""
ACTION = """
name: rollback_deploy
version: 3
title: Roll {service} back to {to}
runner: ansible
playbook: playbooks/rollback.yml
parameters:
  to: {type: string, pattern: "v[0-9.]+", description: the version to go back to}
class: changing
requires: approver
rollback: {action: rollback_deploy, parameters: {to: "{from}"}}
verify: {wait_seconds: 20, metrics: [{indicator: pool, better: lower}]}
secrets: [db_password]
"""
GUIDE = """
name: pool_leak
version: 1
title: Pool exhausted
service: payment
matches: {cause_kinds: [pool], alerts: [PoolExhausted]}
runbook: runbooks/pool.md#restart
steps:
  - {title: Look, kind: http, run: /pool, on: payment, expect: {path: $.used, below: 18, unit: connections}}
  - {title: Go back, kind: action, action: rollback_deploy, parameters: {to: "{deploy.previous}"}}
  - {title: Tell them, kind: manual}
"""
PAST = """
id: INC-7
title: Pool exhausted
service: shop
started_at: 2026-03-04T09:12:00Z
ended_at: 2026-03-04T11:58:00+01:00
cause_kind: pool
cause_service: payment
indicator: pool
cause_text: A connection was never given back.
fix: Rolled back.
held: true
symptoms: [slow]
timeline: [{at: 2026-03-04T09:12:00Z, text: first alert}]
sample: true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole configuration that is right."""
    files = {
        "fettle.yaml": HOUSE,
        "catalogue.yaml": CATALOGUE,
        "actions/rollback.yaml": ACTION,
        "actions/playbooks/rollback.yml": "- hosts: all",
        "guides/pool.yaml": GUIDE,
        "runbooks/pool.md": "# Pool",
        "incidents/7.yaml": PAST,
    }
    home = tmp_path / "config"
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def errors(folder: Path) -> list[str]:
    return [str(one) for one in sorted(examine(folder)[1].errors)]


def test_everything_is_read(folder: Path) -> None:
    config = load(folder)
    house = config.house
    assert (house.alerts_channel, house.approvals_channel, house.zone) == ("#alerts", "C0123456789", "Europe/Vienna")
    assert (house.escalate_after, house.approval_expires_after, house.search_window, house.search_step) == (
        90,
        7200,
        900,
        1,
    )
    assert house.grouping.window == timedelta(minutes=5)
    assert house.grouping.paths == {"shop": frozenset({"payment"}), "payment": frozenset()}
    assert config.roles["approver"].users == ("U0APPROVER",)
    assert config.roles["approver"].groups == ("S0APPROVERS",)
    assert config.knowledge == (Folder("runbooks", str(folder / "runbooks")),)
    payment = config.catalogue.services["payment"]
    assert payment.hosts == ("pay-1",)
    assert config.catalogue.hosts["pay-1"] == {"ansible_connection": "local", "port": 9}
    pool = payment.indicator("pool")
    assert pool is not None
    assert (pool.kind, pool.role, pool.limit, pool.floor, pool.bad) == (CauseKind.POOL, "resource", 18, 0.5, "high")
    action = config.actions["rollback_deploy"]
    assert action.label == "rollback_deploy 3"
    assert action.parameters == {"to": Parameter("string", "the version to go back to", "v[0-9.]+")}
    assert action.verify.metrics == (Watch("pool", "lower"),)
    assert action.rollback is not None
    assert action.rollback.parameters == {"to": "{from}"}
    [guide] = config.guides
    assert guide.steps[0].expect == Expect(path="$.used", below=18.0, unit="connections")
    assert (guide.steps[0].on, guide.cause_kinds, guide.source) == ("payment", ("pool",), "guides/pool.yaml")
    [past] = config.past
    assert past.ended_at == datetime(2026, 3, 4, 10, 58, tzinfo=UTC)
    assert past.timeline == (Moment(datetime(2026, 3, 4, 9, 12, tzinfo=UTC), "first alert"),)
    assert past.held
    assert past.sample


def test_sources_of_deliveries(folder: Path) -> None:
    sources = load(folder).sources
    assert sources["alertmanager"].auth == Bearer("FETTLE_WEBHOOK_SECRET_ALERTMANAGER")
    assert sources["alertmanager"].service_labels == ("app",)
    assert sources["changes"].auth == Bearer("FETTLE_WEBHOOK_SECRET_CHANGES")
    assert sources["open"].auth == Open()
    assert sources["uptime"].auth == Hmac("FETTLE_WEBHOOK_SECRET_UP", "X-Sign", "")
    shape = sources["uptime"].shape
    assert shape is not None
    assert shape.items == ("checks",)
    assert shape.service == Place(("tags", 0, "service"), "website")
    assert shape.labels == {"region": Place(("check", "region"))}


def test_the_folder_that_init_writes_is_right() -> None:
    _, problems = examine(ROOT / "bot" / "starter")
    assert problems.errors == set()


def test_the_example_of_a_generic_source_is_right_once_uncommented(folder: Path) -> None:
    starter = (ROOT / "bot" / "starter" / "fettle.yaml").read_text()
    assert "\n  # generic:" in starter
    lines = starter.partition("  # generic:")[2].splitlines()
    block = "\n".join(line.replace("  # ", "  ", 1) for line in lines if line.startswith("  # "))
    (folder / "fettle.yaml").write_text(HOUSE.partition("  generic:")[0] + f"  generic:\n{block}\n")
    config = load(folder)
    assert config.sources["uptime"].auth == Hmac("FETTLE_WEBHOOK_SECRET_UPTIME")


def test_the_example_of_a_past_incident_is_right(folder: Path) -> None:
    example = (ROOT / "bot" / "starter" / "incidents" / "README.md").read_text().split("```")[1].removeprefix("yaml")
    (folder / "incidents" / "new.yaml").write_text(example)
    assert errors(folder) == []


WRONG: list[tuple[str, str, str, str]] = [
    (
        "fettle.yaml",
        "approvals: {expire_after: 2h}",
        "aprovals: {}",
        "fettle.yaml:8:1: aprovals is not a key that is known here; did you mean “approvals”?",
    ),
    (
        "fettle.yaml",
        "after: 90s",
        "after: soon",
        "escalation.after: found “soon”, expected a length of time such as 90s",
    ),
    ("fettle.yaml", "Europe/Vienna", "Europe/Wien", "expected a time zone such as Europe/Vienna"),
    ("fettle.yaml", "  senior:", "  seniors:", "roles.seniors is not a role; did you mean “senior”?"),
    ("fettle.yaml", "U0SENIOR", "kim", "fettle.yaml:6:20: roles.senior.users: found “kim”, expected a Slack user's id"),
    (
        "fettle.yaml",
        "FETTLE_WEBHOOK_SECRET_UP",
        "SLACK_BOT_TOKEN",
        "expected the name of an environment variable such as FETTLE_WEBHOOK_SECRET_UPTIME",
    ),
    (
        "fettle.yaml",
        "name: check.name",
        "nam: check.name",
        "webhooks.generic.uptime.map.name is missing; is “nam” meant to be it?",
    ),
    ("fettle.yaml", "$.checks", "$..checks", "expected a path such as event.tags[0].name"),
    ("fettle.yaml", "folders: [runbooks]", "folders: [runbook]", "there is no folder runbook"),
    (
        "fettle.yaml",
        "zone: Europe/Vienna",
        "zone: UTC\nzone: UTC",
        "fettle.yaml:3:1: zone stands here a second time, after line 2",
    ),
    (
        "catalogue.yaml",
        "calls: [payment]",
        "calls: [payments]",
        "there is no service “payments”; did you mean “payment”?",
    ),
    (
        "catalogue.yaml",
        "hosts: [pay-1]",
        "hosts: [pay-2]",
        "there is no host “pay-2” under hosts; did you mean “pay-1”?",
    ),
    ("catalogue.yaml", "kind: pool", "kind: pol", "indicators[0].kind: found “pol”, expected one of pool, disk"),
    ("catalogue.yaml", "limit: 18", "limit: .nan", "indicators[0].limit: found “.nan”, expected a number"),
    ("catalogue.yaml", "http://payment", "payment:80", "services.payment.url: found “payment:80”, expected an address"),
    (
        "actions/rollback.yaml",
        "playbooks/rollback.yml",
        "playbooks/back.yml",
        "there is no file playbooks/back.yml in actions/",
    ),
    ("actions/rollback.yaml", "playbooks/rollback.yml", "../fettle.yaml", "../fettle.yaml leaves the folder actions/"),
    (
        "actions/rollback.yaml",
        "version: 3",
        "version: 0",
        "actions/rollback.yaml:3:10: version: found “0”, expected a whole number of at least 1",
    ),
    ("actions/rollback.yaml", '"v[0-9.]+"', '"v[0-9.+"', "parameters.to.pattern is not a regular expression"),
    (
        "actions/rollback.yaml",
        "requires: approver",
        "requires: aprover",
        "found “aprover”, expected one of approver; did you mean “approver”?",
    ),
    (
        "actions/rollback.yaml",
        "{action: rollback_deploy,",
        "{action: rollback,",
        "rollback.action: there is no action “rollback”; did you mean “rollback_deploy”?",
    ),
    ("actions/rollback.yaml", '"{from}"', '"{form}"', "{form} is nothing that is known here; did you mean “from”?"),
    (
        "actions/rollback.yaml",
        "indicator: pool",
        "indicator: pools",
        "verify.metrics[0].indicator: no service has an indicator “pools”; did you mean “pool”?",
    ),
    (
        "actions/rollback.yaml",
        "class: changing",
        "class: forbidden",
        "class: found “forbidden”, expected one of changing, destructive",
    ),
    (
        "guides/pool.yaml",
        "action: rollback_deploy",
        "action: rollback_deplo",
        "there is no action “rollback_deplo”; did you mean “rollback_deploy”?",
    ),
    ("guides/pool.yaml", "{to: ", "{two: ", "steps[1].parameters: rollback_deploy needs to"),
    ("guides/pool.yaml", "{deploy.previous}", "2.4", "rollback_deploy: to must look like v[0-9.]+, and '2.4' does not"),
    (
        "guides/pool.yaml",
        "[pool]",
        "[pols]",
        "guides/pool.yaml:6:25: matches.cause_kinds: “pols” is not a kind of cause; did you mean “pool”?",
    ),
    ("guides/pool.yaml", "pool.md#restart", "pol.md", "there is no file runbooks/pol.md"),
    ("guides/pool.yaml", "on: payment", "on: paymnt", "the catalogue has no service “paymnt”; did you mean “payment”?"),
    ("guides/pool.yaml", "run: /pool", "run: POST /pool", "found POST, expected GET or HEAD"),
    ("guides/pool.yaml", "below: 18", "below: x", "steps[0].expect.below: found “x”, expected a number"),
    (
        "guides/pool.yaml",
        "path: $.used, below: 18, ",
        "",
        "expected one of below, above, equals, matches or exit_status",
    ),
    (
        "guides/pool.yaml",
        "kind: manual",
        "kind: manually",
        "found “manually”, expected one of http, command, promql, action, manual",
    ),
    (
        "incidents/7.yaml",
        "2026-03-04T11:58:00+01:00",
        "2026-03-03",
        "ended_at: found “2026-03-03”, expected a time such as",
    ),
    ("incidents/7.yaml", "held: true", "held: perhaps", "held: found “perhaps”, expected true or false"),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), WRONG, ids=[said[:50] for *_, said in WRONG])
def test_what_is_wrong_is_said_with_its_place(folder: Path, name: str, old: str, new: str, said: str) -> None:
    change(folder, name, old, new)
    found = errors(folder)
    assert any(said in one for one in found), found
    assert all(one.startswith(("fettle.yaml", "catalogue.yaml", "actions/", "guides/", "incidents/")) for one in found)


def test_every_error_of_the_folder_is_found_at_once(folder: Path) -> None:
    change(folder, "fettle.yaml", "after: 90s", "after: soon")
    change(folder, "catalogue.yaml", "kind: pool", "kind: pol")
    change(folder, "actions/rollback.yaml", "version: 3", "version: x")
    change(folder, "guides/pool.yaml", "below: 18", "below: x")
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "actions/rollback.yaml",
        "catalogue.yaml",
        "fettle.yaml",
        "guides/pool.yaml",
    ]


def test_two_actions_of_one_name_name_both_files(folder: Path) -> None:
    shutil.copy(folder / "actions" / "rollback.yaml", folder / "actions" / "second.yaml")
    assert errors(folder) == ["actions/second.yaml:2:7: name: “rollback_deploy” stands in actions/rollback.yaml too"]


def test_nobody_to_approve_is_a_warning(folder: Path) -> None:
    change(folder, "fettle.yaml", "  approver: {users: [U0APPROVER], groups: [S0APPROVERS]}\n", "")
    assert any("nobody has the role approver, so nobody can approve" in one for one in load(folder).warnings)


def test_more_approvals_than_people_is_an_error(folder: Path) -> None:
    change(folder, "fettle.yaml", ", groups: [S0APPROVERS]", "")
    change(folder, "actions/rollback.yaml", "requires: approver", "requires: approver\napprovals: 2")
    assert errors(folder) == [
        "actions/rollback.yaml:11:12: approvals: 2 are needed, and only 1 people have the role approver"
    ]


def test_services_that_call_each_other_are_fine(folder: Path) -> None:
    change(folder, "catalogue.yaml", "title: Payment", "calls: [shop]")
    assert load(folder).house.grouping.paths["payment"] == frozenset({"shop"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: [", "fettle.yaml:2:1: is not YAML"),
        ("", "fettle.yaml: is empty"),
        ("- a\n- b", "fettle.yaml:1:1: the file: found a list, expected a mapping"),
        ("a: &a [*a]", "*a stands inside itself"),
        ("a: &a {b: 1}\nc: *a\nchannels: {alerts: x}", "a is not a key that is known here"),
        ("x: " + "[" * 100 + "]" * 100, "is nested more than 30 deep"),
        ("a: 1\n---\nb: 2", "is not YAML: "),
        ("zone: !!python/object/apply:os.system [ls]", "zone: found a list, expected a text"),
        ("zone: !!python/name:os.system x", "zone: found “x”, expected a text"),
        ("? [a, b]\n: c", "found a list as a key, expected a word"),
        ("zone: \x07", "is not YAML"),
    ],
)
def test_hostile_or_broken_yaml(folder: Path, text: str, said: str) -> None:
    (folder / "fettle.yaml").write_text(text)
    assert any(said in one for one in errors(folder)), errors(folder)


def test_an_alias_bomb_is_refused(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    (folder / "fettle.yaml").write_text("\n".join(lines))
    assert any("holds more than 50000 values once its aliases are written out" in one for one in errors(folder))


def test_too_large_and_not_text(folder: Path) -> None:
    (folder / "fettle.yaml").write_text("#" * 1_000_001)
    (folder / "catalogue.yaml").write_bytes(b"\xff\xfe")
    assert errors(folder) == [
        "catalogue.yaml: is not UTF-8 text (byte 0)",
        "fettle.yaml: has 1000001 bytes, expected at most 1000000",
    ]


def test_a_missing_folder_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fettle init"):
        load(tmp_path / "nowhere")
    (tmp_path / "fettle.yml").write_text(HOUSE)
    assert errors(tmp_path) == [
        "catalogue.yaml: is missing; `fettle init` shows what belongs into " + f"{tmp_path.name}/",
        "fettle.yaml: is missing; rename fettle.yml",
    ]


WORDS = st.sampled_from(
    [
        "name",
        "version",
        "steps",
        "kind",
        "http",
        "services",
        "channels",
        "alerts",
        "roles",
        "map",
        "on",
        "1",
        ".inf",
        "~",
        "{x}",
    ]
)
VALUES = st.recursive(
    WORDS | st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        ["fettle.yaml", "catalogue.yaml", "actions/rollback.yaml", "guides/pool.yaml", "incidents/7.yaml"]
    ),
    key=WORDS | st.none(),
    value=VALUES,
)
def test_no_file_brings_it_down(folder: Path, name: str, key: str | None, value: object) -> None:
    before = (folder / name).read_text()
    (folder / name).write_text(yaml.safe_dump(value) if key is None else f"{before}\n{yaml.safe_dump({key: value})}")
    try:
        examine(folder)
    finally:
        (folder / name).write_text(before)
