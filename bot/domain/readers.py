"""Whether a command with these arguments only looks: the rules for the tables in ``programs``. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence

from bot.domain import programs as known
from bot.domain.arguments import Parsed, options, parse
from bot.domain.sql import judge
from bot.domain.verdict import CommandClass


def program(word: str) -> str:
    """The program's name when it is one of the system's own, else the word as it stands."""
    folder, slash, name = word.rpartition("/")
    return name if slash and f"{folder}/" in known.SYSTEM_FOLDERS else word


def objection(argv: Sequence[str]) -> str:
    """Why a command is not known to only look; empty when it only looks."""
    name, arguments = program(argv[0]), list(argv[1:])
    name = {"podman": "docker", "oc": "kubectl", "tofu": "terraform"}.get(name, name)
    if name in known.SHOWING | known.OPENING and any(known.DEVICES.search(word) for word in arguments):
        return f"{name} would read a device"
    if name == "zgrep" and any("\n" in word for word in arguments):
        return "zgrep takes a line of a file's name for a command of sed"
    if name in known.ALWAYS:
        return ""
    for table, rule in RULES:
        if name in table:
            return rule(name, arguments)
    return f"{argv[0][:60]} is not on the list of programs that only look"


def shows_secrets(argv: Sequence[str]) -> bool:
    """Whether a command would print a key, a password file or the like."""
    name, arguments = program(argv[0]), argv[1:]
    if name in ("kubectl", "oc"):
        wanted = any(re.match(r"(.*,)?secrets?([/,.]|$)", word, re.IGNORECASE) for word in arguments)
        given = parse(arguments, options(known.VERBS["kubectl"][1]))
        output = (given.value("-o", "--output") or "").removeprefix("=")
        return wanted and "get" in arguments and (bool(given.odd) or re.fullmatch(r"|wide|name", output) is None)
    own = known.SECRET_WORDS.get(name)
    if own is not None:
        return re.search(own, " ".join(arguments), re.IGNORECASE) is not None
    if name == "git" and not {"show", "cat-file", "diff", "blame"} & set(arguments):
        return False
    return name in known.SHOWING | {"git"} and any(known.SECRETS.search(word) for word in arguments)


def _odd(name: str, what: str) -> str:
    return f"{name} {what[:60]}".strip() + " is not known to only look"


def _listed(name: str, arguments: list[str]) -> str:
    text, most, needed = known.LISTED[name]
    if name == "lsof":
        arguments = [re.sub(r"^-i[\w:@.,]+$", "-i", word) for word in arguments]
    given = parse(arguments, options(text))
    if given.odd:
        return _odd(name, given.odd)
    if name == "tar" and any(":" in value for _, value in given.values):
        return "tar would start a program on the machine before the colon"
    if most is not None and len(given.words) > most:
        return _odd(name, given.words[most])
    return "" if not needed or given.has(*needed) else _odd(name, f"without {' or '.join(needed)}")


def _verbs(name: str, arguments: list[str]) -> str:
    verbs, text, before = known.VERBS[name]
    # What stands before the verb decides what the verb is: only options whose values are known for certain.
    where = parse(arguments, options(before), leading=True)
    if where.odd:
        return _odd(name, where.odd)
    for verb in verbs.split("|"):
        words = verb.strip().removesuffix("!").split()
        rest = where.words[len(words) :]
        said = list(where.words[: len(words)])
        if (said if name != "redis-cli" else [word.lower() for word in said]) != words:
            continue
        given = parse(rest, options(text)) if text != "*" else Parsed((), ())
        more = given.words[0] if given.words and verb.strip().endswith("!") else ""
        return _odd(f"{name} {' '.join(words)}", given.odd or more) if given.odd or more else ""
    return _odd(name, " ".join(where.words[:3]))


def _pattern(name: str, arguments: list[str]) -> str:
    pattern, text = known.PATTERNS[name]
    given = parse(arguments, options(text))
    said = " ".join(given.words)
    return "" if not given.odd and re.fullmatch(pattern, said) else _odd(name, given.odd or said)


def _git(name: str, arguments: list[str]) -> str:
    where = parse(arguments, options("-C: --no-pager"), leading=True)
    verb, rest = (where.words[0], where.words[1:]) if where.words else ("", ())
    if where.odd:
        return _odd(name, where.odd)
    pattern, text = known.GIT_LISTS.get(verb, (None, known.GIT))
    given = parse(rest, options(text))
    if given.odd:
        return _odd(f"git {verb}", given.odd)
    if pattern is None:
        return "" if verb in known.GIT_LOOKS else _odd(name, verb)
    if verb == "config" and not given.values:
        return _odd(name, verb)
    return "" if re.fullmatch(pattern, " ".join(given.words)) else _odd(f"git {verb}", " ".join(given.words))


def _curl(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options(known.CURL))
    if given.odd:
        return _odd(name, given.odd)
    addresses = [*given.words, *(value for option, value in given.values if option == "--url")]
    for option, value in given.values:
        if option in ("-X", "--request") and value.upper() not in ("GET", "HEAD", "OPTIONS"):
            return f"{name} sends {value[:20].upper()}"
        if option in ("-o", "--output") and value not in ("/dev/null", "-"):
            return f"{name} writes the file {value[:60]}"
        if value.startswith("@") or "%output" in value:
            return f"{name} {option} {value[:40]} reads or writes a file"
        if "method-override" in value.lower():
            return f"{name} asks for another method than it says"
    plain = r"https?://\S+|(localhost|\d+(\.\d+){3})(:\d+)?(/\S*)?"
    other = next((one for one in addresses if not re.fullmatch(plain, one)), "" if addresses else "without an address")
    return _odd(name, other) if other else ""


def _wget(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options(known.WGET))
    out = given.value("-O", "--output-document")
    if given.odd or not all(re.fullmatch(r"https?://\S+", word) for word in given.words):
        return _odd(name, given.odd or "such an address")
    # Even a spider creates the file that it is told to write.
    safe = out in ("-", "/dev/null") or (out is None and given.has("--spider"))
    return "" if safe else f"{name} writes a file"


def _sql(name: str, arguments: list[str]) -> str:
    dialect, text, statement = known.SQL_CLIENTS[name]
    given = parse(arguments, options(text))
    if given.odd:
        return _odd(name, given.odd)
    statements = [value for option, value in given.values if option in statement]
    if len(statements) != 1:
        return f"{name} runs one statement here, given with {statement[0]}"
    where = (*given.words, *(value for option, value in given.values if option in known.SQL_PLACES))
    if any("options" in value.lower() or "%" in value for value in where):
        return f"{name} is given options for its connection"
    verdict = judge(statements[0], dialect)
    return "" if verdict.command_class is CommandClass.READ_ONLY else verdict.reason


def _find(name: str, arguments: list[str]) -> str:
    for word in arguments:
        if word.startswith("-") and word not in known.FIND_TESTS and not re.fullmatch(r"-\d+[a-zA-Z]?", word):
            return _odd(name, word)
    return ""


def _sed(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options("-n -E -r -s -u -z -e: --quiet --expression: --regexp-extended"))
    if given.odd:
        return _odd(name, given.odd)
    scripts = [value for option, value in given.values if option in ("-e", "--expression")]
    for script in scripts or given.words[:1]:
        # An escaped delimiter would make this reading differ from sed's own.
        if re.search(r"\\[/|#,;]", script) or not all(known.SED.fullmatch(one.strip()) for one in script.split(";")):
            return _odd(name, script)
    return "" if scripts or given.words else _odd(name, "without a script")


def _awk(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options("-F: -v:"), leading=True)
    if given.odd or not given.words:
        return _odd(name, given.odd)
    late = next((word for word in given.words[1:] if re.match("-.", word)), "")
    if late:
        return _odd(name, late)
    doing = re.search(r"system|getline|[|>@]", given.words[0])
    return f"{name} with {doing[0]} can write or run something" if doing else ""


def _date(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options(known.DATE))
    setting = next((word for word in given.words if not word.startswith("+")), "")
    return _odd(name, given.odd or setting) if given.odd or setting else ""


def _xargs(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options("-0 -r -n: -L: -d: -P: --null --no-run-if-empty --max-args:"), leading=True)
    if given.odd:
        return _odd(name, given.odd)
    inner = program(given.words[0]) if given.words else "echo"
    # What is appended is not known, so only where no argument at all could do harm or show a secret.
    return "" if inner in known.ALWAYS - known.SHOWING else _odd(name, inner)


def _timeout(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options("-k: -s: --foreground"), leading=True)
    if given.odd or len(given.words) < 2 or not re.fullmatch(r"[\d.]+[smh]?", given.words[0]):  # noqa: PLR2004  # time, program
        return _odd(name, given.odd)
    return objection(given.words[1:])


def _nice(name: str, arguments: list[str]) -> str:
    given = parse(arguments, options("-n: -c:"), leading=True)
    return _odd(name, given.odd) if given.odd or not given.words else objection(given.words)


SPECIAL: Mapping[str, Callable[[str, list[str]], str]] = {
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "curl": _curl,
    "date": _date,
    "find": _find,
    "git": _git,
    "ionice": _nice,
    "nice": _nice,
    "sed": _sed,
    "timeout": _timeout,
    "wget": _wget,
    "xargs": _xargs,
}
RULES: tuple[tuple[Mapping[str, object], Callable[[str, list[str]], str]], ...] = (
    (SPECIAL, lambda name, arguments: SPECIAL[name](name, arguments)),
    (known.SQL_CLIENTS, _sql),
    (known.LISTED, _listed),
    (known.VERBS, _verbs),
    (known.PATTERNS, _pattern),
)
