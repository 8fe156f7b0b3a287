"""The settings of the environment, read once. This is the only reader of ``os.environ``."""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import unquote, urlsplit

from bot.errors import ConfigError

T = TypeVar("T")

SLACK_API = "https://slack.com/api/"
GITHUB_API = "https://api.github.com"
LOKI_SELECTOR = '{service_name="$service"}'
ELASTICSEARCH_INDEX = "logs-*"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMATS = ("auto", "json", "console")
WEBHOOK_PREFIX = "FETTLE_WEBHOOK_"
SECRET_PREFIX = "FETTLE_SECRET_"  # noqa: S105  # the beginning of a variable's name
KNOWN = (
    "FETTLE_CONFIG",
    "FETTLE_HOME",
    "FETTLE_DATABASE_URL",
    "FETTLE_HTTP_HOST",
    "FETTLE_HTTP_PORT",
    "FETTLE_AUDIT_KEY",
    "FETTLE_LOG_LEVEL",
    "FETTLE_LOG_FORMAT",
    "FETTLE_DATA",
    "FETTLE_DEMO_URL",
    "FETTLE_RECORDER",
)
TOKEN_KINDS = {"xoxb": "a bot token", "xapp": "an app-level token", "xoxp": "a user token", "xoxe": "a refresh token"}


