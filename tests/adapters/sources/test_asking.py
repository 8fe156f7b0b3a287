"""What holds for every source that is asked over HTTP: outages, refusals, limits, and that no secret leaks."""

import base64
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from bot.domain.evidence import Asked, Empty, Failed, Found
from bot.errors import ConfigError
from bot.settings import Secret
from bot.sources.absent import NoCluster, NoLogs, NoTraces
from bot.sources.asking import Access, NoAnswer, Question, Server, bearer
from bot.sources.kubernetes import KubernetesCluster
from tests.adapters.sources.everything import EVERYTHING, TOKEN, Asking, One
from tests.adapters.sources.stand_in import END, HOUR, StandIn, first_recorded, recorded

PASSWORD = "p%40ss-of-a-proxy"
EACH = pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: one.name)
MOST = 8_000_000


def asking(one: One, api: StandIn, timeout: float = 5, seconds: list[float] | None = None) -> Asking:
    clock = seconds or [0.0]
    api.answers = dict(recorded(one.name))
    return one.make(api.url, Secret(TOKEN), timeout, lambda: clock[0])


def reason(answer: object) -> str:
    assert isinstance(answer, Failed), answer
    assert TOKEN not in answer.reason
    assert base64.b64encode(TOKEN.encode()).decode() not in answer.reason
    assert TOKEN not in answer.asked.query
    return answer.reason


@EACH
async def test_it_carries_the_token_and_says_what_it_asked(one: One, api: StandIn) -> None:
    answer = await asking(one, api)()
    assert isinstance(answer, Found)
    assert "not read" not in answer.asked.query
    assert answer.asked.query
    scheme = "ApiKey" if one.name == "elasticsearch" else "Bearer"
    assert {request.headers.get("Authorization") for request in api.asked} == {f"{scheme} {TOKEN}"}
    tenants = {request.headers.get("X-Scope-OrgID") for request in api.asked}
    assert tenants == ({"shop"} if one.name in {"loki", "tempo"} else {None})


EMPTY: dict[str, object] = {
    "loki": {"status": "success", "data": {"resultType": "streams", "result": []}},
    "elasticsearch": {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": []}},
    "github": [],
    "argocd": {"metadata": {"name": "payment-production"}, "spec": {"project": "shop"}, "status": {}},
    "kubernetes": {"kind": "List", "metadata": {}, "items": []},
    "tempo": {"traces": []},
    "jaeger": {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": None},
}


@EACH
async def test_nothing_is_empty_and_not_failed(one: One, api: StandIn) -> None:
    question = asking(one, api)
    api.answers = {".*": EMPTY[one.name]}
    assert isinstance(await question(), Empty)


@EACH
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "401 Unauthorized (“no entry for [hidden]”): check "),
        (403, "403 Forbidden (“no entry for [hidden]”): "),
        (404, "404 Not Found (“no entry for [hidden]”): "),
        (500, "500 Internal Server Error (“no entry for [hidden]”)"),
    ],
)
async def test_a_refusal_says_what_came_back_and_hides_the_token(
    one: One, api: StandIn, status: int, says: str
) -> None:
    question = asking(one, api)
    api.status, api.raw = status, json.dumps({"message": f"no entry for {TOKEN}"}).encode()
    said = reason(await question())
    assert says in said
    if status == 401:
        variable = {"elasticsearch": "ELASTICSEARCH_API_KEY"}.get(one.name, f"{one.name.upper()}_TOKEN")
        assert variable in said


@EACH
async def test_after_a_429_it_is_left_alone_for_as_long_as_it_says(one: One, api: StandIn) -> None:
    seconds = [0.0]
    question = asking(one, api, seconds=seconds)
    api.status, api.headers, api.raw = 429, {"Retry-After": "90"}, b"{}"
    assert "429 Too Many Requests: it is asked too often" in reason(await question())
    count = len(api.asked)
    seconds[0] = 30
    assert "is asked again in 60 s" in reason(await question())
    assert len(api.asked) == count

    seconds[0] = 91
    api.status, api.raw = 200, None
    assert isinstance(await question(), Found)


