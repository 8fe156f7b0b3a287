from dataclasses import replace

import pytest

from bot.domain.catalogue import Catalogue, Service
from bot.settings import Secret, Settings, Sources
from bot.sources.argocd import ArgoDeploys
from bot.sources.elasticsearch import ElasticsearchLogs
from bot.sources.github import GitHubDeploys
from bot.sources.jaeger import JaegerTraces
from bot.sources.kubernetes import KubernetesCluster
from bot.sources.loki import LokiLogs
from bot.sources.made import Observers, observers
from bot.sources.tempo import TempoTraces

NOWHERE = "http://127.0.0.1:9"
TOKEN = Secret("kingfisher-token")
CATALOGUE = Catalogue({"shop": Service("shop", known_as={"github": "acme/shop"}), "cart": Service("cart")})


def made(settings: Sources, catalogue: Catalogue = CATALOGUE) -> Observers:
    return observers(settings, catalogue)


def test_where_nothing_is_set_nothing_is_observed() -> None:
    assert made(Sources()) == Observers()


def test_every_source_that_is_set_is_made() -> None:
    found = made(
        Sources(
            loki_url=NOWHERE,
            tempo_url=NOWHERE,
            kubernetes_url=NOWHERE,
            argocd_url=NOWHERE,
            github_token=TOKEN,
        )
    )
    assert isinstance(found.logs, LokiLogs)
    assert isinstance(found.traces, TempoTraces)
    assert isinstance(found.cluster, KubernetesCluster)
    assert [type(one) for one in found.deploys] == [GitHubDeploys, ArgoDeploys]


def test_of_two_of_a_kind_the_first_counts() -> None:
    both = Sources(loki_url=NOWHERE, elasticsearch_url=NOWHERE, tempo_url=NOWHERE, jaeger_url=NOWHERE)
    assert isinstance(made(both).logs, LokiLogs)
    assert isinstance(made(both).traces, TempoTraces)
    other = replace(both, loki_url=None, tempo_url=None)
    assert isinstance(made(other).logs, ElasticsearchLogs)
    assert isinstance(made(other).traces, JaegerTraces)


@pytest.mark.parametrize(
    ("settings", "catalogue", "asked"),
    [
        (Sources(github_token=TOKEN), CATALOGUE, True),
        (Sources(github_token=TOKEN), Catalogue({"cart": Service("cart")}), False),
        (Sources(), CATALOGUE, False),
        (Sources(github_api_url=NOWHERE), CATALOGUE, True),
    ],
)
def test_github_is_asked_where_a_service_has_a_repository_and_there_is_a_way_in(
    settings: Sources,
    catalogue: Catalogue,
    asked: bool,  # noqa: FBT001  # a table
) -> None:
    assert bool(made(settings, catalogue).deploys) is asked


def test_the_environment_names_them() -> None:
    settings = Settings.from_environment({"LOKI_URL": NOWHERE, "JAEGER_URL": NOWHERE, "KUBERNETES_URL": NOWHERE})
    found = made(settings.sources)
    assert (found.logs and found.logs.name, found.traces and found.traces.name) == ("Loki", "Jaeger")
    assert found.cluster
    assert found.deploys == ()
