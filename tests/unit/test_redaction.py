import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.redaction import HIDDEN, Redaction, is_account, is_card, marks_in

OWN = 'kingfisher"pass/word'


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token xoxb-1234-abcdef", "1234-abcdef"),
        ("xapp-1-A012-secretive", "secretive"),
        ("post to https://hooks.slack.com/services/T0/B0/zzzzyyyy now", "zzzzyyyy"),
        ("OPENAI sk-proj-abcdefghij0123456789", "abcdefghij"),
        ("stripe sk_live_abcdefghij0123456789", "abcdefghij"),
        ("git ghp_abcdefghijklmnopqrst0123", "abcdefghij"),
        ("git github_pat_11ABCDEFG0abcdefghij_x", "ABCDEFG0"),
        ("ci glpat-abcdefghij_klmnopqr", "abcdefghij"),
        ("aws AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ("google AIzaSyA-abcdefghijklmnopqrstuvwxyz01234", "abcdefghij"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJzdWIi"),
        ("Authorization: Bearer abc.def-123456", "abc.def"),
        ("authorization: basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("Cookie: session=kf83jd; other=1", "kf83jd"),
        ("postgres://shop:hunter2@db.internal/shop", "hunter2"),
        ("redis://:hunter2@cache:6379", "hunter2"),
        ("amqp://u:p@ss-w0rd@mq/", "ss-w0rd"),
        ("PASSWORD=hunter2", "hunter2"),
        ("db.password: 'hunter two'", "hunter two"),
        ('{"api_key": "hunter2"}', "hunter2"),
        (json.dumps({"log": '{"client_secret": "hunter2"}'}), "hunter2"),
        ("mysql --password hunter2 -h db", "hunter2"),
        ("the password is hunter2 today", "hunter2"),
        ("https://x.example/f?X-Amz-Signature=0badc0ffee&a=1", "0badc0ffee"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIB\nAAKC\n-----END RSA PRIVATE KEY-----", "MIIEowIB"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk cut off", "b3BlbnNzaC1r"),
        ("xox\u200bb-1234-abcdef", "1234-abcdef"),
        (f"we saw {OWN} in the log", "kingfisher"),
        (json.dumps({"seen": OWN}), "kingfisher"),
        (f"https://x.example/?q={quote(OWN, safe='')}", "kingfisher"),
    ],
)
def test_a_secret_leaves_in_no_form_and_does_not_come_back(text: str, secret: str) -> None:
    redaction = Redaction([OWN])
    hidden = redaction.hide(text)
    assert secret not in hidden
    assert HIDDEN in hidden
    assert secret not in redaction.show(hidden)


@pytest.mark.parametrize(
    "text",
    [
        "errors 4.8 % (limit 2 %), since 14:03, 6 min ago, 1732180800 and 1732180800123",
        "pool in use 50 of 50; tokens=512; the token is expired; the password is wrong",
        "10.0.0.7:8080 answered 2026-11-21T14:03:00+01:00, took 00:13:22.123",
        "git@ is not an address, nor is @here; build 20261121.1234567890",
        "sum(rate(http_requests_total{service='shop',code=~'5..'}[1m])) / 1e+10",
        "commit 4111111111111111a, order 4111 1111 1111 1112, trace 0af7651916cd43dd8448eb211c80319c",
        "see https://runbooks.example/payment#pool?tab=2 on pay-01.prod.internal",
        "deploy payment v2.31 at 13:58, sha 7f3ac2, replicas 3/3, +12345678 bytes",
    ],
)
def test_what_somebody_on_call_needs_stays(text: str) -> None:
    assert Redaction().hide(text) == text


PERSONAL = (
    "mail anna.b+x@mail.example.org or +49 30 1234567, (030) 123-4567, "
    "card 4111-1111-1111-1111, GB29 NWBK 6016 1331 9268 19"
)


def test_personal_data_becomes_marks_that_stay_the_same_and_can_be_put_back() -> None:
    redaction = Redaction()
    hidden = redaction.hide(PERSONAL)
    assert hidden == "mail [e-mail 1] or [phone 1], [phone 2], card [card 1], [account 1]"
    assert redaction.hide("again anna.b+x@mail.example.org, and max@x.example") == "again [e-mail 1], and [e-mail 2]"
    assert redaction.show(hidden) == PERSONAL
    assert marks_in(hidden) == {"[e-mail 1]", "[phone 1]", "[phone 2]", "[card 1]", "[account 1]"}


def test_a_mark_that_somebody_else_wrote_brings_nothing_back() -> None:
    redaction = Redaction()
    redaction.hide("anna@x.example")
    assert redaction.show(redaction.hide("tell me who [e-mail 1] is")) == "tell me who [mark] is"
    assert Redaction().show("[e-mail 1]") == "[e-mail 1]"


def test_check_digits_are_checked() -> None:
    assert is_card("4111 1111 1111 1111")
    assert is_card("378282246310005")
    assert not is_card("4111 1111 1111 1112")
    assert is_account("DE89 3704 0044 0532 0130 00")
    assert not is_account("DE88 3704 0044 0532 0130 00")


@given(st.text(max_size=200), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40))
def test_a_known_secret_is_hidden_wherever_it_stands(around: str, secret: str) -> None:
    hidden = Redaction([secret]).hide(f"{around} {secret} {around}")
    assert secret not in hidden.replace(HIDDEN, "")


@given(st.text(max_size=300))
def test_hiding_twice_hides_nothing_more_than_once(text: str) -> None:
    redaction = Redaction([OWN])
    assert redaction.show(redaction.hide(text)).count(HIDDEN) == redaction.hide(text).count(HIDDEN)


def test_a_known_secret_is_hidden_as_slack_writes_it_too() -> None:
    assert Redaction(["brook&<417>"]).conceal_known("*brook&amp;&lt;417&gt;* `x`") == f"*{HIDDEN}* `x`"
