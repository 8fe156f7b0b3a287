"""Feature flags: LaunchDarkly's audit log webhook and Unleash's events, each as a change named ``flag``.

Shapes: https://launchdarkly.com/docs/api/webhooks, https://docs.getunleash.io/reference/integrations/webhook
"""

import re
from collections.abc import Mapping

from bot.web.body import clean, line, mapping, sequence
from bot.web.parse_parts import Delivery, Reading, changes, first, ignored, inner, must, must_time

RESOURCE = re.compile(r"proj/([^:;\s]+):env/([^:;\s]+):flag/([^:;\s]+)")
MOST_ACCESSES = 200
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
# What Unleash calls it, what it is, and what it was; None where the event tells it.
UNLEASH: Mapping[str, tuple[str, str] | None] = {
    "feature-environment-enabled": ("on", "off"),
    "feature-environment-disabled": ("off", "on"),
    "feature-strategy-add": None,
    "feature-strategy-update": None,
    "feature-strategy-remove": None,
    "feature-environment-variants-updated": None,
    "feature-variants-updated": None,
    "feature-updated": None,
    "feature-created": ("created", ""),
    "feature-archived": ("archived", ""),
    "feature-revived": ("revived", "archived"),
    "feature-deleted": ("deleted", ""),
    "feature-import": ("imported", ""),
}


def parse_launchdarkly(body: object, to: Delivery) -> Reading:
    """A flag's change in one environment or several; changes of anything else are ignored.

    The service is the one that ``services`` gives for ``project/flag``, ``flag`` or ``project``, else the project.
    ``version`` and ``previous`` are the flag's states. Raises ``BadDelivery`` naming the field.
    """
    top = mapping(body, "$", "LaunchDarkly's object")
    kind = must(top, "kind", "$", "what was changed")
    if kind != "flag":
        return ignored(f"a {line(kind, 60)} is not a flag")
    at = must_time(top, "date", "$", "when it was changed")
    accesses = [] if top.get("accesses") is None else sequence(top.get("accesses"), "$.accesses")[:MOST_ACCESSES]
    found = [mapping(one, f"$.accesses[{i}]") for i, one in enumerate(accesses)]
    places = [match for match in (RESOURCE.match(line(one.get("resource"))) for one in found) if match]
    current, previous = inner(top, "currentVersion", "$"), inner(top, "previousVersion", "$")
    project = places[0][1] if places else ""
    flag = places[0][3] if places else first(current.get("key"), top.get("name"))
    environments = list(dict.fromkeys(match[2] for match in places))
    actions = list(dict.fromkeys(text for text in (line(one.get("action"), 60) for one in found) if text))
    now, before = _states(current, environments), _states(previous, environments)
    verb = line(top.get("titleVerb"), 200)
    if now == before:
        now, before = verb or ", ".join(actions) or now, ""
    member = inner(top, "member", "$")
    return changes(
        to,
        name="flag",
        identity=("flag", first(top.get("_id")), project, flag, at.isoformat(), *actions),
        services=to.source.services_of(f"{project}/{flag}", flag, project) if project else to.source.services_of(flag),
        at=at,
        facts={
            "version": now,
            "previous": before,
            "flag": flag,
            "by": first(member.get("email"), inner(top, "token", "$").get("name")),
        },
        field="$.accesses",
        summary=LINK.sub(r"\1", clean(top.get("title"), 1500)) or f"{verb or 'Changed the flag'} {flag}",
        description=first(top.get("comment"), limit=4000) or top.get("description"),
        environment=", ".join(environments),
        own={"flag": flag, "project": project} if project else {"flag": flag},
    )


def parse_unleash(body: object, to: Delivery) -> Reading:
    """A flag's change; events that change nobody's traffic (a tag, a comment, a review) are ignored.

    The service is the one that ``services`` gives for ``project/flag``, ``flag`` or ``project``, else the project.
    ``version`` and ``previous`` are the flag's states. Raises ``BadDelivery`` naming the field.
    """
    top = mapping(body, "$", "Unleash's event")
    kind = must(top, "type", "$", "the event's type")
    if kind not in UNLEASH:
        return ignored(f"{line(kind, 60)} changes no flag")
    at = must_time(top, "createdAt", "$", "when it happened")
    data = _object(top.get("data"))
    flag = first(top.get("featureName"), data.get("name"))
    if not flag:
        must(top, "featureName", "$", "the flag's name")
    project, environment = line(top.get("project"), 200), line(top.get("environment"), 200)
    now, before = UNLEASH[kind] or (_rules(data), _rules(_object(top.get("preData"))))
    verb = kind.removeprefix("feature-").replace("-", " ")
    return changes(
        to,
        name="flag",
        identity=("flag", kind, first(top.get("id")), project, environment, flag, at.isoformat()),
        services=to.source.services_of(f"{project}/{flag}" if project else "", flag, project or flag),
        at=at,
        facts={"version": now or verb, "previous": before, "flag": flag, "by": top.get("createdBy")},
        field="$.project",
        summary=f"Flag {flag}{f' in {environment}' if environment else ''}: {verb}",
        environment=environment,
        own={key: text for key, text in (("flag", flag), ("project", project)) if text},
    )


def _states(version: Mapping[str, object], environments: list[str]) -> str:
    """On or off in each of the environments, with the number of its version where there is one; nothing if unknown."""
    known = version.get("environments")
    told = []
    for name in environments[:10]:
        one = known.get(name) if isinstance(known, Mapping) else None
        if isinstance(one, Mapping) and isinstance(one.get("on"), bool):
            number = line(one.get("version"), 20)
            state = ("on" if one["on"] else "off") + (f" (version {number})" if number else "")
            told.append(state if len(environments) == 1 else f"{name} {state}")
    return ", ".join(told)


def _rules(data: Mapping[str, object]) -> str:
    """A strategy or variants in a few words: its name, how many percent, how many constraints."""
    parts = [first(data.get("name"))]
    parameters = _object(data.get("parameters"))
    share = first(parameters.get("rollout"), parameters.get("percentage"))
    if share:
        parts.append(f"{share} %")
    for key in ("constraints", "segments", "variants"):
        found = data.get(key)
        if isinstance(found, list) and found:
            parts.append(f"{len(found)} {key}")
    if isinstance(data.get("enabled"), bool):
        parts.append("on" if data["enabled"] else "off")
    return ", ".join(part for part in parts if part)


def _object(value: object) -> Mapping[str, object]:
    """Unleash writes null or a list where there is nothing to tell."""
    return value if isinstance(value, dict) else {}
