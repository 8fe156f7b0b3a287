"""One small body for each vendor, made by hand after the vendor's own description of it."""

import copy
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.source import Open, Source
from bot.web.parse_parts import Delivery, Reading
from bot.web.webhooks import PARSERS
from tests.adapters.web.conftest import NOW

Body = dict[str, Any]

GRAFANA: Body = {
    "receiver": "fettle",
    "status": "firing",
    "version": "1",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "PoolExhausted", "service": "payment", "severity": "critical"},
            "annotations": {"summary": "Pool is full"},
            "startsAt": "2026-11-20T20:26:44+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "c6eadffa33fcdf37",
            "panelURL": "https://grafana.example/d/1?viewPanel=2",
            "values": {"B": 20.5, "C": 1},
        }
    ],
}
PAGERDUTY: Body = {
    "event": {
        "id": "01E",
        "event_type": "incident.triggered",
        "occurred_at": "2026-11-20T19:26:44.781Z",
        "data": {
            "id": "PINC",
            "type": "incident",
            "number": 9,
            "title": "Payments fail",
            "html_url": "https://acme.pagerduty.com/incidents/PINC",
            "created_at": "2026-11-20T19:26:40Z",
            "service": {"id": "PSVC", "summary": "Payments (prod)"},
            "priority": {"summary": "P1"},
            "urgency": "low",
        },
    }
}
DATADOG: Body = {
    "alert_id": "1234",
    "title": "[Triggered on {host:web-01}] Errors of checkout",
    "body": "5 % errors",
    "alert_type": "error",
    "alert_transition": "Triggered",
    "alert_scope": "host:web-01",
    "alert_priority": "$ALERT_PRIORITY",
    "aggreg_key": "agg-1",
    "date": "1795202804000",
    "host": "web-01",
    "tags": "service:payment,env:prod,lonely",
    "link": "https://app.datadoghq.example/monitors/1234",
}
SENTRY: Body = {
    "action": "created",
    "data": {
        "issue": {
            "id": "77",
            "shortId": "PAY-7",
            "title": "KeyError: card",
            "culprit": "pay in charge",
            "level": "error",
            "firstSeen": "2026-11-20T19:26:44Z",
            "lastSeen": "2026-11-20T19:27:00Z",
            "permalink": None,
            "metadata": {"type": "KeyError", "value": "card"},
            "project": {"id": "1", "slug": "payment-backend", "name": "Payment"},
        }
    },
    "actor": {"type": "application", "id": "sentry"},
}
SENTRY_EVENT: Body = {
    "action": "triggered",
    "data": {
        "triggered_rule": "Many errors",
        "event": {
            "event_id": "e1",
            "issue_id": "77",
            "title": "KeyError: card",
            "level": "fatal",
            "datetime": "2026-11-20T19:28:00Z",
            "url": "https://sentry.example/api/0/projects/acme/payment-backend/events/e1/",
            "web_url": "https://sentry.example/organizations/acme/issues/77/events/e1/",
            "tags": [["environment", "prod"], ["browser", "Firefox"], "odd"],
        },
    },
}
SENTRY_METRIC: Body = {
    "action": "critical",
    "data": {
        "metric_alert": {
            "id": "5",
            "date_started": "2026-11-20T19:26:44Z",
            "date_closed": None,
            "projects": ["payment-backend"],
            "alert_rule": {"id": "3", "name": "Too slow", "environment": "prod"},
        },
        "description_title": "Critical: Too slow",
        "description_text": "p95 above 2 s",
        "web_url": "https://sentry.example/alerts/5/",
    },
}
OPSGENIE: Body = {
    "action": "Create",
    "alert": {
        "alertId": "ec03-1",
        "alias": "payment-pool",
        "message": "Pool is full",
        "description": "20 of 20",
        "tags": ["service:payment", "vip"],
        "entity": "pay-1",
        "createdAt": 1795202804000,
        "updatedAt": 1795202804000000110,
        "priority": "P1",
        "details": {"env": "prod"},
    },
}
ALARM: Body = {
    "AlarmName": "payment-5xx",
    "AlarmDescription": "Too many errors",
    "AWSAccountId": "123456789012",
    "Region": "EU (Ireland)",
    "NewStateValue": "ALARM",
    "OldStateValue": "OK",
    "NewStateReason": "Threshold Crossed: 1 datapoint [7.0] was greater than the threshold (0.0).",
    "StateChangeTime": "2026-11-20T19:26:44.383+0000",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:payment-5xx",
    "Trigger": {
        "MetricName": "5xx",
        "Namespace": "AWS/ECS",
        "Dimensions": [{"value": "payment", "name": "ServiceName"}, {"value": "prod", "name": "ClusterName"}],
    },
}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
CLOUDWATCH: Body = {
    "Type": "Notification",
    "MessageId": "22b80b92",
    "TopicArn": TOPIC,
    "Subject": "ALARM: payment-5xx",
    "Message": json.dumps(ALARM),
    "Timestamp": "2026-11-20T19:26:45.000Z",
}
REPOSITORY: Body = {
    "full_name": "acme/Payment",
    "name": "Payment",
    "default_branch": "main",
    "pushed_at": 1795202804,
}
SHA, BEFORE = "ab" * 20, "cd" * 20
MERGED: Body = {
    "action": "closed",
    "repository": REPOSITORY,
    "pull_request": {
        "number": 7,
        "title": "Larger pool",
        "body": "Because of the queue.",
        "html_url": "https://github.example/acme/Payment/pull/7",
        "merged": True,
        "merged_at": "2026-11-20T19:26:44Z",
        "merge_commit_sha": SHA,
        "merged_by": {"login": "kim"},
        "user": {"login": "ada"},
        "base": {"ref": "main", "sha": BEFORE},
    },
}
PUSH: Body = {
    "ref": "refs/heads/main",
    "before": BEFORE,
    "after": SHA,
    "compare": "https://github.example/acme/Payment/compare/cd...ab",
    "deleted": False,
    "repository": REPOSITORY,
    "head_commit": {"id": SHA, "message": "Larger pool\n\nBecause.", "timestamp": "2026-11-11T08:00:00Z"},
    "pusher": {"name": "kim"},
    "sender": {"login": "kim"},
}
DEPLOYMENT: Body = {
    "action": "created",
    "repository": REPOSITORY,
    "deployment": {
        "id": 99,
        "sha": SHA,
        "ref": "main",
        "environment": "production",
        "creator": {"login": "kim"},
        "created_at": "2026-11-20T19:20:00Z",
    },
}
DEPLOYMENT_STATUS: Body = {
    **DEPLOYMENT,
    "deployment_status": {
        "state": "in_progress",
        "environment": "production",
        "created_at": "2026-11-20T19:20:30Z",
        "log_url": "https://github.example/acme/Payment/runs/1",
    },
}
RELEASE: Body = {
    "action": "published",
    "repository": REPOSITORY,
    "release": {
        "id": 5,
        "tag_name": "v2.8.0",
        "name": None,
        "published_at": "2026-11-20T19:20:00Z",
        "author": {"login": "kim"},
    },
}
ARGOCD: Body = {
    "app": "payment",
    "project": "shop",
    "phase": "Succeeded",
    "revision": SHA,
    "previous": "<no value>",
    "started_at": "2026-11-20T19:20:00Z",
    "finished_at": "2026-11-20T19:21:00Z",
    "by": "kim",
    "images": ["acme/payment:2.8.0"],
}
APPLICATION: Body = {
    "metadata": {"name": "payment"},
    "spec": {"project": "shop", "destination": {"namespace": "prod"}},
    "status": {
        "health": {"status": "Progressing"},
        "sync": {"revision": SHA},
        "history": [{"id": 1, "revision": "ee" * 20}, {"id": 2, "revision": BEFORE}, {"id": 3, "revision": SHA}],
        "summary": {"images": ["acme/payment:2.8.0"]},
        "operationState": {
            "phase": "Running",
            "startedAt": "2026-11-20T19:20:00Z",
            "message": "one or more tasks are running",
            "operation": {"initiatedBy": {"automated": True}},
            "syncResult": {"revision": SHA},
        },
    },
}
FLUX: Body = {
    "involvedObject": {"kind": "HelmRelease", "namespace": "prod", "name": "payment"},
    "severity": "info",
    "timestamp": "2026-11-20T19:20:00Z",
    "message": "Helm upgrade succeeded for release prod/payment.v7 with chart payment@2.8.0",
    "reason": "UpgradeSucceeded",
    "metadata": {"helm.toolkit.fluxcd.io/revision": "2.8.0", "env": "production"},
    "reportingController": "helm-controller",
}
KUSTOMIZATION: Body = {
    **FLUX,
    "involvedObject": {"kind": "Kustomization", "namespace": "flux-system", "name": "payment"},
    "message": "Deployment/prod/payment configured\nService/prod/payment configured",
    "reason": "Progressing",
    "metadata": {"kustomize.toolkit.fluxcd.io/revision": f"main@sha1:{SHA}"},
}
LAUNCHDARKLY: Body = {
    "_id": "57c0",
    "date": 1795202804000,
    "kind": "flag",
    "name": "New checkout",
    "accesses": [{"action": "updateOn", "resource": "proj/shop:env/production:flag/new-checkout"}],
    "member": {"email": "kim@acme.example"},
    "titleVerb": "turned on the flag",
    "title": "[Kim](mailto:kim@acme.example) turned on the flag [New checkout](https://ld.example/x) in `Production`",
    "comment": "for everybody",
    "currentVersion": {"key": "new-checkout", "environments": {"production": {"on": True, "version": 5}}},
    "previousVersion": {"key": "new-checkout", "environments": {"production": {"on": False, "version": 4}}},
}
UNLEASH: Body = {
    "id": 899,
    "type": "feature-environment-enabled",
    "createdBy": "kim",
    "createdAt": "2026-11-20T19:26:44.000Z",
    "featureName": "new-checkout",
    "project": "shop",
    "environment": "production",
    "data": None,
    "preData": None,
}

