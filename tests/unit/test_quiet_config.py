"""The parts ``watch``, ``inhibit`` and ``maintenance`` of fettle.yaml, and ``grouping.flapping``."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

import bot
from bot.config import examine
from bot.domain.grouping import Flapping
from bot.domain.inhibition import Matcher
from bot.domain.signal import Severity
from bot.domain.watch import Told
from bot.schema.document import Problems, Spot
from bot.schema.inhibit import read_inhibit
from bot.schema.maintenance import read_maintenance
from bot.schema.table import Table
from bot.schema.watch import read_watch

T = TypeVar("T")


def read(text: str, reader: Callable[[Table], T]) -> tuple[T, list[str]]:
    problems = Problems()
    node = yaml.compose(text)
    assert node is not None
    found = reader(Table(node, Spot(problems, "fettle.yaml")))
    return found, [f"{one.line}: {one.text}" for one in sorted(problems.errors)]


def test_a_watched_channel_needs_to_know_whose_messages_are_alerts() -> None:
    (first, second), errors = read(
        """
watch:
  - {channel: monitoring, from: Alertmanager}
  - channel: C0123456789
    from: [B0123456789, A0123456789]
    shape: every
    name: all
    pattern: '(?P<status>DOWN|UP) (?P<service>\\w+) (?P<name>\\w+)'
    resolved: [UP, fine]
    service: website
    severity: info
    environment: staging
    services: {Web Shop: shop}
""",
        read_watch,
    )
    assert errors == []
    assert (first.channel, first.senders, first.every, first.name, first.pattern) == (
        *("#monitoring", ("Alertmanager",)),
        *(False, Told.TITLE, None),
    )
    assert (second.channel, second.every, second.name, second.resolved) == (
        *("C0123456789", True),
        *(Told.ALL, ("up", "fine")),
    )
    assert (second.service, second.severity, second.environment) == ("website", Severity.INFO, "staging")
    assert second.source.services == {"web shop": ("shop",)}
    assert second.pattern is not None
    assert second.pattern.search("down shop x")
    assert first.listens_to("B1", "alertmanager")
    assert not first.listens_to("", "B1")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- {channel: '#x'}", "watch[0].from is missing"),
        ("- {from: B1}", "watch[0].channel is missing"),
        ("- {channel: '#x', from: B1, pattern: '('}", "is no pattern"),
        ("- {channel: '#x', from: B1, pattern: '(a+)+'}", "can take for ever"),
        ("- {channel: '#x', from: B1, pattern: '(?P<host>a)'}", "host: the groups are environment"),
        ("- {channel: '#x', from: B1, shape: some}", "expected one of known, every"),
        ("- {channel: '#x', from: B1, bots: x}", "bots is not a key"),
        ("x", "expected a list"),
    ],
)
def test_what_is_wrong_with_a_watch_is_said_with_its_place(text: str, error: str) -> None:
    _, errors = read(f"watch:\n  {text}", read_watch)
    assert any(error in one for one in errors), errors


def test_inhibition_is_written_as_in_alertmanager() -> None:
    (rule, named), errors = read(
        """
inhibit:
  - source_matchers: [alertname=NodeDown, 'severity = "critical"']
    target_matchers: [severity=~warning|info]
    equal: [cluster]
  - {name: the shop, source_matchers: a=b, target_matchers: c!=d, equal: service}
""",
        read_inhibit,
    )
    assert errors == []
    assert rule.source == (Matcher("alertname", "=", "NodeDown"), Matcher("severity", "=", "critical"))
    assert (rule.name, rule.target, rule.equal) == (
        "NodeDown and critical",
        (Matcher("severity", "=~", "warning|info"),),
        ("cluster",),
    )
    assert named.name == "the shop"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- {source_matchers: [a=b]}", "target_matchers has nothing in it"),
        ("- {source_matchers: [], target_matchers: [a=b]}", "source_matchers has nothing in it"),
        ("- {source_matchers: [NodeDown], target_matchers: [a=b]}", "is no condition"),
        ("- {source_matchers: ['a=~(']   , target_matchers: [a=b]}", "is no pattern"),
        ("- {source_matchers: [a=b], target_matchers: [a=b], source_match: x}", "source_match is not a key"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(text: str, error: str) -> None:
    _, errors = read(f"inhibit:\n  {text}", read_inhibit)
    assert any(error in one for one in errors), errors


def test_a_window_is_once_or_by_the_clock() -> None:
    (once, weekly), errors = read(
        """
