import copy
import json
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import Secret, Settings, Sources

HUSH = "hush-hush-hush"


def test_nothing_set_gives_working_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({})
    assert settings.home == Path(".fettle")
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/.fettle/fettle.db"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.config is None
    assert settings.slack_is_slack
    assert not settings.socket_mode


def test_a_folder_called_fettle_is_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fettle").mkdir()
    assert Settings.from_environment({}).config == Path("fettle")


def test_everything_wrong_is_told_at_once_and_no_secret_is() -> None:
    wrong = {
        "FETTLE_HTTP_PORT": "80a",
        "FETTLE_CONFIG": "/nowhere/at/all",
        "FETTLE_LOG_LEVEL": "LOUD",
        "PROMETHEUS_URL": f"user:{HUSH}@prometheus",
        "FETTLE_DATABASE_URL": f"mysql://fettle:{HUSH}@db/fettle",
        "SLACK_BOT_TOKEN": f"xapp-{HUSH}",
        "SLACK_APP_TOKEN": HUSH,
    }
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(wrong)
    lines = str(caught.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == set(wrong)
    assert HUSH not in str(caught.value)
    assert "SLACK_BOT_TOKEN: found an app-level token, expected a bot token, which begins with xoxb-" in lines


def test_another_server_may_have_tokens_of_another_kind() -> None:
    settings = Settings.from_environment({"SLACK_API_URL": "http://127.0.0.1:9/api", "SLACK_BOT_TOKEN": "local"})
    assert settings.slack_api_url == "http://127.0.0.1:9/api/"
    assert settings.slack_bot_token == Secret("local")
    assert not settings.slack_is_slack


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgres://u:p@db/x", "postgresql+asyncpg://u:p@db/x"),
        ("postgresql://u:p@db/x", "postgresql+asyncpg://u:p@db/x"),
        ("sqlite:////var/x.db", "sqlite+aiosqlite:////var/x.db"),
    ],
)
def test_database_addresses_get_their_driver(given: str, read: str) -> None:
    assert Settings.from_environment({"FETTLE_DATABASE_URL": given}).database_url == read


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format, lambda s: json.dumps(s, default=str)])
def test_a_secret_shows_nowhere(show: object) -> None:
    assert callable(show)
    settings = Settings.from_environment(
        {
            "SLACK_BOT_TOKEN": f"xoxb-{HUSH}",
            "FETTLE_DATABASE_URL": f"postgresql://u:{HUSH}@db/x",
            "FETTLE_SECRET_A": HUSH,
        }
    )
    assert HUSH not in show(Secret(HUSH))
    assert HUSH not in show(settings)


def test_a_secret_is_not_pickled_but_compares() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(HUSH))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(HUSH))
    assert Secret(HUSH) == Secret(HUSH) != Secret("other")
    assert Secret(HUSH) != HUSH


def test_secrets_by_name_and_every_secret_for_the_log() -> None:
    settings = Settings.from_environment(
        {
            "FETTLE_WEBHOOK_TOKEN": "for all of them",
            "FETTLE_WEBHOOK_SECRET_UPTIME": "only for uptime",
            "FETTLE_SECRET_DB_PASSWORD": "of the database",
            "FETTLE_DATABASE_URL": "postgresql://fettle:p%40ss-word@db/fettle",
            "HOME_SECRET": "somebody else's",
        }
    )
    assert settings.webhook_secret("FETTLE_WEBHOOK_SECRET_UPTIME") == Secret("only for uptime")
    assert settings.webhook_secret("FETTLE_WEBHOOK_SECRET_OTHER") == Secret("for all of them")
    assert settings.secret("db_password") == Secret("of the database")
    assert settings.secret("SLACK_BOT_TOKEN") is None
    assert {secret.reveal() for secret in settings.secrets()} == {
        "for all of them",
        "only for uptime",
        "of the database",
        "p%40ss-word",
        "p@ss-word",
    }


def test_a_misspelt_variable_is_told() -> None:
    settings = Settings.from_environment({"FETTLE_HTPP_PORT": "1", "FETTLE_HOME": "x", "FETTLE_WEBHOOK_SECRET_X": "y"})
    assert settings.unknown == ("FETTLE_HTPP_PORT is set, but nothing reads it; did you mean FETTLE_HTTP_PORT?",)


def test_sources_are_absent_until_they_are_set() -> None:
    sources = Settings.from_environment({"LOKI_URL": "  "}).sources
    assert sources == Sources()
    assert (sources.loki_url, sources.tempo_url, sources.jaeger_url, sources.kubernetes_url) == (None,) * 4
    assert sources.github_api_url == "https://api.github.com"
    assert sources.elasticsearch_index == "logs-*"
    assert sources.loki_selector == '{service_name="$service"}'


def test_every_source_is_read_and_its_secrets_are_known(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    given = {
        "LOKI_URL": "https://fettle:of%20loki@loki.example",
        "LOKI_TOKEN": "token of loki",
        "LOKI_TENANT": "shop",
        "LOKI_SELECTOR": '{app="$service"}',
        "ELASTICSEARCH_URL": "https://fettle:of-elasticsearch@elasticsearch.example",
        "ELASTICSEARCH_API_KEY": "key of elasticsearch",
        "ELASTICSEARCH_INDEX": "app-*",
        "GITHUB_API_URL": "https://github.example/api/v3",
        "GITHUB_TOKEN": "token of github",
        "ARGOCD_URL": "https://argocd.example",
        "ARGOCD_TOKEN": "token of argocd",
        "KUBERNETES_URL": "https://kubernetes.example:6443",
        "KUBERNETES_TOKEN": "token of kubernetes",
        "KUBERNETES_CA": str(tmp_path / "ca.pem"),
        "TEMPO_URL": "https://tempo.example",
        "TEMPO_TOKEN": "token of tempo",
        "TEMPO_TENANT": "shop",
        "JAEGER_URL": "https://jaeger.example",
        "JAEGER_TOKEN": "token of jaeger",
    }
    settings = Settings.from_environment(given)
    read = {field.name.upper(): getattr(settings.sources, field.name) for field in fields(Sources)}
    assert {name: value.reveal() if isinstance(value, Secret) else str(value) for name, value in read.items()} == given
    words = {secret.reveal() for secret in settings.secrets()}
    assert words == {
        "of%20loki",
        "of loki",
        "of-elasticsearch",
        *(value for name, value in given.items() if name.endswith(("_TOKEN", "_KEY"))),
    }
    shown = repr(settings) + str(settings)
    assert not any(word in shown for word in words)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LOKI_URL", f"fettle:{HUSH}@loki", "expected an address"),
        ("KUBERNETES_CA", "/nowhere/ca.pem", "expected certificates in PEM format"),
        ("LOKI_SELECTOR", "payment", "expected a selector such as"),
        ("LOKI_SELECTOR", '{app="payment"}', "expected a selector such as"),
    ],
)
def test_a_wrong_source_is_told(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Settings.from_environment({name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert HUSH not in str(caught.value)
