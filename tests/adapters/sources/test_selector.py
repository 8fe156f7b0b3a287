import pytest

from bot.sources.selector import NotPlain, read

LABELS = {"service": "payment", "code": "500", "odd": 'a"b\\c\nd'}


@pytest.mark.parametrize(
    ("query", "selects"),
    [
        ("up", True),
        (" up ", True),
        ("up{}", True),
        ('up{service="payment"}', True),
        ("up{service='payment',}", True),
        ('up { service = "payment" , code=~"5.." }', True),
        ('up{service="pay"}', False),
        ('up{service=~"pay"}', False),
        ('up{service=~"pay.*|shop"}', True),
        ('up{service!="payment"}', False),
        ('up{code!~"4.."}', True),
        ('up{missing=""}', True),
        ('up{missing!=""}', False),
        (r'up{odd="a\"b\\c\nd"}', True),
        ('up{service="payment",code="404"}', False),
    ],
)
def test_a_plain_selector_selects_as_in_prometheus(query: str, selects: bool) -> None:  # noqa: FBT001  # a table's column
    selector = read(query)
    assert selector.name == "up"
    assert selector.selects(LABELS) is selects


@pytest.mark.parametrize(
    "query",
    [
        "",
        "rate(up[5m])",
        "up[5m]",
        "up offset 5m",
        "up > 1",
        'up{a="b"} / up',
        "sum by (a) (up)",
        '{__name__="up"}',
        'up{a="b"',
        "up{a}",
        "up{a=b}",
        'up{a=="b"}',
        "1",
        'up{a="b" c="d"}',
    ],
)
def test_more_than_that_is_said_not_to_be_known(query: str) -> None:
    with pytest.raises(NotPlain, match=r"plain selectors only.*PROMETHEUS_URL"):
        read(query)


def test_a_broken_expression_is_named() -> None:
    with pytest.raises(NotPlain, match="“pay\\(” is not a regular expression"):
        read('up{service=~"pay("}')
