"""Every source that is asked over HTTP, each with one question that its cassette answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.settings import Secret
from bot.sources.argocd import ArgoDeploys
from bot.sources.elasticsearch import ElasticsearchLogs
from bot.sources.github import GitHubDeploys
from bot.sources.jaeger import JaegerTraces
from bot.sources.kubernetes import KubernetesCluster
from bot.sources.loki import LokiLogs
from bot.sources.tempo import TempoTraces
from tests.adapters.sources.stand_in import HOUR, TWO_SECONDS, Answer

TOKEN = "kingfisher-token"
Steady = Callable[[], float]
Asking = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True)
class One:
    name: str
    address: str
    make: Callable[[str, Secret | None, float, Steady], Asking]


def loki(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = LokiLogs(url, token, {}, timeout, steady, tenant="shop")
    return lambda: source.lines("payment", HOUR, 1000)


def elasticsearch(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = ElasticsearchLogs(url, token, {}, timeout, steady)
    return lambda: source.lines("payment", HOUR, 1000)


def github(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = GitHubDeploys(url, token, {"payment": "acme/payment"}, timeout, steady)
    return lambda: source.changes(["payment"], HOUR)


def argocd(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = ArgoDeploys(url, token, {"payment": "payment-production"}, timeout, steady)
    return lambda: source.changes(["payment"], HOUR)


def kubernetes(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = KubernetesCluster(url, token, {"payment": "shop/payment"}, timeout, steady)
    return lambda: source.happenings(["payment"], HOUR)


def tempo(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = TempoTraces(url, token, {}, timeout, steady, tenant="shop")
    return lambda: source.calls(["payment"], TWO_SECONDS, 1)


def jaeger(url: str, token: Secret | None, timeout: float, steady: Steady) -> Asking:
    source = JaegerTraces(url, token, {}, timeout, steady)
    return lambda: source.calls(["payment"], TWO_SECONDS, 1)


EVERYTHING = (
    One("loki", "http://loki.example:3100", loki),
    One("elasticsearch", "http://elasticsearch.example:9200", elasticsearch),
    One("github", "https://api.github.example", github),
    One("argocd", "https://argocd.example", argocd),
    One("kubernetes", "https://kubernetes.example:6443", kubernetes),
    One("tempo", "http://tempo.example:3200", tempo),
    One("jaeger", "http://jaeger.example:16686", jaeger),
)