# Each with its vendor and, for GitHub, the event in its header.
ALL: Mapping[str, tuple[str, str, Body]] = {
    "grafana": ("grafana", "", GRAFANA),
    "pagerduty": ("pagerduty", "", PAGERDUTY),
    "datadog": ("datadog", "", DATADOG),
    "sentry": ("sentry", "", SENTRY),
    "sentry event": ("sentry", "", SENTRY_EVENT),
    "sentry metric": ("sentry", "", SENTRY_METRIC),
    "opsgenie": ("opsgenie", "", OPSGENIE),
    "cloudwatch": ("cloudwatch", "", CLOUDWATCH),
    "merge": ("github", "pull_request", MERGED),
    "push": ("github", "push", PUSH),
    "deployment": ("github", "deployment", DEPLOYMENT),
    "deployment status": ("github", "deployment_status", DEPLOYMENT_STATUS),
    "release": ("github", "release", RELEASE),
    "argocd": ("argocd", "", ARGOCD),
    "application": ("argocd", "", {"app": APPLICATION}),
    "flux": ("flux", "", FLUX),
    "kustomization": ("flux", "", KUSTOMIZATION),
    "launchdarkly": ("launchdarkly", "", LAUNCHDARKLY),
    "unleash": ("unleash", "", UNLEASH),
}


def read(
    vendor: str, body: object, event: str = "", source: Source | None = None, received_at: datetime = NOW
) -> Reading:
    """The body as the vendor's parser reads it."""
    headers = {"x-github-event": event} if event else {}
    return PARSERS[vendor](body, Delivery(source or Source(vendor, Open()), received_at, "r", headers))


def changed(body: Body, path: str, value: object) -> Body:
    """The body with another value at a place such as ``alerts.0.status``."""
    made = copy.deepcopy(body)
    *outer, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    place: Any = made
    for step in outer:
        place = place[step]
    place[last] = value
    return made
