import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.config import Config, load
from bot.demo.configuration import SHIPPED, write_config
from bot.demo.rules import RULES
from bot.domain.cause import CauseKind
from bot.domain.passage import Band, DocumentKind
from bot.domain.remembered import document_of
from bot.errors import ConfigError
from bot.workspace.seed import Seed
from knowledge.chunks import read, split
from knowledge.library import Knowledge
from tests.house import ROOT

PLAIN_SELECTOR = r'[a-z0-9_]+\{[a-z]+="[a-z]+"(,[a-z]+="[a-z]+")*\}'


def here(folder: Path) -> dict[str, object]:
    """A world's line, as far as the configuration needs it."""
    hosts = {
        name: {
            "service": service,
            "host_dir": str(folder / "world" / "host" / name),
            "supervisor_url": "http://127.0.0.1:4001",
            "service_url": f"http://127.0.0.1:{port}",
        }
        for name, service, port in (("pay-01", "payment", 4002), ("shop-01", "shop", 4003))
    }
    return {"control": "http://127.0.0.1:4001", "hosts": hosts}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(here(tmp_path), tmp_path / "demo" / "config"))


def test_what_is_shipped_is_right_and_nothing_in_it_is_odd() -> None:
    assert load(SHIPPED).warnings == ()


def test_hosts_and_addresses_are_those_of_the_world(config: Config, tmp_path: Path) -> None:
    assert config.catalogue.services["payment"].url == "http://127.0.0.1:4002"
    assert config.catalogue.services["shop"].url == "http://127.0.0.1:4003"
    pay = config.catalogue.hosts["pay-01"]
    assert pay["host_dir"] == str(tmp_path / "world" / "host" / "pay-01")
    assert pay["supervisor_url"] == "http://127.0.0.1:4001"
    assert pay["ansible_connection"] == "local"
    assert config.warnings == ()


def test_everything_but_the_places_is_as_shipped(config: Config) -> None:
    shipped = load(SHIPPED)
    assert (config.guides, config.actions, config.past) == (shipped.guides, shipped.actions, shipped.past)
    for name, service in shipped.catalogue.services.items():
        assert config.catalogue.services[name].indicators == service.indicators


def test_writing_again_replaces_what_an_earlier_start_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    write_config(here(tmp_path), folder)
    stale = folder / "guides" / "of_an_older_version.yaml"
    stale.write_text("name: [")
    write_config(here(tmp_path), folder)
    assert not stale.exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "holiday.jpg"
    mine.touch()
    with pytest.raises(ConfigError, match="left alone"):
        write_config(here(tmp_path), tmp_path)
    assert mine.exists()


def test_a_world_without_one_of_the_hosts_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no host pay-01"):
        write_config({"hosts": {}}, tmp_path / "config")


def test_roles_are_those_of_the_local_workspace(config: Config) -> None:
    people = {person.id: person.title for person in Seed().people}
    members = {role: [people[user] for user in one.users] for role, one in config.roles.items()}
    assert members == {
        "responder": ["Junior engineer"],
        "senior": ["Senior engineer"],
        "approver": ["Approver"],
        "manager": ["Manager"],
    }
    assert {"#" + channel.name for channel in Seed().channels} == {
        config.house.alerts_channel,
        config.house.approvals_channel,
    }


def test_every_query_is_one_that_the_embedded_recorder_can_answer(config: Config) -> None:
    queries = [one.query for service in config.catalogue.services.values() for one in service.indicators]
    queries += [step.run for guide in config.guides for step in guide.steps if step.kind == "promql"]
    queries += [rule.selector for rule in RULES]
    assert [query for query in queries if not re.fullmatch(PLAIN_SELECTOR, query)] == []


def test_every_rule_is_about_an_indicator_and_its_limit(config: Config) -> None:
    for rule in RULES:
        indicators = {one.query: one.limit for one in config.catalogue.services[rule.service].indicators}
        assert indicators[rule.selector] == rule.limit, rule.name


def test_every_kind_of_trouble_has_one_guide_and_each_alert_at_most_one(config: Config) -> None:
    kinds = {
        name: sorted(kind for guide in config.guides if guide.service == name for kind in guide.cause_kinds)
        for name in config.catalogue.services
    }
    assert kinds["payment"] == sorted(set(CauseKind) - {CauseKind.CERTIFICATE})
    assert kinds["shop"] == sorted({CauseKind.ERRORS, CauseKind.CHANGE, CauseKind.BEHAVIOUR, CauseKind.CERTIFICATE})
    alerts = [alert for guide in config.guides for alert in guide.alerts]
    assert len(alerts) == len(set(alerts))
    assert set(alerts) <= {rule.name for rule in RULES}


