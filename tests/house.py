"""The house's rules that neither ruff nor import-linter can check, each as a function from source text to offences.

An offence is a line such as `bot/x.py:12 reads the environment …`: where it is, what is wrong, what to do instead.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("bot", "skills", "knowledge", "prompts", "storage")

BROAD_EXCEPT_ALLOWED = ("bot/slack/listeners.py", "bot/web/", "bot/engine/", "bot/schedule.py")
PROCESSES_ALLOWED = ("bot/runners/", "bot/demo/", "knowledge/git.py")
ENVIRONMENT_ALLOWED = ("bot/settings.py",)
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}

# What a pure module may import besides the contract, the domain and its own skill: it only computes.
PURE_IMPORTS = {
    *("__future__", "abc", "ast", "base64", "binascii", "bisect", "cmath", "collections", "colorsys", "copy"),
    *("dataclasses", "datetime", "decimal", "difflib", "enum", "fnmatch", "fractions", "functools", "graphlib"),
    *("hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "json", "keyword", "markdown_it", "math"),
    *("numbers", "numpy", "operator", "posixpath", "re", "shlex", "slack_sdk.errors", "slack_sdk.models", "sqlglot"),
    *("statistics", "string", "struct", "textwrap", "types", "typing", "unicodedata", "urllib.parse", "yaml"),
    *("zlib", "zoneinfo"),
}
CLOCKS = {"datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"}
LOOKS_AT_DISK = re.compile(
    r"posixpath\.(abspath|expand\w+|get\w+|is(dir|file|link|mount)|l?exists|realpath|relpath|same\w+)"
)
DOORS = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__", "globals"}
PROCESS_CALLS = re.compile(
    r"subprocess\..+|asyncio\.(create_)?subprocess.*|multiprocessing\..+|pty\..+|concurrent\.futures\.ProcessPoolExecutor"
    r"|os\.(system|popen|fork|forkpty|posix_spawnp?|exec[lv]p?e?|spawn[lv]p?e?)"
)

Rule = Callable[[str, str], list[str]]


def product_files() -> Iterator[tuple[str, str]]:
    """Give each Python file of the product as its path, relative to the root, and its text."""
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def is_pure(path: str) -> bool:
    """Tell whether the file must be pure: the domain, the contract, the blocks, each skill's logic, views, signals."""
    return (
        path.startswith(("bot/domain/", "bot/blocks.py", "bot/skill.py"))
        or re.fullmatch(r"skills/\w+/(logic|views|signals/\w+)\.py", path) is not None
    )


def imports_in(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Give each import as its line, the full dotted name and the local name (empty for `import a.b`)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, alias.asname or ""
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}", alias.asname or alias.name


def names_in(tree: ast.AST) -> dict[str, str]:
    """Give the full dotted name of each imported local name."""
    return {local: full for _, full, local in imports_in(tree) if local}


def modules_in(source: str) -> set[str]:
    """Give the top-level names that a source imports from outside the product and the standard library."""
    known = {*sys.stdlib_module_names, *PRODUCT, "None"}
    return {full.partition(".")[0] for _, full, _ in imports_in(ast.parse(source))} - known


