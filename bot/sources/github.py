"""GitHub: deployments, merged pull requests and pushes over its REST API (https://docs.github.com/en/rest)."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.signal import Signal
from bot.settings import Secret
from bot.sources import reading
from bot.sources.asking import Access, NoAnswer, Question, Server, bearer
from bot.sources.changes import change, in_order, owners, release_of, short

NAME = "GitHub"
SOURCE = "github"
API = "https://api.github.com"
PER_PAGE = 100
MOST_PAGES = 3
MOST_DEPLOYMENTS = 20
MOST_PUSHES = 10
MOST_SHOWN = 6
# A deployment is made before it is carried out; one that waits longer than this for its turn is not found.
WAITS = timedelta(days=1)
SOON = timedelta(minutes=10)
WENT_WRONG = ("failure", "error")
NOT_YET = ("queued", "pending", "waiting")
CLOSED = {"state": "closed", "sort": "updated", "direction": "desc", "per_page": str(PER_PAGE)}

_REPOSITORY = re.compile(r"([\w.-]{1,100}/[\w.-]{1,100})(?::([^:]{1,200}))?")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository and the services that are made from it, all of it or what is deployed to one environment."""

    name: str
    environment: str
    services: tuple[str, ...]

    @property
    def full(self) -> str:
        """As ``known_as`` has it."""
        return f"{self.name}:{self.environment}" if self.environment else self.name

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/repos/{self.name}"


