import ipaddress
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.domain.passage import DocumentKind
from bot.domain.reading import About, Website
from knowledge import IndexReport, Knowledge
from knowledge.fetching import NotFetched, fetch, permitted
from knowledge.websites import place_of

LIMITS = (
    b"<html><head><title>Limits | Vendor</title></head><body><nav>Home</nav><main><h2 id='quota'>Quota</h2>"
    b"<p>The API answers 429 when the quota of requests is used up.</p></main></body></html>"
)


def counts(report: IndexReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


@dataclass
class Given:
    """What the server answers for a path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: int = 1


class Server:
    """A real web server on loopback; ``asked`` are the requests with the marks that they carried."""

    def __init__(self) -> None:
        self.pages: dict[str, Given] = {}
        self.asked: list[tuple[str, str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                marks = (self.headers.get("If-None-Match", ""), self.headers.get("If-Modified-Since", ""))
                server.asked.append((self.path, *marks))
                given = server.pages.get(self.path, Given(status=404))
                etag = given.headers.get("ETag", "")
                if etag and marks[0] == etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(given.status)
                for name, value in {"Content-Type": "text/html", **given.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for _ in range(given.parts):
                        self.wfile.write(given.body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Nothing to say."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def source(server: Server) -> Website:
    server.pages = {
        "/limits": Given(LIMITS, headers={"ETag": '"1"'}),
        "/guide.md": Given(b"# Restore\n\nRestore the volume's snapshot.\n", headers={"Content-Type": "text/plain"}),
    }
    about = About(DocumentKind.VENDOR, "vendor desk", "shop")
    return Website("vendor", (f"{server.url}/limits", f"{server.url}/guide.md"), ("127.0.0.1",), about)


async def test_pages_are_read_and_open_at_their_anchor(knowledge: Knowledge, server: Server, source: Website) -> None:
    report = await knowledge.index([source])
    assert (report.errors, counts(report)) == ((), (2, 0, 0, 0))
    passage = (await knowledge.search("429 because the quota of requests is used up")).passages[0]
    assert passage.document == f"vendor/{server.url.removeprefix('http://')}/limits"
    assert passage.url == f"{server.url}/limits#quota"
    assert passage.quote == "The API answers 429 when the quota of requests is used up."
    assert (passage.kind, passage.owner, passage.service) == (DocumentKind.VENDOR, "vendor desk", "shop")
    assert (await knowledge.search("restore the snapshot of a volume")).passages[0].title == "Restore"


async def test_only_what_changed_is_sent_again(knowledge: Knowledge, server: Server, source: Website) -> None:
    await knowledge.index([source])
    server.asked.clear()
    assert counts(await knowledge.index([source])) == (0, 0, 0, 2)
    assert server.asked == [("/limits", '"1"', ""), ("/guide.md", "", "")]
    server.pages["/limits"] = Given(LIMITS.replace(b"429", b"503"), headers={"ETag": '"2"'})
    assert counts(await knowledge.index([source])) == (0, 1, 0, 1)
    server.asked.clear()
    others = Website("vendor", source.addresses, source.private, About(owner="somebody else"))
    assert counts(await knowledge.index([others])) == (0, 2, 0, 0)
    assert server.asked[0] == ("/limits", "", "")


async def test_a_page_that_is_no_more_goes_and_one_that_fails_stays(
    knowledge: Knowledge, server: Server, source: Website
) -> None:
    await knowledge.index([source])
    server.pages["/limits"] = Given(status=500)
    report = await knowledge.index([source])
    assert (counts(report), len(report.errors)) == ((0, 0, 0, 1), 1)
    assert report.errors[0].startswith("vendor/")
    assert "answered 500" in report.errors[0]
    server.pages["/limits"] = Given(status=410)
    report = await knowledge.index([source])
    assert counts(report) == (0, 0, 1, 1)
    assert "there is no such page any more" in report.errors[0]
    shorter = Website("vendor", (), source.private)
    assert counts(await knowledge.index([shorter])) == (0, 0, 1, 0)


async def test_an_unreachable_host_is_asked_once_and_its_pages_stay(
    knowledge: Knowledge, server: Server, source: Website
) -> None:
    await knowledge.index([source])
    server.http.server_close()
    report = await knowledge.index([source])
    assert counts(report) == (0, 0, 0, 0)
    assert len(report.errors) == 1
    assert "cannot be reached" in report.errors[0]
    assert "what was indexed from it stays" in report.errors[0]
    assert (await knowledge.search("429 because the quota of requests is used up")).passages


def test_redirects_on_the_same_host_are_followed(server: Server) -> None:
    server.pages = {
        "/old": Given(status=301, headers={"Location": "/new"}),
        "/new": Given(b"here"),
        "/loop": Given(status=302, headers={"Location": "/loop"}),
        "/out": Given(status=302, headers={"Location": "http://localhost:1/secret"}),
        "/file": Given(status=302, headers={"Location": "file:///etc/passwd"}),
    }
    found = fetch(f"{server.url}/old", ("127.0.0.1",))
    assert (found.url, found.data) == (f"{server.url}/new", b"here")
    for path, said in (("/loop", "more than 5 times"), ("/out", "only redirects on the same host"), ("/file", "only")):
        with pytest.raises(NotFetched, match=said):
            fetch(f"{server.url}{path}", ("127.0.0.1",))


def test_private_addresses_are_asked_only_where_it_is_allowed(server: Server) -> None:
    server.pages = {"/": Given(b"here")}
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(NotFetched, match="no address of the public Internet"):
            fetch(url, ())
    assert server.asked == []
    assert fetch(f"{server.url.replace('127.0.0.1', 'localhost')}/", ("127.0.0.0/8",)).data == b"here"
    assert fetch(f"{server.url}/", ("127.0.0.1",)).data == b"here"
    assert fetch(f"{server.url.replace('127.0.0.1', 'LOCALHOST')}/", ("localhost",)).data == b"here"


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.215.14", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("2606:4700::1111", True),
    ],
)
def test_which_addresses_are_public(address: str, allowed: bool) -> None:  # noqa: FBT001 - the expected value
    assert permitted(ipaddress.ip_address(address), "docs.example", ()) is allowed


def test_too_much_is_refused(server: Server) -> None:
    server.pages = {"/large": Given(b"x" * 1_000_000, parts=100)}
    with pytest.raises(NotFetched, match="over 20,000,000 bytes"):
        fetch(f"{server.url}/large", ("127.0.0.1",))


async def test_what_is_no_page_is_named(knowledge: Knowledge, server: Server) -> None:
    server.pages = {
        "/picture": Given(b"\x89PNG", headers={"Content-Type": "image/png"}),
        "/empty": Given(b"<html><body><script>fill()</script></body></html>"),
        "/latin": Given(
            "<h1>Größe</h1><p>Text".encode("latin-1"), headers={"Content-Type": "text/html; charset=latin-1"}
        ),
        "/odd": Given("<h1>Straße</h1><p>Text".encode(), headers={"Content-Type": "text/html; charset=no-such"}),
    }
    source = Website("site", tuple(f"{server.url}{path}" for path in server.pages), ("127.0.0.1",))
    report = await knowledge.index([source])
    assert [error.rpartition("/")[2] for error in report.errors[:1]] == ["png is neither HTML nor Markdown nor PDF"]
    assert "it holds no text of its own" in report.errors[1]
    assert len(report.errors) == 2
    titles = []
    for path in ("latin", "odd"):
        page = await knowledge.document(f"site/{server.url.removeprefix('http://')}/{path}")
        titles.append(page.title if page else "")
    assert titles == ["Größe", "Straße"]


def test_places_keep_pages_apart() -> None:
    places = [place_of(f"https://a.example{rest}") for rest in ("", "/", "/x/", "/x?page=2", "/%C3%BC")]
    assert places == ["a.example", "a.example", "a.example/x", "a.example/x?page=2", "a.example/ü"]
