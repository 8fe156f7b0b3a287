"""The demo's alert rules, written once for Prometheus and for the embedded evaluator. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ENVIRONMENT = "production"
CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires when a metric of a service stays beyond a limit for ``for_seconds``.

    ``description`` says what is the case, with ``{value}`` for the measured value: a ratio is shown in percent, seconds
    and days as they are.
    """

    name: str
    service: str
    metric: str
    limit: float
    for_seconds: int
    severity: str
    summary: str
    description: str
    unit: Literal["ratio", "seconds", "days"]
    beyond: Literal["above", "below"] = "above"

    @property
    def selector(self) -> str:
        """The metric as a plain selector."""
        return f'{self.metric}{{service="{self.service}"}}'

    @property
    def expression(self) -> str:
        """The rule's PromQL."""
        return f"{self.selector} {'>' if self.beyond == 'above' else '<'} {self.limit:g}"

    def holds(self, value: float) -> bool:
        """Whether a value is beyond the limit; one that is no number is not."""
        return value > self.limit if self.beyond == "above" else value < self.limit

    def described(self, value: float) -> str:
        """The description with its value."""
        shown = {"ratio": f"{100 * value:.4g}%", "seconds": f"{value:.2f} s", "days": f"{value:.1f} days"}[self.unit]
        return self.description.replace("{value}", shown)

    def template(self) -> str:
        """The description as Prometheus' template, which gives the same words."""
        shown = {
            "ratio": "{{ $value | humanizePercentage }}",
            "seconds": '{{ $value | printf "%.2f" }} s',
            "days": '{{ $value | printf "%.1f" }} days',
        }[self.unit]
        return self.description.replace("{value}", shown)


RULES: tuple[Rule, ...] = (
    Rule(
        "ShopErrorsHigh",
        "shop",
        "http_error_ratio",
        0.02,
        3,
        CRITICAL,
        "Shop: checkout errors above 2 %",
        "{value} of the checkouts of the last seconds failed with a 5xx answer.",
        "ratio",
    ),
    Rule(
        "ShopLatencyHigh",
        "shop",
        "http_latency_p95_seconds",
        0.8,
        5,
        CRITICAL,
        "Shop: checkout slower than 0.8 s",
        "The slowest twentieth of the checkouts takes {value} and more.",
        "seconds",
    ),
    Rule(
        "PaymentErrorsHigh",
        "payment",
        "http_error_ratio",
        0.02,
        3,
        CRITICAL,
        "Payment: errors above 2 %",
        "{value} of the payments of the last seconds failed with a 5xx answer.",
        "ratio",
    ),
    Rule(
        "PaymentPoolSaturated",
        "payment",
        "pool_in_use_ratio",
        0.9,
        3,
        WARNING,
        "Payment: connection pool above 90 %",
        "{value} of the pool's connections are in use.",
        "ratio",
    ),
    Rule(
        "PaymentDiskFull",
        "payment",
        "disk_used_ratio",
        0.9,
        3,
        WARNING,
        "Payment: disk above 90 %",
        "{value} of the disk is used.",
        "ratio",
    ),
    Rule(
        "ShopCertificateEndsSoon",
        "shop",
        "tls_certificate_days_left",
        14,
        3,
        WARNING,
        "Shop: the TLS certificate ends within 14 days",
        "The certificate that the shop serves ends in {value}. Then no browser buys anything any more.",
        "days",
        "below",
    ),
)


def labels_of(rule: Rule) -> Mapping[str, str]:
    """The labels that a rule adds to those of its series."""
    return {"severity": rule.severity, "environment": ENVIRONMENT}


def prometheus_rules(rules: Sequence[Rule]) -> dict[str, object]:
    """The rules as Prometheus' rule file."""
    listed = [
        {
            "alert": rule.name,
            "expr": rule.expression,
            "for": f"{rule.for_seconds}s",
            "labels": dict(labels_of(rule)),
            "annotations": {"summary": rule.summary, "description": rule.template()},
        }
        for rule in rules
    ]
    return {"groups": [{"name": "demo", "interval": "1s", "rules": listed}]}
