"""What one file of the configuration says about another: names that must exist, parameters that must fit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.action import Action, Parameter, bind
from bot.domain.catalogue import Catalogue, Service
from bot.domain.guide import Guide, Step
from bot.domain.maintenance import EVERY_SERVICE
from bot.domain.past import PastIncident
from bot.domain.policy import RoleMembers
from bot.errors import Refused
from bot.schema.document import Spot
from bot.schema.table import Table, near

# What a guide's texts may refer to besides an action's own parameters, see skills/remediation.
FACTS = frozenset(
    {"service", "deploy.version", "deploy.previous", "flag.name", "flag.state", "flag.previous", "from", "host"}
)
READING = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Everything:
    """The whole configuration, each part with the mapping that it was read from."""

    catalogue: Catalogue
    actions: Mapping[str, tuple[Action, Table]]
    guides: Sequence[tuple[Guide, Table]]
    past: Sequence[tuple[PastIncident, Table]]
    roles: Mapping[str, RoleMembers]


def check_links(every: Everything) -> None:
    """Note everything that refers to nothing or does not fit what it refers to."""
    for action, table in every.actions.values():
        _action(action, table, every)
    for guide, table in every.guides:
        _service(guide.service, table.place("service"), every.catalogue)
        for step, inner in zip(guide.steps, table.tables("steps"), strict=False):
            _step(step, inner, guide, every)
    for past, table in every.past:
        for key, name in (("service", past.service), ("cause_service", past.cause_service)):
            service = every.catalogue.services.get(name)
            if service is None:
                table.place(key).warn(
                    f"{key}: the catalogue has no service “{name}”{near(name, every.catalogue.services)}"
                )
            elif key == "cause_service" and past.indicator and service.indicator(past.indicator) is None:
                table.place("indicator").warn(f"indicator: {name} has no indicator “{past.indicator}”")


def check_windows(house: Table, catalogue: Catalogue) -> None:
    """Note each service of a maintenance window that the catalogue does not have: its alerts would not be held back."""
    for window in house.tables("maintenance"):
        for name, spot in window.spotted("services"):
            if name != EVERY_SERVICE and name not in catalogue.services:
                spot.warn(f"{window.path}.services: the catalogue has no “{name}”{near(name, catalogue.services)}")


def _service(name: str, spot: Spot, catalogue: Catalogue) -> Service | None:
    service = catalogue.services.get(name)
    if service is None and name:
        spot.error(f"the catalogue has no service “{name}”{near(name, catalogue.services)}")
    return service


def _action(action: Action, table: Table, every: Everything) -> None:
    known = FACTS | set(action.parameters)
    for text, spot in ((action.title, table.place("title")), (action.summary, table.place("summary"))):
        _facts(text, spot, known)
    target = action.targets["service"]
    spot = table.place("targets")
    _facts(target, spot, known)
    services: Iterable[Service] = every.catalogue.services.values()
    if "{" not in target:
        services = [one for one in [_service(target, spot, every.catalogue)] if one]
    verify = table.table("verify")
    names = {indicator.name for service in services for indicator in service.indicators}
    for watch, inner in zip(action.verify.metrics, verify.tables("metrics") if verify else (), strict=False):
        if watch.indicator and watch.indicator not in names:
            of = f"the service {target}" if "{" not in target else "no service"
            has = "has no" if "{" not in target else "has an"
            inner.place("indicator").error(
                f"{inner.path}.indicator: {of} {has} indicator “{watch.indicator}”{near(watch.indicator, names)}"
            )
    members = every.roles.get(action.requires)
    people = len(members.users) if members else 0
    if members is None or not (members.users or members.groups):
        table.place("requires").warn(f"nobody has the role {action.requires}, so nobody can approve {action.name}")
    elif not members.groups and people < action.approvals:
        table.place("approvals").error(
            f"approvals: {action.approvals} are needed, and only {people} people have the role {action.requires}"
        )
    if action.rollback:
        inner = table.table("rollback") or table
        _uses(action.rollback.action, action.rollback.parameters, inner, every, known)


def _step(step: Step, table: Table, guide: Guide, every: Everything) -> None:
    on = step.on or guide.service
    service = _service(on, table.place("on"), every.catalogue) if step.on else every.catalogue.services.get(on)
    known = FACTS | {f"host.{name}" for name in _host(service, every.catalogue)}
    for key, text in (("title", step.title), ("why", step.why), ("run", step.run), ("warning", step.warning)):
        if key != "run" or step.kind != "promql":
            _facts(text, table.place(key), known)
    match step.kind:
        case "action":
            _uses(step.action, step.parameters, table, every, known)
        case "http":
            _request(step.run, table.place("run"), service)
        case "command":
            if service and not service.hosts:
                table.place("run").error(
                    f"{table.path}.run: the service {service.name} has no hosts to run a command on"
                )
        case _:
            pass


def _request(run: str, spot: Spot, service: Service | None) -> None:
    method, _, rest = run.rpartition(" ")
    if method and method not in READING:
        spot.error(f"run: found {method}, expected {' or '.join(READING)}: a step of kind http only reads")
    if rest.startswith("/") and service and not service.url:
        spot.error(f"run: {rest} needs the url of {service.name} in catalogue.yaml, or a whole address here")
    elif rest and not re.match(r"https?://|/|\{", rest):
        spot.error(f"run: found “{rest[:60]}”, expected an address such as /pool or http://payment.example/pool")


def _uses(
    name: str, given: Mapping[str, str], table: Table, every: Everything, known: frozenset[str] | set[str]
) -> None:
    """An action is used with parameters: it must exist, and they must be its own."""
    if not name:
        return
    if name not in every.actions:
        table.place("action").error(f"{table.path}.action: there is no action “{name}”{near(name, every.actions)}")
        return
    action, _ = every.actions[name]
    inner = table.table("parameters")
    spot = inner.place() if inner else table.place("action")
    for parameter in sorted(set(action.parameters) - set(given)):
        spot.error(f"{table.path}.parameters: {name} needs {parameter}")
    for parameter, text in given.items():
        here = inner.place(parameter) if inner else spot
        if parameter not in action.parameters:
            here.error(f"{table.path}.parameters: {name} has no {parameter}{near(parameter, action.parameters)}")
        elif "{" in text:
            _facts(text, here, known)
        else:
            _fits(name, parameter, action.parameters[parameter], text, here)


def _fits(action: str, name: str, schema: Parameter, text: str, spot: Spot) -> None:
    only = Action(action, 1, action, "ansible", {}, parameters={name: schema})
    value: str | int | float | bool = text
    try:
        if schema.type == "integer":
            value = int(text)
        elif schema.type == "number":
            value = float(text)
        elif schema.type == "boolean":
            value = {"true": True, "false": False}[text.lower()]
        bind(only, {name: value})
    except (ValueError, KeyError):
        spot.error(f"{name}: found “{text}”, expected a {schema.type}")
    except Refused as refusal:
        spot.error(str(refusal))


def _host(service: Service | None, catalogue: Catalogue) -> frozenset[str]:
    names = [name for host in (service.hosts if service else ()) for name in catalogue.hosts.get(host, {})]
    return frozenset(names)


def _facts(text: str, spot: Spot, known: frozenset[str] | set[str]) -> None:
    for name in re.findall(r"\{([A-Za-z][\w.]*)\}", text):
        if name not in known and not name.startswith("host."):
            spot.error(f"{{{name}}} is nothing that is known here{near(name, known)}")
