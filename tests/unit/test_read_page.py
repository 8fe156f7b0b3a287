"""A page that somebody opens from an answer: as much as a modal takes, and no key's second half."""

import json

import pytest

from bot import blocks as b
from bot.domain.passage import Document
from skills.ask import views

KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 200 + "-----END PRIVATE KEY-----\n"


def texts(page: str) -> list[str]:
    view = views.page(Document("runbooks/a.md", "Page", page), "")
    assert len(json.dumps(view["blocks"], ensure_ascii=False)) <= b.TOTAL_CHARACTERS
    return [block["text"]["text"] for block in view["blocks"] if block["type"] == "section"]


@pytest.mark.parametrize("page", ["word " * 9_000, '"<>&`\n' * 4_000, "z" * 30_000, "<!channel>" * 3_000, ""])
def test_any_page_fits_into_a_modal(page: str) -> None:
    assert texts(page)


def test_a_key_is_shown_in_no_part() -> None:
    assert "MIIEvQ" not in "".join(texts(f"Renew it.\n{KEY}\nThen restart."))


def test_a_secret_is_not_cut_in_two() -> None:
    assert "moor" not in "".join(texts("password=Plover-moor-83x " * 400))


def test_a_long_code_block_is_one_in_each_part() -> None:
    shown = texts("```\n" + "kubectl get pods\n" * 400 + "```\n")
    assert len(shown) > 1
    assert all(one.startswith("```") and one.rstrip().endswith("```") for one in shown)
