"""One web page over HTTP, within limits: of time and size, to the host that was named, on the public Internet.

Names are resolved here and the connection goes to the very address that was looked at, so that a name cannot mean
another machine a moment later. The environment's proxies are not used, since they would resolve names themselves.
"""

from __future__ import annotations

import ipaddress
import socket
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 15.0
WHOLE_SECONDS = 60.0
MOST_REDIRECTS = 5
LARGEST = 20_000_000
PORTS = {"http": 80, "https": 443}
_GONE = frozenset((httpx.codes.NOT_FOUND, httpx.codes.GONE))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotFetched(Exception):
    """A page was not fetched; the text says why. ``host_down``: no other page of that host would be either."""

    def __init__(self, message: str, *, host_down: bool = False) -> None:
        super().__init__(message)
        self.host_down = host_down


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a host answered. ``same``: as the marks said that are already known. ``gone``: there is no such page."""

    url: str
    data: bytes = b""
    media: str = ""
    charset: str = ""
    etag: str = ""
    modified: str = ""
    same: bool = False
    gone: bool = False


def fetch(url: str, private: tuple[str, ...], etag: str = "", modified: str = "") -> Fetched:
    """Ask for a page, following redirects on the same host. Raises NotFetched."""
    asked = {"If-None-Match": etag, "If-Modified-Since": modified}
    ends = time.monotonic() + WHOLE_SECONDS
    timeout = httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
    try:
        with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            at = url
            for _ in range(MOST_REDIRECTS + 1):
                request = _request(client, at, private, {name: value for name, value in asked.items() if value})
                answer = client.send(request, stream=True)
                try:
                    if not answer.has_redirect_location:
                        return _answered(answer, at, ends)
                    at = _onward(at, answer.headers["location"])
                finally:
                    answer.close()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotFetched(f"{_host(url)} cannot be reached ({_short(error)})", host_down=True) from error
    except httpx.TimeoutException as error:
        raise NotFetched(f"{_host(url)} did not answer within {SILENT_SECONDS:.0f} s", host_down=True) from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise NotFetched(f"{_host(url)} did not answer properly ({_short(error)})") from error
    raise NotFetched(f"it sent us on more than {MOST_REDIRECTS} times")


def permitted(address: Address, host: str, private: tuple[str, ...]) -> bool:
    """Whether an address may be asked: a public one, or one that the configuration names by host or network."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    real = mapped or address
    if real.is_global and not real.is_multicast:
        return True
    for one in private:
        if one.lower() == host.lower():
            return True
        try:
            network = ipaddress.ip_network(one, strict=False)
        except ValueError:
            continue
        if real.version == network.version and real in network:
            return True
    return False


def _request(client: httpx.Client, url: str, private: tuple[str, ...], marks: Mapping[str, str]) -> httpx.Request:
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in PORTS or not host:
        raise NotFetched("only http:// and https:// addresses are fetched")
    port = parts.port or PORTS[parts.scheme]
    address = _resolved(host, port, private)
    literal = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - the protocol's number
    target = parts._replace(netloc=f"{literal}:{port}", fragment="")
    headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "Fettle", "Accept-Encoding": "gzip, identity"}
    return client.build_request(
        "GET",
        urllib.parse.urlunsplit(target),
        headers={
            **headers,
            "Accept": "text/html, text/markdown, application/pdf, text/plain;q=0.8, */*;q=0.1",
            **marks,
        },
        extensions={"sni_hostname": host},
    )


def _resolved(host: str, port: int, private: tuple[str, ...]) -> Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFetched(f"{host} is not known to the name service ({_short(error)})", host_down=True) from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    allowed = [address for address in addresses if permitted(address, host, private)]
    if not allowed:
        where = ", ".join(dict.fromkeys(str(address) for address in addresses))
        raise NotFetched(
            f"{host} is {where}, which is no address of the public Internet: if it is meant, name the host or its "
            "network under `private` in the source",
            host_down=True,
        )
    return allowed[0]


def _answered(answer: httpx.Response, url: str, ends: float) -> Fetched:
    if answer.status_code == httpx.codes.NOT_MODIFIED:
        return Fetched(url, same=True)
    if answer.status_code in _GONE:
        return Fetched(url, gone=True)
    if answer.status_code != httpx.codes.OK:
        raise NotFetched(f"{_host(url)} answered {answer.status_code} {answer.reason_phrase}".rstrip())
    data = bytearray()
    for part in answer.iter_bytes(65_536):
        data += part
        if len(data) > LARGEST:
            raise NotFetched(f"it has over {LARGEST:,} bytes")
        if time.monotonic() > ends:
            raise NotFetched(f"it was not there whole after {WHOLE_SECONDS:.0f} s")
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    marks = (answer.headers.get("etag", "")[:500], answer.headers.get("last-modified", "")[:100])
    return Fetched(url, bytes(data), media, (answer.charset_encoding or "")[:40], *marks)


def _onward(url: str, location: str) -> str:
    target = urllib.parse.urljoin(url, location)
    before, after = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
    usual = before.port in {None, PORTS.get(before.scheme)} and after.port in {None, PORTS.get(after.scheme)}
    same = before.hostname == after.hostname and (usual or before.port == after.port)
    if not same or after.scheme not in {before.scheme, "https"}:
        raise NotFetched(
            f"it sent us on to {target[:200]}: only redirects on the same host are followed; name that page"
        )
    return target


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2][:200]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:150] or type(error).__name__
