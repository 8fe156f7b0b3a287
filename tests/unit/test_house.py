import importlib.metadata
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable

import pytest

from tests import house

PROJECT = tomllib.loads((house.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (house.ROOT / "requirements.lock").read_text(encoding="utf-8")


OFFENCES = [
    (house.reads_environment, "bot/app.py", "import os\nos.environ['A']"),
    (house.reads_environment, "bot/app.py", "import os as o\no.environ.get('A')"),
    (house.reads_environment, "bot/app.py", "from os import getenv as g\ng('A')"),
    (house.reads_environment, "bot/runners/x.py", "import os\nenv = dict(os.environ)"),
    (house.reads_environment, "bot/app.py", "import os\nSettings(given=os.environ)"),
    (house.impurities, "bot/domain/x.py", "import random"),
    (house.impurities, "bot/domain/x.py", "from pathlib import Path"),
    (house.impurities, "bot/domain/x.py", "from bot.settings import Settings"),
    (house.impurities, "bot/domain/x.py", "import datetime as d\nd.datetime.now(d.UTC)"),
    (house.impurities, "bot/domain/x.py", "from datetime import date as day\nday.today()"),
    (house.impurities, "bot/domain/x.py", "import posixpath\nposixpath.exists('x')"),
    (house.impurities, "bot/domain/x.py", "from posixpath import realpath as r\nr('x')"),
    (house.impurities, "skills/rca/logic.py", "def f():\n    import asyncio"),
    (house.impurities, "skills/rca/logic.py", "from skills.kpi import logic"),
    (house.impurities, "skills/rca/logic.py", "import numpy as np\nnp.random.default_rng()"),
    (house.impurities, "skills/rca/views.py", "from uuid import uuid4"),
    (house.impurities, "skills/rca/views.py", "from slack_sdk.web import WebClient"),
    (house.impurities, "skills/rca/views.py", "open('x')"),
    (house.broad_excepts, "bot/model.py", "try:\n    f()\nexcept Exception:\n    pass"),
    (house.broad_excepts, "bot/model.py", "try:\n    f()\nexcept:\n    pass"),
    (house.broad_excepts, "bot/model.py", "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    raise e"),
    (house.broad_excepts, "bot/model.py", "import contextlib\nwith contextlib.suppress(Exception):\n    f()"),
    (house.processes, "skills/rca/skill.py", "import subprocess as s\ns.run(['x'])"),
    (house.processes, "bot/web/api.py", "import asyncio\nasyncio.create_subprocess_exec('x')"),
    (house.processes, "bot/engine/run.py", "import os\nos.system('x')"),
    (house.processes, "bot/cli.py", "from os import execv\nexecv('x', [])"),
    (house.silent_exemptions, "bot/app.py", "f()  # noqa"),
    (house.silent_exemptions, "bot/app.py", "f()  # noqa: S101"),
    (house.silent_exemptions, "bot/app.py", "f()  # type: ignore[arg-type]"),
    (house.stubs, "bot/app.py", "raise NotImplementedError"),
    (house.stubs, "bot/app.py", "def f():\n    raise NotImplementedError('later')"),
    (house.vague_names, "bot/slack/utils.py", ""),
    (house.vague_names, "bot/helpers/text.py", ""),
]


def normal(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def declared() -> set[str]:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    return {normal(requirement) for requirement in wanted}


def locked() -> set[str]:
    return {normal(line) for line in LOCK.splitlines() if "==" in line}


def documented(page: str) -> set[str]:
    direct = page.partition("## The whole lock")[0]
    return {normal(name) for name in re.findall(r"^\| `([\w.-]+)` \|", direct, re.MULTILINE)}


def tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a Git checkout: nothing says which files belong to the project")
    return [path for path in listed.stdout.split("\0") if path and (house.ROOT / path).is_file()]


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: house.Rule) -> None:
    assert [offence for path, source in house.product_files() for offence in rule(path, source)] == []


@pytest.mark.parametrize(("rule", "path", "source"), OFFENCES)
def test_the_rule_finds(rule: house.Rule, path: str, source: str) -> None:
    assert len(rule(path, source)) == 1


def test_every_rule_is_known_to_find_something() -> None:
    assert {rule for rule, _, _ in OFFENCES} == set(house.RULES)


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (house.reads_environment, "bot/settings.py", "import os\nos.environ['A']"),
        (house.reads_environment, "bot/runners/x.py", "import os\nrun(env={**os.environ, 'A': '1'})"),
        (house.impurities, "bot/domain/x.py", "from datetime import datetime\ndef f(now: datetime): return now.date()"),
        (
            house.impurities,
            "skills/rca/logic.py",
            "from bot.domain.incident import Incident\nfrom skills.rca import views",
        ),
        (house.impurities, "bot/domain/x.py", "import posixpath\nposixpath.normpath('/a/../b')"),
        (house.impurities, "skills/rca/skill.py", "import asyncio"),
        (house.broad_excepts, "bot/web/api.py", "try:\n    f()\nexcept Exception:\n    pass"),
        (house.broad_excepts, "bot/model.py", "try:\n    f()\nexcept BaseException:\n    g()\n    raise"),
        (house.broad_excepts, "bot/model.py", "isinstance(failure, Exception)"),
        (house.processes, "bot/runners/kubectl.py", "import subprocess\nsubprocess.run(['kubectl'])"),
        (house.silent_exemptions, "bot/app.py", "f()  # noqa: S101  # the caller has checked it"),
        (house.silent_exemptions, "bot/app.py", "f()  # type: ignore[arg-type]  # the stub is wrong about None"),
        (house.silent_exemptions, "bot/app.py", "text = '# noqa'"),
    ],
)
def test_the_rule_leaves_alone(rule: house.Rule, path: str, source: str) -> None:
    assert rule(path, source) == []


