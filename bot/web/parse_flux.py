"""Flux' notifications, as its generic webhook provider sends them: what was applied or released, each as a deploy.

Shape: https://fluxcd.io/flux/components/notification/events/
"""

import re
from collections.abc import Mapping

from bot.web.body import clean, line, mapping
from bot.web.parse_parts import Delivery, Reading, changes, first, ignored, inner, must, must_time, short

HELM = re.compile(r"(Install|Upgrade|Rollback|Uninstall)(Succeeded|Failed)")
APPLIED = ("Progressing", "ReconciliationSucceeded", "info")


def parse(body: object, to: Delivery) -> Reading:
    """A Kustomization that changed the cluster, or a HelmRelease that was released, as a deploy; the rest is ignored.

    Raises ``BadDelivery`` naming the field.
    """
    top = mapping(body, "$", "Flux' event")
    thing = mapping(top.get("involvedObject"), "$.involvedObject", "the object that the event is about")
    kind = must(thing, "kind", "$.involvedObject", "the object's kind")
    name = must(thing, "name", "$.involvedObject", "the object's name")
    namespace = line(thing.get("namespace"), 200)
    reason = line(top.get("reason"), 100)
    metadata = inner(top, "metadata", "$")
    message = clean(top.get("message"), 4000)
    nothing = _nothing(kind, reason, message, line(top.get("severity"), 40), metadata)
    if nothing:
        return ignored(nothing)
    at = must_time(top, "timestamp", "$", "when it happened")
    version = _of(metadata, "revision", "app-version", "oci-digest")
    failed = reason.endswith("Failed")
    return changes(
        to,
        name="deploy",
        identity=(kind, namespace, name, version, reason, at.isoformat()),
        services=to.source.services_of(f"{namespace}/{name}" if namespace else "", name),
        at=at,
        facts={
            "version": _short(version),
            "previous": _short(_of(metadata, "previous-revision", "previousRevision")),
            "commit": next(iter(re.findall(r"sha\d*:([0-9a-f]{40,64})", version)), ""),
            "state": "failed" if failed else "succeeded",
        },
        field="$.involvedObject.name",
        summary=f"{kind} {name}: {next(iter(message.splitlines()), reason)}",
        description=message,
        environment=_of(metadata, "environment", "env", "cluster"),
        own={key: text for key, text in (("kind", kind), ("name", name), ("namespace", namespace)) if text},
    )


def _nothing(kind: str, reason: str, message: str, severity: str, metadata: Mapping[str, object]) -> str:
    """Why an event is no change, nothing where it is one."""
    match kind:
        case "HelmRelease":
            return "" if HELM.fullmatch(reason) else f"{line(reason, 60) or 'no reason'} releases nothing"
        case "Kustomization" if severity == "error" or reason not in APPLIED:
            return f"{line(reason, 60) or 'no reason'} applies nothing"
        case "Kustomization" if _of(metadata, "commit_status") or message.startswith("Health check passed"):
            return "the Kustomization was looked at and not changed"
        case "Kustomization":
            return ""
        case _:
            return f"a {line(kind, 60)} changes nothing that runs"


def _of(metadata: Mapping[str, object], *names: str) -> str:
    """The value under one of the names, with or without a controller's group in front."""
    for name in names:
        for key, value in metadata.items():
            if key.rpartition("/")[2] == name and line(value):
                return line(value, 200)
    return ""


def _short(revision: str) -> str:
    """``main@sha1:0123…`` as a branch and twelve digits, anything else as it is."""
    return first(re.sub(r"sha\d*:", "", short(revision)))