class Secret:
    """A text that shows itself to nobody: only ``reveal`` gives it, so that each use of it stands out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def __format__(self, spec: str) -> str:
        return format("…", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled.")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where logs, traces, the cluster and deploys are, each None where it is not set.

    Addresses may carry a user and a password. ``loki_selector`` has ``$service`` where a service's name belongs;
    ``kubernetes_ca`` is a file of certificates in PEM format.
    """

    loki_url: str | None = field(default=None, repr=False)
    loki_token: Secret | None = None
    loki_tenant: str | None = None
    loki_selector: str = LOKI_SELECTOR
    elasticsearch_url: str | None = field(default=None, repr=False)
    elasticsearch_api_key: Secret | None = None
    elasticsearch_index: str = ELASTICSEARCH_INDEX
    github_api_url: str = field(default=GITHUB_API, repr=False)
    github_token: Secret | None = None
    argocd_url: str | None = field(default=None, repr=False)
    argocd_token: Secret | None = None
    kubernetes_url: str | None = field(default=None, repr=False)
    kubernetes_token: Secret | None = None
    kubernetes_ca: Path | None = None
    tempo_url: str | None = field(default=None, repr=False)
    tempo_token: Secret | None = None
    tempo_tenant: str | None = None
    jaeger_url: str | None = field(default=None, repr=False)
    jaeger_token: Secret | None = None

    def addresses(self) -> tuple[str, ...]:
        """Every address that is set."""
        urls = (
            self.loki_url,
            self.elasticsearch_url,
            self.github_api_url,
            self.argocd_url,
            self.kubernetes_url,
            self.tempo_url,
            self.jaeger_url,
        )
        return tuple(url for url in urls if url is not None)

    def secrets(self) -> tuple[Secret, ...]:
        """Every token and key that is set."""
        tokens = (
            self.loki_token,
            self.elasticsearch_api_key,
            self.github_token,
            self.argocd_token,
            self.kubernetes_token,
            self.tempo_token,
            self.jaeger_token,
        )
        return tuple(token for token in tokens if token is not None)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    ``config`` is the folder with the configuration, None where there is none; ``home`` is where data goes;
    ``database_url`` is SQLAlchemy's, with an asynchronous driver; ``slack_api_url`` ends with a slash. ``unknown`` are
    warnings about ``FETTLE_`` variables that nothing reads. ``recorder`` is the database of the embedded recorder,
    asked where there is no Prometheus; ``demo_url`` is the control API of the demo's world. ``sources`` are the
    addresses and secrets of logs, traces, the cluster and deploys.
    """

    home: Path
    database_url: str = field(repr=False)
    config: Path | None = None
    slack_bot_token: Secret | None = None
    slack_app_token: Secret | None = None
    slack_signing_secret: Secret | None = None
    slack_api_url: str = SLACK_API
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    prometheus_url: str | None = field(default=None, repr=False)
    recorder: Path | None = None
    demo_url: str | None = None
    webhook_token: Secret | None = None
    audit_key: Secret | None = None
    openai_api_key: Secret | None = None
    openai_base_url: str | None = None
    openai_model: str | None = None
    sources: Sources = field(default_factory=Sources)
    log_level: str = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    unknown: tuple[str, ...] = ()
    more_secrets: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read every setting; empty counts as unset.

        Raises ``ConfigError`` with one line for each variable that is wrong: which, what was found, what is expected.
        """
        given = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
        return _Reading({name: value for name, value in given.items() if value}).settings()

    @property
    def socket_mode(self) -> bool:
        """Whether Slack is spoken to over Socket Mode: when there is an app-level token."""
        return self.slack_app_token is not None

    @property
    def slack_is_slack(self) -> bool:
        """False when ``SLACK_API_URL`` names another server that speaks Slack's language."""
        return (urlsplit(self.slack_api_url).hostname or "").endswith("slack.com")

    def webhook_secret(self, variable: str) -> Secret | None:
        """The secret of a webhook source: that variable's, else ``FETTLE_WEBHOOK_TOKEN``'s."""
        return self.more_secrets.get(variable) or self.webhook_token

    def secret(self, name: str) -> Secret | None:
        """A secret that an action asks for by name: ``db_password`` is in ``FETTLE_SECRET_DB_PASSWORD``."""
        return self.more_secrets.get(SECRET_PREFIX + name.upper())

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret among the settings, so that logs can be kept free of them."""
        addresses = (self.database_url, self.prometheus_url or "", *self.sources.addresses())
        urls = (urlsplit(url).password for url in addresses)
        named = (
            self.slack_bot_token,
            self.slack_app_token,
            self.slack_signing_secret,
            self.webhook_token,
            self.audit_key,
            self.openai_api_key,
            *self.sources.secrets(),
            *self.more_secrets.values(),
            *(Secret(form) for password in urls if password for form in {password, unquote(password)}),
        )
        return tuple(secret for secret in named if secret is not None)


class _Reading:
    """One reading of the environment, with everything that is wrong in it."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._wrong: list[str] = []

    def settings(self) -> Settings:
        home = self._value("FETTLE_HOME", self._folder_to_be, Path(".fettle"))
        api = self._value("SLACK_API_URL", self._web_address, SLACK_API)
        settings = Settings(
            home=home,
            database_url=self._value(
                "FETTLE_DATABASE_URL", self._database, f"sqlite+aiosqlite:///{home.absolute() / 'fettle.db'}"
            ),
            config=self._value("FETTLE_CONFIG", self._folder, Path("fettle") if Path("fettle").is_dir() else None),
            slack_bot_token=self._token("SLACK_BOT_TOKEN", "xoxb", api),
            slack_app_token=self._token("SLACK_APP_TOKEN", "xapp", api),
            slack_signing_secret=self._secret("SLACK_SIGNING_SECRET"),
            slack_api_url=api.rstrip("/") + "/",
            http_host=self._given.get("FETTLE_HTTP_HOST", "127.0.0.1"),
            http_port=self._value("FETTLE_HTTP_PORT", self._port, 8080),
            prometheus_url=self._value("PROMETHEUS_URL", self._web_address, None),
            recorder=self._value("FETTLE_RECORDER", self._file, None),
            demo_url=self._value("FETTLE_DEMO_URL", self._web_address, None),
            webhook_token=self._secret("FETTLE_WEBHOOK_TOKEN"),
            audit_key=self._secret("FETTLE_AUDIT_KEY"),
            openai_api_key=self._secret("OPENAI_API_KEY"),
            openai_base_url=self._value("OPENAI_BASE_URL", self._web_address, None),
            openai_model=self._given.get("OPENAI_MODEL"),
            sources=self._sources(),
            log_level=self._value("FETTLE_LOG_LEVEL", lambda text: self._one_of(text.upper(), LEVELS), "INFO"),
            log_format=self._value("FETTLE_LOG_FORMAT", self._format, "auto"),
            unknown=self._unknown(),
            more_secrets={
                name: Secret(value)
                for name, value in self._given.items()
                if name.startswith((WEBHOOK_PREFIX + "SECRET_", SECRET_PREFIX))
            },
        )
        if self._wrong:
            raise ConfigError("\n".join(self._wrong))
        return settings

    def _sources(self) -> Sources:
        return Sources(
            loki_url=self._value("LOKI_URL", self._web_address, None),
            loki_token=self._secret("LOKI_TOKEN"),
            loki_tenant=self._given.get("LOKI_TENANT"),
            loki_selector=self._value("LOKI_SELECTOR", self._selector, LOKI_SELECTOR),
            elasticsearch_url=self._value("ELASTICSEARCH_URL", self._web_address, None),
            elasticsearch_api_key=self._secret("ELASTICSEARCH_API_KEY"),
            elasticsearch_index=self._given.get("ELASTICSEARCH_INDEX", ELASTICSEARCH_INDEX),
            github_api_url=self._value("GITHUB_API_URL", self._web_address, GITHUB_API),
            github_token=self._secret("GITHUB_TOKEN"),
            argocd_url=self._value("ARGOCD_URL", self._web_address, None),
            argocd_token=self._secret("ARGOCD_TOKEN"),
            kubernetes_url=self._value("KUBERNETES_URL", self._web_address, None),
            kubernetes_token=self._secret("KUBERNETES_TOKEN"),
            kubernetes_ca=self._value("KUBERNETES_CA", self._certificates, None),
            tempo_url=self._value("TEMPO_URL", self._web_address, None),
            tempo_token=self._secret("TEMPO_TOKEN"),
            tempo_tenant=self._given.get("TEMPO_TENANT"),
            jaeger_url=self._value("JAEGER_URL", self._web_address, None),
            jaeger_token=self._secret("JAEGER_TOKEN"),
        )

    def _value(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._given.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as wrong:
            self._wrong.append(f"{name}: {wrong}")
            return default

    def _secret(self, name: str) -> Secret | None:
        return Secret(self._given[name]) if name in self._given else None

    def _token(self, name: str, kind: str, api: str) -> Secret | None:
        secret = self._secret(name)
        hostname = urlsplit(api).hostname or ""
        if secret is None or not hostname.endswith("slack.com") or secret.reveal().startswith(f"{kind}-"):
            return secret
        found = TOKEN_KINDS.get(secret.reveal()[:4], "something else")
        self._wrong.append(f"{name}: found {found}, expected {TOKEN_KINDS[kind]}, which begins with {kind}-")
        return secret

    def _unknown(self) -> tuple[str, ...]:
        names = sorted(
            name
            for name in self._given
            if name.startswith("FETTLE_")
            and name not in KNOWN
            and name != WEBHOOK_PREFIX + "TOKEN"
            and not name.startswith((WEBHOOK_PREFIX + "SECRET_", SECRET_PREFIX))
        )
        near = {name: difflib.get_close_matches(name, (*KNOWN, WEBHOOK_PREFIX + "TOKEN"), 1) for name in names}
        return tuple(
            f"{name} is set, but nothing reads it" + (f"; did you mean {near[name][0]}?" if near[name] else "")
            for name in names
        )

    @staticmethod
    def _folder_to_be(text: str) -> Path:
        path = Path(text).expanduser()
        if path.exists() and not path.is_dir():
            raise ValueError(f"{text} is a file, expected a folder for Fettle's data")
        return path

    @staticmethod
    def _folder(text: str) -> Path:
        path = Path(text).expanduser()
        if not path.is_dir():
            raise ValueError(f"there is no folder {text}; `fettle init {text}` makes one to begin with")
        return path

    @staticmethod
    def _file(text: str) -> Path:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ValueError(f"there is no file {text}; the recorder writes it while it runs")
        return path

    @staticmethod
    def _certificates(text: str) -> Path:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ValueError(f"there is no file {text}, expected certificates in PEM format")
        return path

    @staticmethod
    def _selector(text: str) -> str:
        if not text.startswith("{") or "$service" not in text:
            raise ValueError(f"found “{text[:100]}”, expected a selector such as {LOKI_SELECTOR}")
        return text

    @staticmethod
    def _port(text: str) -> int:
        if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  # the largest port there is
            raise ValueError(f"found “{text}”, expected a port from 0 (any free one) to 65535")
        return int(text)

    @staticmethod
    def _web_address(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = f"{parts.scheme}:…" if parts.scheme else "no scheme"
            raise ValueError(f"expected an address such as https://example.org, found {shown}")
        return text

    @staticmethod
    def _database(text: str) -> str:
        scheme, separator, rest = text.partition("://")
        drivers = {
            "sqlite": "sqlite+aiosqlite",
            "sqlite+aiosqlite": "sqlite+aiosqlite",
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
            "postgresql+asyncpg": "postgresql+asyncpg",
        }
        if not separator or scheme not in drivers:
            raise ValueError(
                f"found {f'{scheme}://…' if separator else 'no address'}, expected sqlite+aiosqlite:///file "
                "or postgresql+asyncpg://user:password@host/name"
            )
        return f"{drivers[scheme]}://{rest}"

    @staticmethod
    def _one_of(text: str, choices: tuple[str, ...]) -> str:
        if text not in choices:
            raise ValueError(f"found “{text}”, expected one of {', '.join(choices)}")
        return text

    @classmethod
    def _format(cls, text: str) -> Literal["auto", "json", "console"]:
        match cls._one_of(text.lower(), FORMATS):
            case "json":
                return "json"
            case "console":
                return "console"
            case _:
                return "auto"