def test_every_skill_has_its_three_files() -> None:
    assert house.skill_shape({path for path, _ in house.product_files()}) == []


def test_a_skill_without_views_is_found() -> None:
    assert house.skill_shape({"skills/__init__.py", "skills/rca/skill.py", "skills/rca/logic.py"}) == [
        "skills/rca has no views.py: a skill is skill.py, logic.py and views.py"
    ]


def test_no_file_names_a_machine() -> None:
    offences = []
    for path in tracked_files():
        try:
            text = (house.ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        offences += house.machine_paths(path, text)
    assert offences == []


@pytest.mark.parametrize("place", ["root", "Users/kim", "home/kim", "work"])
def test_a_machine_path_is_found(place: str) -> None:
    assert len(house.machine_paths("docs/x.md", f"see `/{place}/fettle/x`")) == 1


@pytest.mark.parametrize("text", ["https://example.org/home/page", "GET /api/work/1", "the /work route", "~/.fettle"])
def test_other_paths_are_left_alone(text: str) -> None:
    assert house.machine_paths("docs/x.md", text) == []


def test_every_dependency_has_its_reason() -> None:
    page = (house.ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert documented(page) == declared()


def test_every_dependency_is_locked() -> None:
    assert declared() - locked() == set()


def test_every_locked_package_has_its_licence() -> None:
    page = (house.ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    table = page.partition("## The whole lock")[2]
    assert set(re.findall(r"^\| ([a-z0-9][a-z0-9-]*) \| (?!licence).+\|$", table, re.MULTILINE)) == locked()


def test_what_is_imported_is_declared() -> None:
    owners = importlib.metadata.packages_distributions()
    wanted = {
        normal(owner)
        for _, source in house.product_files()
        for module in house.modules_in(source)
        for owner in owners.get(module, [f"nothing installed gives {module}"])[:1]
    }
    assert wanted - declared() == set()


def test_an_import_from_outside_is_found() -> None:
    source = "import os\nfrom bot import app\nimport sqlglot.errors\ndef f():\n    from httpx import AsyncClient"
    assert house.modules_in(source) == {"httpx", "sqlglot"}


def test_the_lock_names_no_place() -> None:
    assert house.index_addresses(LOCK) == []


@pytest.mark.parametrize("line", ["--index-url https://pypi.example/simple", "x @ file:///tmp/x.whl", "x==1", "-e ."])
def test_a_place_in_the_lock_is_found(line: str) -> None:
    lock = ["a==1 \\", f"    --hash=sha256:{'0' * 64}", line]
    assert len(house.index_addresses("\n".join(lock))) == 1


def test_the_lock_leaves_out_what_is_not_used() -> None:
    assert locked() & {"torch", "sentence-transformers", "transformers", "onnxruntime", "kubernetes"} == set()


def test_chroma_does_without_what_the_lock_leaves_out() -> None:
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({PROJECT['tool']['uv']['exclude-dependencies']}))\n"
        "import chromadb\n"
        "client = chromadb.EphemeralClient(chromadb.config.Settings(anonymized_telemetry=False))\n"
        "collection = client.create_collection('runbooks', embedding_function=None)\n"
        "collection.add(ids=['a'], embeddings=[[0.0, 1.0]], documents=['x'])\n"
        "print(collection.query(query_embeddings=[[0.0, 1.0]], n_results=1)['ids'])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.returncode) == ("[['a']]", 0), ran.stderr


def test_the_procfile_starts_the_three_processes() -> None:
    procfile = (house.ROOT / "Procfile").read_text(encoding="utf-8")
    assert {"web", "worker", "release"} <= set(re.findall(r"^(\w+): \S", procfile, re.MULTILINE))


@pytest.mark.parametrize(
    "reach",
    [
        lambda udp: udp.connect(("192.0.2.1", 80)),
        lambda udp: udp.sendto(b"x", ("192.0.2.1", 53)),
        lambda udp: udp.bind(("", 0)),
        lambda _: socket.getaddrinfo("example.org", 443),
    ],
    ids=["connect", "send", "listen", "resolve"],
)
def test_the_network_beyond_this_machine_is_closed(
    reach: Callable[[socket.socket], object], network_guard: list[str]
) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        pytest.raises(RuntimeError, match="tests stay on loopback"),
    ):
        reach(udp)
    assert len(network_guard) == 1
    network_guard.clear()


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
