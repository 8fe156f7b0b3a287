"""The workspace is for this machine's user: other hosts, other sites and framed pages are kept out."""

import asyncio

import aiohttp
import httpx
import pytest

from bot.errors import ConfigError
from bot.workspace.server import build, running
from bot.workspace.workspace import Workspace
from tests.adapters.workspace.harness import Harness


async def test_it_serves_loopback_only() -> None:
    with pytest.raises(ConfigError, match="loopback only"):
        async with running(Workspace(), host="0.0.0.0"):
            pass


async def test_a_port_that_is_taken_is_named(harness: Harness) -> None:
    port = int(harness.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=str(port)):
        async with running(Workspace(), port):
            pass


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "10.0.0.5", ""]
)
async def test_a_name_that_was_pointed_here_is_refused(harness: Harness, host: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(harness.url, headers={"Host": host})
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_act(harness: Harness, headers: dict[str, str]) -> None:
    body = {"as": "U0JUNIOR", "channel": "C0OPS", "text": "x"}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{harness.url}/ui/api/say", json=body, headers=headers)
        own = await client.post(f"{harness.url}/ui/api/say", json=body, headers={"Origin": harness.url})
    assert (answer.status_code, own.status_code) == (403, 200)
    assert len(harness.workspace.state.ordered("C0OPS")) == 1


async def test_a_form_of_another_site_is_not_json(harness: Harness) -> None:
    text = '{"as": "U0JUNIOR", "channel": "C0OPS", "text": "x"}'
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{harness.url}/ui/api/say", content=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/ui/live?as=U0JUNIOR", "/socket?ticket=x"])
async def test_another_site_cannot_listen(harness: Harness, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(harness.url + path, headers={"Origin": "http://evil.example"})


async def test_a_caller_from_elsewhere_is_refused() -> None:
    transport = httpx.ASGITransport(build(Workspace()), client=("10.0.0.9", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as client:
        assert (await client.get("/")).status_code == 403


async def test_the_page_can_only_load_itself(harness: Harness) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(harness.url)
        outside = await client.get(f"{harness.url}/page/../server.py")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert outside.status_code == 404


async def test_a_file_that_is_no_picture_is_never_shown(harness: Harness) -> None:
    upload = await harness.client().files_upload_v2(
        content=b"<script>alert(1)</script>", filename="x.html", channel="C0OPS"
    )
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(upload["file"]["url_private"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


async def test_a_socket_ticket_is_used_once(harness: Harness) -> None:
    async with aiohttp.ClientSession() as session:
        _, body = await harness.raw("apps.connections.open", "xapp-1-local-fettle")
        first = await session.ws_connect(body["url"])
        assert (await first.receive_json())["type"] == "hello"
        second = await session.ws_connect(body["url"])
        async with asyncio.timeout(5):
            assert (await second.receive()).type is aiohttp.WSMsgType.CLOSE
        assert second.close_code == 4001
        await first.close()


async def test_a_person_sees_only_what_is_theirs(harness: Harness) -> None:
    jun, sena = harness.person(), harness.person("U0SENIOR")
    private = await jun.direct()
    said = await jun.say("secret", channel=private)
    for ask in (sena.messages(private), sena.react(said, "eyes"), sena.say("hello", channel=private)):
        with pytest.raises(Exception, match="sees no conversation"):
            await ask
    number = harness.workspace.feed.number
    await jun.say("secret two", channel=private)
    assert harness.workspace.feed.since("U0SENIOR", number) == []


def test_the_page_never_parses_markup_from_text(page_source: str) -> None:
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "DOMParser",
        'setAttribute("style',
    ):
        assert word not in page_source