def test_every_guide_names_a_section_of_its_runbook_that_is_there(config: Config) -> None:
    for guide in config.guides:
        path, _, anchor = guide.runbook.partition("#")
        document, warning = read(path, (config.folder / path).read_text(encoding="utf-8"))
        assert not warning
        anchors = [heading.anchor for section in split(document) for heading in section.headings]
        assert anchor in anchors, guide.runbook


def test_past_incidents_say_that_they_are_samples_and_that_they_are_over(config: Config) -> None:
    assert len(config.past) >= 6
    assert all(one.sample and one.ended_at > one.started_at and one.held is not None for one in config.past)
    assert {(one.cause_service, one.cause_kind) for one in config.past} >= {
        ("payment", "pool"),
        ("payment", "disk"),
        ("payment", "latency"),
        ("shop", "change"),
        ("shop", "certificate"),
    }


@pytest.fixture
async def knowledge(tmp_path: Path) -> Knowledge:
    config = load(SHIPPED)
    found = Knowledge(tmp_path / "knowledge")
    await found.index(config.knowledge)
    for past in config.past:
        await found.put(document_of(past))
    return found


async def test_alerts_and_causes_find_their_sections_and_their_like(knowledge: Knowledge) -> None:
    def alert(name: str) -> str:
        return next(f"{rule.name} {rule.summary}" for rule in RULES if rule.name == name)

    asked = {
        alert("PaymentPoolSaturated"): ("runbooks/payment.md#pool-exhausted", "INC-2026-014"),
        alert("PaymentDiskFull"): ("runbooks/payment.md#disk-full", "INC-2026-029"),
        alert("PaymentErrorsHigh"): ("runbooks/payment.md#errors-and-nothing-else", None),
        alert("ShopErrorsHigh"): ("runbooks/shop.md#checkout-errors", None),
        alert("ShopLatencyHigh"): ("runbooks/shop.md#checkout-slow", "INC-2026-033"),
        alert("ShopCertificateEndsSoon"): ("runbooks/certificates.md#the-shops-certificate-ends-soon", "INC-2026-018"),
        "Shop fails after a flag was switched": ("runbooks/shop.md#a-flag-makes-checkouts-fail", "INC-2026-050"),
        "Payment's connection pool is exhausted": ("runbooks/payment.md#pool-exhausted", None),
        "Payment's disk is full": ("runbooks/payment.md#disk-full", "INC-2026-029"),
        "Payment answers slowly, ledger's lock": ("runbooks/payment.md#slow-payments", "INC-2026-033"),
        "How do I roll back payment?": ("runbooks/payment.md#roll-back-a-release", None),
        "Who do I call at night?": ("runbooks/on-call.md#call-somebody", None),
    }
    for question, (section, like) in asked.items():
        pages = await knowledge.search(question, kind=DocumentKind.RUNBOOK, limit=1)
        assert pages.band is Band.FOUND, (question, pages.reason)
        best = pages.passages[0]
        assert f"{best.document}#{best.anchor}" == section, question
        past = await knowledge.search(question, kind=DocumentKind.INCIDENT, limit=3)
        if like:
            assert past.passages[0].document == f"incidents/{like}", question
    assert (await knowledge.search("what is the wifi password")).band is Band.NONE
    await knowledge.close()


def test_the_playbooks_are_sound_for_ansible_itself(tmp_path: Path) -> None:
    playbooks = sorted((SHIPPED / "actions" / "playbooks").glob("*.yml"))
    assert len(playbooks) == 6
    program = shutil.which("ansible-playbook", path=str(Path(sys.executable).parent)) or "ansible-playbook"
    done = subprocess.run(
        [program, "--syntax-check", "-i", "pay-01,", *map(str, playbooks)],
        cwd=ROOT, env={"PATH": str(Path(sys.executable).parent), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_nothing_of_this_machine_is_shipped() -> None:
    for file in SHIPPED.rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            assert str(ROOT) not in text, file
            assert not re.search(r"/(home|Users|root|tmp)/", text), file
    hosts = yaml.safe_load((SHIPPED / "catalogue.yaml").read_text(encoding="utf-8"))["hosts"]
    assert all("ansible_python_interpreter" not in host for host in hosts.values())
