"""The sources that the settings name, made."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.catalogue import Catalogue
from bot.domain.ports import Cluster, Deploys, Logs, Traces
from bot.settings import GITHUB_API, Sources
from bot.sources.argocd import ArgoDeploys
from bot.sources.elasticsearch import ElasticsearchLogs
from bot.sources.github import GitHubDeploys
from bot.sources.jaeger import JaegerTraces
from bot.sources.kubernetes import KubernetesCluster
from bot.sources.loki import LokiLogs
from bot.sources.tempo import TempoTraces

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Observers:
    """What is observed besides metrics; None or empty where nothing is set."""

    logs: Logs | None = None
    traces: Traces | None = None
    cluster: Cluster | None = None
    deploys: tuple[Deploys, ...] = ()


def observers(settings: Sources, catalogue: Catalogue) -> Observers:
    """Make them. Of two of a kind the first counts: Loki before Elasticsearch, Tempo before Jaeger."""
    return Observers(
        _logs(settings, catalogue),
        _traces(settings, catalogue),
        _cluster(settings, catalogue),
        _deploys(settings, catalogue),
    )


def _known(catalogue: Catalogue, source: str) -> Mapping[str, str]:
    """What the source calls each service that says so in the catalogue."""
    return {one.name: one.known_as[source] for one in catalogue.services.values() if one.known_as.get(source)}


def _named(catalogue: Catalogue, source: str) -> Mapping[str, str]:
    """What the source calls each service: its own name where the catalogue does not say."""
    return {one.name: one.known_as.get(source, one.name) for one in catalogue.services.values()}


def _logs(settings: Sources, catalogue: Catalogue) -> Logs | None:
    if settings.loki_url:
        return LokiLogs(
            settings.loki_url,
            settings.loki_token,
            _known(catalogue, "loki"),
            SECONDS,
            tenant=settings.loki_tenant,
            selector=settings.loki_selector,
        )
    if settings.elasticsearch_url:
        return ElasticsearchLogs(
            settings.elasticsearch_url,
            settings.elasticsearch_api_key,
            _named(catalogue, "elasticsearch"),
            SECONDS,
            index=settings.elasticsearch_index,
        )
    return None


def _traces(settings: Sources, catalogue: Catalogue) -> Traces | None:
    names = _named(catalogue, "traces")
    if settings.tempo_url:
        return TempoTraces(settings.tempo_url, settings.tempo_token, names, SECONDS, tenant=settings.tempo_tenant)
    if settings.jaeger_url:
        return JaegerTraces(settings.jaeger_url, settings.jaeger_token, names, SECONDS)
    return None


def _cluster(settings: Sources, catalogue: Catalogue) -> Cluster | None:
    if not settings.kubernetes_url:
        return None
    names = _known(catalogue, "kubernetes")
    return KubernetesCluster(
        settings.kubernetes_url, settings.kubernetes_token, names, SECONDS, ca=settings.kubernetes_ca
    )


def _deploys(settings: Sources, catalogue: Catalogue) -> tuple[Deploys, ...]:
    found: list[Deploys] = []
    repositories = _known(catalogue, "github")
    if repositories and (settings.github_token or settings.github_api_url != GITHUB_API):
        found.append(GitHubDeploys(settings.github_api_url, settings.github_token, repositories, SECONDS))
    if settings.argocd_url:
        found.append(ArgoDeploys(settings.argocd_url, settings.argocd_token, _named(catalogue, "argocd"), SECONDS))
    return tuple(found)