maintenance:
  - services: [payment, ledger]
    from: 2026-11-21T20:00:00Z
    until: 2026-11-21T22:00:00+01:00
    who: Ada
    why: the database is upgraded
  - name: patches
    services: "*"
    every: 0 3 * * sun
    for: 2h
    who: the platform team
    why: hosts are patched
    alerts: join
""",
        read_maintenance,
    )
    assert errors == []
    assert (once.name, once.start, once.end, once.joins) == (
        *("the database is upgraded", datetime(2026, 11, 21, 20, tzinfo=UTC)),
        *(datetime(2026, 11, 21, 21, tzinfo=UTC), False),
    )
    assert (weekly.name, weekly.lasts, weekly.joins, weekly.services) == (
        *("patches", timedelta(hours=2)),
        *(True, ("*",)),
    )


COMMON = "services: x, who: Ada, why: work"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- {who: Ada, why: x, every: 0 3 * * sun, for: 1h}", "services is missing"),
        (f"- {{{COMMON}}}", "from is missing"),
        (f"- {{{COMMON}, from: 2026-11-21T20:00:00Z, until: 2026-11-21T20:00:00Z}}", "until is not after from"),
        (f"- {{{COMMON}, every: 0 3 * * sun}}", "for is missing"),
        (f"- {{{COMMON}, every: 0 25 * * sun, for: 1h}}", "hour “25” is not within 0 to 23"),
        (f"- {{{COMMON}, every: 0 3 * * sun, for: 9d}}", "from 60 to 604800 seconds"),
        (f"- {{{COMMON}, every: 0 3 * * sun, for: 1h, until: x}}", "until is not a key"),
        ("- {services: x, every: 0 3 * * sun, for: 1h}", "who is missing"),
    ],
)
def test_what_is_wrong_with_a_window_is_said(text: str, error: str) -> None:
    _, errors = read(f"maintenance:\n  {text}", read_maintenance)
    assert any(error in one for one in errors), errors


def test_the_whole_file_is_read_and_an_unknown_service_is_odd(tmp_path: Path) -> None:
    (tmp_path / "fettle.yaml").write_text(
        """
channels: {alerts: alerts}
roles: {senior: {users: [U0SENIOR]}}
grouping: {flapping: {times: 4, within: 2h, quiet: 1h}}
watch: [{channel: "#monitoring", from: Alertmanager, services: {Web Shop: shop}}]
inhibit: [{source_matchers: [a=b], target_matchers: [c=d], equal: [e]}]
maintenance: [{services: [shpo], every: 0 3 * * sun, for: 1h, who: Ada, why: x}]
""",
        encoding="utf-8",
    )
    (tmp_path / "catalogue.yaml").write_text("services: {shop: {title: Shop}}\n", encoding="utf-8")
    config, problems = examine(tmp_path)
    assert problems.errors == set()
    assert config.house.grouping.flapping == Flapping(4, timedelta(hours=2), timedelta(hours=1))
    assert (len(config.house.inhibit), len(config.house.maintenance)) == (1, 1)
    assert config.watch[0].source.services_of("web shop") == config.watch[0].source.services_of("SHOP") == ("shop",)
    assert any("the catalogue has no “shpo”; did you mean “shop”?" in one for one in config.warnings)


def test_what_the_starter_shows_can_be_uncommented(tmp_path: Path) -> None:
    starter = Path(bot.__file__).parent / "starter"
    shutil.copytree(starter, tmp_path / "fettle")
    shown = (starter / "fettle.yaml").read_text(encoding="utf-8")
    parts = re.findall(r"(?:^|\n)(# (?:watch|inhibit|maintenance):\n(?:#.*\n)+)", shown)
    assert len(parts) == 3
    more = [re.sub(r"^# ?", "", part, flags=re.MULTILINE) for part in parts]
    (tmp_path / "fettle" / "fettle.yaml").write_text("\n".join([shown, *more]), encoding="utf-8")
    config, problems = examine(tmp_path / "fettle")
    assert problems.errors == set()
    assert (len(config.watch), len(config.house.inhibit), len(config.house.maintenance)) == (2, 1, 2)