class GitHubDeploys:
    """Changes of the repositories that ``names`` gives for services.

    ``owner/repository`` means its deployments, merges and pushes; ``owner/repository:environment`` means its
    deployments to that environment only. ``url`` is the API's address (GitHub Enterprise: ``https://HOST/api/v3``).
    Deployments count when they were carried out. Each question ends after ``timeout_seconds``.
    """

    name = NAME

    def __init__(
        self,
        url: str,
        token: Secret | None,
        names: Mapping[str, str],
        timeout_seconds: float,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        headers = {**bearer(token), "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        missing = "is there a repository of that name, and may GITHUB_TOKEN read it?"
        access = Access(NAME, "GITHUB_API_URL", url, "GITHUB_TOKEN", token, headers, advice={404: missing})
        self._server = Server(access, timeout_seconds, steady)
        self._names = names

    async def changes(self, services: Sequence[str], window: Window) -> Found[tuple[Signal, ...]] | Empty | Failed:
        """Deployments, merged pull requests and pushes to the default branch, newest first."""
        known = {name: (_REPOSITORY.fullmatch(name), of) for name, of in owners(services, self._names).items()}
        repositories = [Repository(found[1], found[2] or "", of) for found, of in known.values() if found is not None]
        asked = Asked(NAME, _shown(repositories, window) or ", ".join(services), window)
        if not repositories:
            reason = "no repository is known: give the services known_as.github (owner/repository) in catalogue.yaml"
            return Failed(asked, reason)

        async def read(question: Question) -> tuple[Signal, ...]:
            wanted = [(one, self._deployments) for one in repositories]
            wanted += [(one, self._code) for one in repositories if not one.environment]
            for name in (reading.line(name) for name, (found, _) in known.items() if found is None):
                question.gap(name, NoAnswer("known_as.github is owner/repository, and this is not"))
            parts = await question.each(
                wanted, lambda part: part[1](question, part[0], window), lambda part: part[0].name
            )
            return in_order(signal for part in parts for signal in part)

        return await self._server.ask(asked, read)

    async def _deployments(self, question: Question, repository: Repository, window: Window) -> tuple[Signal, ...]:
        listed = self._list(await question.get(f"{repository.path}/deployments?{_of(repository)}"))
        near = [
            (place, one)
            for place, one in enumerate(listed)
            if (made := reading.moment(one.get("created_at"))) is not None
            and window.start - WAITS <= made <= window.end
            and (reading.moment(one.get("updated_at")) or made) >= window.start
        ][:MOST_DEPLOYMENTS]

        async def read(found: tuple[int, Mapping[str, object]]) -> Iterator[Signal]:
            place, one = found
            known = f"{repository.path}/deployments/{reading.whole(one.get('id'))}/statuses"
            carried_out = _carried_out(one, self._list(await question.get(known, {"per_page": PER_PAGE})))
            if carried_out is None or not window.start <= carried_out[0] <= window.end:
                return iter(())
            return _deploys(repository, one, *carried_out, _before(listed, place), window)

        parts = await question.each(near, read, lambda found: f"{repository.name} {reading.line(found[1].get('id'))}")
        return tuple(signal for part in parts for signal in part)

    async def _code(self, question: Question, repository: Repository, window: Window) -> tuple[Signal, ...]:
        merged = await self._merged(question, repository, window)
        span = {"since": _written(window.start), "until": _written(window.end), "per_page": str(PER_PAGE)}
        listed = self._list(await question.get(f"{repository.path}/commits", span))
        merges = {reading.line(one.get("merge_commit_sha")) for one in merged}
        alone = [one for one in listed if reading.line(one.get("sha")) not in merges and not _of_request(one)]

        async def pushed(one: Mapping[str, object]) -> Mapping[str, object] | None:
            # A merge brings its branch's commits along, with the times at which they were written.
            path = f"{repository.path}/commits/{reading.line(one.get('sha'))}/pulls"
            requests = self._list(await question.get(path))
            return None if any(request.get("merged_at") for request in requests) else one

        pushes = await question.each(alone[:MOST_PUSHES], pushed, lambda _: repository.name)
        return (
            *(signal for one in merged for signal in _merge(repository, one, window)),
            *(signal for one in pushes if one is not None for signal in _push(repository, one, window)),
        )

    async def _merged(
        self, question: Question, repository: Repository, window: Window
    ) -> Sequence[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for page in range(1, MOST_PAGES + 1):
            span = {**CLOSED, "page": str(page)}
            listed = self._list(await question.get(f"{repository.path}/pulls", span))
            found += [
                one
                for one in listed
                if (merged := reading.moment(one.get("merged_at")))
                and window.start <= merged <= window.end
                and reading.at(one, "base", "ref") == reading.at(one, "base", "repo", "default_branch")
            ]
            last = reading.moment(listed[-1].get("updated_at")) if listed else None
            if len(listed) < PER_PAGE or (last is not None and last < window.start):
                return found
        question.gap(repository.name, NoAnswer(f"more than {MOST_PAGES * PER_PAGE} pull requests changed since then"))
        return found

    def _list(self, answer: object) -> Sequence[Mapping[str, object]]:
        if not isinstance(answer, list):
            raise self._server.odd("a list")
        return tuple(reading.tables(answer))


def _carried_out(
    deployment: Mapping[str, object], statuses: Sequence[Mapping[str, object]]
) -> tuple[datetime, str] | None:
    """When a deployment changed something and how that ended; None where it has not yet."""
    states = [(reading.line(one.get("state")), reading.moment(one.get("created_at"))) for one in statuses]
    for wanted in (("success",), WENT_WRONG, ("in_progress",)):
        for state, when in states:
            if state in wanted and when is not None:
                return when, state
    made = reading.moment(deployment.get("created_at"))
    return None if made is None or any(state in NOT_YET for state, _ in states) else (made, "")


def _before(listed: Sequence[Mapping[str, object]], place: int) -> Mapping[str, object]:
    """The deployment of something else to the same environment that came before."""
    one = listed[place]
    return next(
        (
            older
            for older in listed[place + 1 :]
            if older.get("environment") == one.get("environment") and older.get("sha") != one.get("sha")
        ),
        {},
    )


def _deploys(
    repository: Repository,
    one: Mapping[str, object],
    when: datetime,
    state: str,
    before: Mapping[str, object],
    window: Window,
) -> Iterator[Signal]:
    version, environment = _version(one), reading.line(one.get("environment"), 100)
    waited = when - (reading.moment(one.get("created_at")) or when) > SOON
    said = f"Deployed {version} to {environment or 'an environment without a name'}"
    for service in repository.services:
        deploy = change(
            service,
            "deploy",
            when,
            (SOURCE, "deployment", repository.name, reading.line(one.get("id")), "later" if waited else ""),
            window.end,
            {
                "version": version,
                "previous": _version(before),
                "by": reading.line(reading.at(one, "creator", "login")),
                "commit": reading.line(one.get("sha")),
                "state": state.replace("_", " "),
            },
            f"{said} ({state})" if state in WENT_WRONG else said,
        )
        yield replace(deploy, environment=environment)


def _merge(repository: Repository, one: Mapping[str, object], window: Window) -> Iterator[Signal]:
    merged, commit = reading.moment(one.get("merged_at")), reading.line(one.get("merge_commit_sha"))
    number = reading.line(one.get("number"))
    for service in repository.services if merged else ():
        yield change(
            service,
            "merge",
            merged or window.end,
            (SOURCE, "commit", repository.name, commit),
            window.end,
            {
                "version": short(commit),
                "previous": short(reading.line(reading.at(one, "base", "sha"))),
                "by": reading.line(reading.at(one, "user", "login")),
                "commit": commit,
            },
            f"Merged #{number} into {reading.line(reading.at(one, 'base', 'ref'))}: {reading.line(one.get('title'))}",
            reading.line(one.get("html_url"), 1000),
        )


def _push(repository: Repository, one: Mapping[str, object], window: Window) -> Iterator[Signal]:
    pushed, commit = reading.moment(reading.at(one, "commit", "committer", "date")), reading.line(one.get("sha"))
    for service in repository.services if pushed and window.start <= pushed <= window.end else ():
        yield change(
            service,
            "push",
            pushed or window.end,
            (SOURCE, "commit", repository.name, commit),
            window.end,
            {
                "version": short(commit),
                "by": reading.line(reading.at(one, "author", "login"))
                or reading.line(reading.at(one, "commit", "author", "name")),
                "commit": commit,
            },
            f"Pushed: {_title(one)}",
            reading.line(one.get("html_url"), 1000),
        )


def _version(deployment: Mapping[str, object]) -> str:
    ref, commit = reading.line(deployment.get("ref")), reading.line(deployment.get("sha"))
    return release_of(ref) or short(commit) or ref


def _title(commit: Mapping[str, object]) -> str:
    message = reading.at(commit, "commit", "message")
    return reading.line(message.partition("\n")[0]) if isinstance(message, str) else ""


def _of_request(commit: Mapping[str, object]) -> bool:
    """Whether a commit says itself that it came with a pull request."""
    title = _title(commit)
    return title.startswith("Merge pull request #") or re.search(r"\(#\d+\)$", title) is not None


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(repositories: Sequence[Repository], window: Window) -> str:
    """The questions as ``gh api`` takes them."""
    span = f"since={_written(window.start)}&until={_written(window.end)}&per_page={PER_PAGE}"
    lines = [
        f"GET {one.path}/{part}"
        for one in repositories[:MOST_SHOWN]
        for part in (
            f"deployments?{_of(one)}",
            *(() if one.environment else (f"pulls?{urlencode(CLOSED)}", f"commits?{span}")),
        )
    ]
    more = len(repositories) - MOST_SHOWN
    return "\n".join([*lines, *([f"and the same of {more} more repositories"] if more > 0 else [])])


def _of(repository: Repository) -> str:
    """Which deployments are asked for."""
    environment = {"environment": repository.environment} if repository.environment else {}
    return urlencode({**environment, "per_page": PER_PAGE})