@EACH
@pytest.mark.parametrize("trouble", ["500", "garbage", "deep", "slow", "gone", "other JSON"])
async def test_after_three_outages_it_rests(one: One, api: StandIn, trouble: str) -> None:
    seconds = [0.0]
    question = asking(one, api, 0.2 if trouble == "slow" else 5, seconds)
    said = {
        "500": "it answered 500",
        "garbage": "something else than JSON (text/html, 15 bytes)",
        "deep": "something else than JSON",
        "slow": "no answer within 0.2 s",
        "gone": "it cannot be asked (ClientConnectorError)",
        "other JSON": "it answered with something else than",
    }[trouble]
    match trouble:
        case "500":
            api.status, api.raw = 500, b"oops"
        case "garbage":
            api.raw, api.kind = b"<html>log in</h", "text/html"
        case "deep":
            api.raw = b"[" * 200_000
        case "slow":
            api.hold.clear()
        case "gone":
            question = one.make("http://fettle:kingfisher-token@127.0.0.1:9", None, 5, lambda: seconds[0])
        case "other JSON":
            api.answers = {".*": {"data": "x", "items": "x", "hits": 1, "traces": "x", "history": 1}}
    for _ in range(3):
        assert said in reason(await question())
    count = len(api.asked)
    assert "3 times in a row and is asked again in 15 s" in reason(await question())
    assert len(api.asked) == count

    seconds[0] = 15
    api.hold.set()
    api.status, api.raw, api.kind, api.answers = 200, None, "application/json", dict(recorded(one.name))
    assert isinstance(await question(), Failed if trouble == "gone" else Found)


@EACH
async def test_a_huge_answer_is_not_taken_in(one: One, api: StandIn) -> None:
    sent = [0]

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(40):
            await response.write(b" " * 1_000_000)
            sent.append(sent.pop() + 1_000_000)
        return response

    question = asking(one, api, 20)
    api.stream = endless
    assert "over 8 MB" in reason(await question())
    assert sent[0] < 40_000_000 * len(api.asked)


def mutations(value: object) -> Iterator[object]:
    """The value with each of its parts replaced by things that nobody expects there."""
    yield from (None, [], {}, "x", -1, 1e300, True, [None], [{}], {"x": []}, "\ud800", "9" * 40, [[]])
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: part for name, part in value.items() if name != key}
            yield from ({**value, key: other} for other in mutations(inner))
    elif isinstance(value, list):
        for place, inner in enumerate(value[:2]):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in mutations(inner))


