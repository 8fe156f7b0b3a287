"""What holds for every test: no network beyond this machine, no settings from the surroundings, a home of its own.

The network guard is an audit hook, so it also sees imports and fixtures of any scope. It sees what Python's own
sockets do in this process; subprocesses and libraries with sockets of their own (uvloop, Chroma's Rust part) are not
covered.
"""

import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

FOREIGN_SETTINGS = (
    "ANSIBLE_",
    "ARGOCD_",
    "ELASTICSEARCH_",
    "FETTLE_",
    "GITHUB_",
    "JAEGER_",
    "KUBERNETES_",
    "LANGCHAIN_",
    "LANGSMITH_",
    "LOKI_",
    "OPENAI_",
    "PROMETHEUS_",
    "SLACK_",
    "TEMPO_",
)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PROGRAMS = {"browser": ("chromium",), "servers": ("prometheus", "prometheus-alertmanager")}

refused: list[str] = []


class OutsideWorldError(RuntimeError):
    """A test reached for an address that is not on this machine."""


def is_loopback(host: object) -> bool:
    """Tell whether a host, as sockets take it, stays on this machine; every other name counts as outside."""
    if isinstance(host, bytes | bytearray):
        host = host.decode(errors="replace")
    if not isinstance(host, str):
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_the_outside(event: str, args: tuple[object, ...]) -> None:
    """Refuse, as an audit hook, to connect, bind, send or resolve beyond loopback."""
    if event in {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}:
        sock, address = args[0], args[1]
        if not isinstance(sock, socket.socket) or sock.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        host = address[0] if isinstance(address, tuple) else address
        if address is None:  # already connected, and so already judged
            return
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = args[0]
        if host is None or is_number(host):  # no name, so nothing is asked of a resolver
            return
    else:
        return
    if not is_loopback(host):
        refused.append(f"{event} {host!r}")
        message = (
            f"{event} to {host!r}: tests stay on loopback; start the thing on 127.0.0.1 or use a transport of your own"
        )
        raise OutsideWorldError(message)


def is_number(host: object) -> bool:
    """Tell whether a host is a numeric address."""
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True


def pytest_configure() -> None:
    sys.addaudithook(refuse_the_outside)
    # The same examples each time and no stopwatch: a red test means a changed program, not an unlucky or busy machine.
    hypothesis.settings.register_profile("fettle", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("fettle")


def pytest_xdist_auto_num_workers() -> int:
    """Give how many tests run at once: three at least, because the longest ones mostly wait."""
    return max(3, min(os.cpu_count() or 1, 4))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, programs in PROGRAMS.items():
        missing = [program for program in programs if item.get_closest_marker(marker) and not shutil.which(program)]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session", autouse=True)
def clean_surroundings() -> Iterator[None]:
    """Hide the settings and proxies of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN_SETTINGS) or name.lower() in PROXIES:
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def fettle_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the test a FETTLE_HOME of its own."""
    monkeypatch.setenv("FETTLE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def network_guard() -> Iterator[list[str]]:
    """Fail a test that reached outside even where the program under test swallowed the refusal; give the attempts."""
    refused.clear()
    yield refused
    if refused:
        attempts = ", ".join(refused)
        refused.clear()
        pytest.fail(f"reached outside this machine: {attempts}")