def named(node: ast.AST, names: dict[str, str]) -> str:
    """Give the full dotted name of an expression such as `dt.datetime.now`, or an empty text when it is none."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = named(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def reads_environment(path: str, source: str) -> list[str]:
    """Only bot/settings.py reads the environment; handing it to a child with `env=` is not reading."""
    if path.startswith(ENVIRONMENT_ALLOWED):
        return []
    tree = ast.parse(source)
    names = names_in(tree)
    handed_on = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "env"
        for inner in ast.walk(node.value)
    }
    return [
        f"{path}:{node.lineno} reads the environment: take the value as an argument that bot/settings.py supplies"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and named(node, names) in {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"}
        and id(node) not in handed_on
    ]


def impurities(path: str, source: str) -> list[str]:
    """A pure module computes: no clock, no chance, no files, no network, no imports that bring them."""
    if not is_pure(path):
        return []
    tree = ast.parse(source)
    names = names_in(tree)
    own = ".".join(path.split("/")[:2]) if path.startswith("skills/") else "bot.domain"
    allowed = (*PURE_IMPORTS, "bot.domain", "bot.errors", "bot.blocks", "bot.skill", own)
    offences = [
        f"{path}:{line} imports {full}: a pure module takes what comes from outside as an argument"
        for line, full, _ in imports_in(tree)
        if not any(full == name or full.startswith(f"{name}.") for name in allowed)
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        call = named(node.func, names)
        if call in CLOCKS or call.startswith("numpy.random."):
            offences.append(f"{path}:{node.lineno} calls {call}: time and chance come in as arguments")
        elif call in DOORS or LOOKS_AT_DISK.fullmatch(call):
            offences.append(f"{path}:{node.lineno} calls {call}: a pure module touches nothing outside")
    return offences


def broad_excepts(path: str, source: str) -> list[str]:
    """Catch what can be handled; everything is caught at four edges only, or to clean up and raise again."""
    if path.startswith(BROAD_EXCEPT_ALLOWED):
        return []
    offences = []
    for node in ast.walk(ast.parse(source)):
        caught: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler):
            last = node.body[-1]
            if isinstance(last, ast.Raise) and last.exc is None:
                continue
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type or ast.Name("BaseException")]
        elif isinstance(node, ast.Call) and named(node.func, {}).rpartition(".")[2] == "suppress":
            caught = node.args
        if any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in caught):
            offences.append(f"{path}:{getattr(node, 'lineno', 0)} catches everything: name what can go wrong here")
    return offences


def processes(path: str, source: str) -> list[str]:
    """Processes start in bot/runners; the demo starts the world that it breaks, knowledge asks git for repositories."""
    if path.startswith(PROCESSES_ALLOWED):
        return []
    tree = ast.parse(source)
    names = names_in(tree)
    return [
        f"{path}:{node.lineno} starts a process with {named(node.func, names)}: that belongs into bot/runners"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and PROCESS_CALLS.fullmatch(named(node.func, names))
    ]


def silent_exemptions(path: str, source: str) -> list[str]:
    """An exemption names its rule and its reason on the line."""
    offences = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        exemption = re.search(r"(noqa|type: ignore)(.*)", token.string)
        if exemption and not re.match(r"(: ?[A-Z]+\d+(, ?[A-Z]+\d+)*|\[[\w, -]+\])\W+\w.{5}", exemption[2]):
            offences.append(f"{path}:{token.start[0]} exempts itself without a rule or a reason")
    return offences


def stubs(path: str, source: str) -> list[str]:
    """Nothing is left for later."""
    return [
        f"{path}:{node.lineno} raises NotImplementedError: finish it, or make it a Protocol"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise)
        and named(node.exc.func if isinstance(node.exc, ast.Call) else node.exc or node, {}) == "NotImplementedError"
    ]


def vague_names(path: str, _source: str) -> list[str]:
    """A file is named for what happens in it."""
    return [
        f"{path} is named for nothing in particular: name it for what happens in it"
        for part in Path(path).with_suffix("").parts
        if part in BANNED_NAMES
    ]


RULES: tuple[Rule, ...] = (
    reads_environment,
    impurities,
    broad_excepts,
    processes,
    silent_exemptions,
    stubs,
    vague_names,
)


def skill_shape(files: set[str]) -> list[str]:
    """Every folder in skills/ has the same three files, of which skill.py is the registration."""
    folders = {match[1] for path in files if (match := re.match(r"skills/(\w+)/.+\.py$", path))}
    return [
        f"skills/{folder} has no {name}: a skill is skill.py, logic.py and views.py"
        for folder in sorted(folders)
        for name in ("skill.py", "logic.py", "views.py")
        if f"skills/{folder}/{name}" not in files
    ]


def machine_paths(path: str, text: str) -> list[str]:
    """No file names somebody's home folder or the machine that it was written on."""
    somewhere = re.compile(r"(?<![\w.>/-])/(root|Users/\w+|home/\w+|work)/[\w.]")
    return [
        f"{path}:{number} names a folder of one machine: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), 1)
        if somewhere.search(line)
    ]


def index_addresses(lock: str) -> list[str]:
    """The lock works against whichever index a machine is set up for: it holds names, versions and hashes only."""
    shape = re.compile(r"#.*|[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|")
    return [
        f"line {number} is more than a name, a version or a hash: {line[:100]}"
        for number, line in enumerate(lock.splitlines(), 1)
        if not shape.fullmatch(line)
    ]