@EACH
async def test_any_answer_gives_an_answer(one: One, api: StandIn) -> None:
    question = asking(one, api)
    path, good = first_recorded(one.name)
    tried = list(mutations(good))
    for other in tried[:: len(tried) // 120 or 1]:
        api.answers = {**recorded(one.name), path: other}
        assert isinstance(await question(), Found | Empty | Failed)


def server(url: str, token: Secret | None = None) -> Server:
    return Server(Access("Thing", "THING_URL", url, "THING_TOKEN", token, bearer(token)), 5, lambda: 0.0)


async def ask(one: Server, path: str = "/x") -> object:
    async def read(question: Question) -> tuple[object, ...]:
        return (await question.get(path),)

    return await one.ask(Asked("Thing", path), read)


async def test_a_user_and_password_of_the_address_are_used_and_never_shown(api: StandIn) -> None:
    url = api.url.replace("http://", f"http://fettle:{PASSWORD}@")
    api.answers = {"/x": [1]}
    assert isinstance(await ask(server(url)), Found)
    basic = base64.b64encode(b"fettle:p@ss-of-a-proxy").decode()
    assert api.asked[0].headers["Authorization"] == f"Basic {basic}"
    assert "fettle" not in server(url).url

    api.status, api.kind, api.raw = 418, "text/plain", f"{basic} {PASSWORD} p@ss-of-a-proxy are wrong".encode()
    said = await ask(server(url))
    assert isinstance(said, Failed)
    assert said.reason == "it answered 418 I'm a Teapot (“[hidden] [hidden] [hidden] are wrong”)"


async def test_a_token_comes_before_the_addresss_password(api: StandIn) -> None:
    api.answers = {"/x": [1]}
    await ask(server(api.url.replace("http://", "http://fettle:other@"), Secret(TOKEN)))
    assert api.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


async def test_a_redirect_to_another_place_takes_no_token_along(api: StandIn) -> None:
    port = urlsplit(api.url).port
    api.answers = {
        "/x": lambda _: web.Response(status=302, headers={"Location": f"http://localhost:{port}/y"}),
        "/y": [1],
    }
    assert isinstance(await ask(server(api.url, Secret(TOKEN))), Found)
    assert [request.headers.get("Authorization") for request in api.asked] == [f"Bearer {TOKEN}", None]


async def test_parts_that_could_not_be_read_are_told(api: StandIn) -> None:
    api.answers = {"/a": [1], "/b": []}

    async def read(question: Question) -> tuple[object, ...]:
        parts = await question.each(["/a", "/b", "/c", "/d"], question.get, str)
        return tuple(item for part in parts for item in part)  # type: ignore[attr-defined]  # these are lists

    told = await server(api.url).ask(Asked("Thing", "all of it"), read)
    assert isinstance(told, Found)
    assert told.data == (1,)
    assert told.asked.query == (
        "all of it\n(not read: /c, /d: it answered 404 Not Found (“Not Found”): is THING_URL right?)"
    )

    # Where nothing was found and a part is missing, nobody can say that there is nothing.
    api.answers = {"/a": [], "/b": []}
    assert isinstance(await server(api.url).ask(Asked("Thing", "all of it"), read), Failed)


async def test_a_rate_limits_end_is_told(api: StandIn) -> None:
    api.status, api.raw = 403, b"{}"
    api.headers = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int((END + timedelta(minutes=14)).timestamp())),
        "Date": END.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    one = server(api.url)
    said = await ask(one)
    assert isinstance(said, Failed)
    assert said.reason == "it answered 403 Forbidden: its rate limit is used up until 03:14 UTC"
    again = await ask(one)
    assert isinstance(again, Failed)
    assert again.reason.endswith("it is asked again in 840 s")
    assert len(api.asked) == 1


async def test_certificates_that_cannot_be_read_are_a_wrong_setting(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("not a certificate")
    with pytest.raises(ConfigError, match="KUBERNETES_CA"):
        KubernetesCluster("https://127.0.0.1:9", None, {}, 5, ca=wrong)


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """A server whose certificate only its own file vouches for: its address and that file."""
    if not shutil.which("openssl"):
        pytest.skip("not installed: openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def nothing(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {}, "items": []})

    app = web.Application()
    app.router.add_get("/{path:.*}", nothing)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", certificate
    await runner.cleanup()


async def test_a_clusters_own_authority_is_trusted_where_its_file_is_set(tls: tuple[str, Path]) -> None:
    url, certificate = tls
    names = {"payment": "shop/payment"}
    trusting = KubernetesCluster(url, None, names, 5, ca=certificate)
    assert isinstance(await trusting.happenings(["payment"], HOUR), Empty)
    said = reason(await KubernetesCluster(url, None, names, 5).happenings(["payment"], HOUR))
    assert "its certificate cannot be trusted" in said


async def test_a_server_that_speaks_no_tls_is_told(api: StandIn) -> None:
    said = await ask(server(api.url.replace("http://", "https://")))
    assert isinstance(said, Failed)
    assert "is THING_URL right" in said.reason


async def test_nothing_configured_says_what_to_set() -> None:
    said = [
        await NoLogs().lines("payment", HOUR, 10),
        await NoTraces().calls(["payment"], HOUR, 60),
        await NoTraces().work(["payment"], HOUR, 60),
        await NoTraces().edges(HOUR),
        await NoCluster().happenings(["payment"], HOUR),
    ]
    for one, variable in zip(said, ["LOKI_URL", "TEMPO_URL", "TEMPO_URL", "TEMPO_URL", "KUBERNETES_URL"], strict=True):
        assert isinstance(one, Failed)
        assert f"set {variable}" in one.reason


def test_a_fault_that_is_the_questions_own_is_no_outage() -> None:
    assert not NoAnswer("it answered 400 Bad Request").outage
