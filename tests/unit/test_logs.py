import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot import logs
from bot.settings import Secret

HUSH = 'hush "quoted" \\ hush'


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put logging back as it was: it is the process's own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_request_and_no_secret() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", [Secret(HUSH)], stream)
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger("x").info("taken", said=f"it is {HUSH}.", token="abc", nested={"password": "p"}, count=3)
    structlog.get_logger("x").debug("not shown")
    [line] = lines(stream)
    assert line["request_id"] == "r-1"
    assert line["level"] == "info"
    assert line["said"] == "it is [hidden]."
    assert line["token"] == "[hidden]"
    assert line["nested"] == {"password": "[hidden]"}
    assert line["count"] == 3


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_and_other_libraries_are_cleaned_too(style: str) -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json" if style == "json" else "console", [Secret("known-secret")], stream)
    try:
        int("no xoxb-123456-abcdef and no known-secret")
    except ValueError:
        structlog.get_logger("x").exception("broken")
        logging.getLogger("other").exception("broken at %s", "https://kim:swordfish@db/x")
    text = stream.getvalue()
    assert text.count("ValueError") >= 2
    for secret in ("xoxb-123456", "known-secret", "swordfish"):
        assert secret not in text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("token xapp-1-A0-99-fff here", "xapp-1-A0-99-fff"),
        ("POST /x?token=abcdef&y=1", "abcdef"),
        ('{"client_secret": "a b c", "y": 1}', "a b c"),
        ("{'api_key': 'a b c'}", "a b c"),
        ('"{\\"password\\": \\"a b\\"}"', "a b"),
        ("DB_PASSWORD=hunter2 make", "hunter2"),
        ("key sk-proj-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234"),
        ("postgresql://fettle:hunter2@db/x", "hunter2"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "eyJzdWIiOiIx"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    cleaned = logs.Redactor()(text)
    assert secret not in cleaned
    assert "[hidden]" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "the token of the lock",
        "https://shop.example/pay?id=3",
        "secrets are kept",
        "pool 20 of 20 used",
        "step 2: password reset page",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert logs.Redactor()(text) == text


def test_a_long_line_is_cleaned_quickly() -> None:
    assert logs.Redactor()("a-" * 200_000).startswith("a-a-")
