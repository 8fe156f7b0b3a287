"""How much harm a command line can do, before anybody is offered to run it.

The line is taken apart, not searched for words. It only looks when every part of it is known to only look and nothing
in it needs a shell; whatever is not understood is changing. Pure.
"""

import unicodedata

from bot.domain import danger, shell
from bot.domain.readers import objection, program, shows_secrets
from bot.domain.verdict import Classified, CommandClass, changing, destructive, forbidden, reading, worst

__all__ = ["Classified", "CommandClass", "classify"]

LONGEST = 4000
DEEPEST = 5
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def classify(command: str) -> Classified:
    """The class of a command line with its reason; for a read-only one also its commands as argument lists."""
    return _line(command.strip(" \t\n"), 0)


def _is_odd(one: str) -> bool:
    return one not in "\t\n" and unicodedata.category(one) in UNSEEN


def _line(text: str, depth: int) -> Classified:
    if len(text) > LONGEST or depth > DEEPEST:
        # Otherwise anything could be hidden by wrapping it often enough.
        return forbidden(f"it is {'too long' if depth <= DEEPEST else 'nested too deeply'} to be judged")
    if danger.is_bomb(text):
        return forbidden("it starts copies of itself until the machine stands still")
    line = shell.read(text)
    found = [changing("it has a character that no command has")] if any(map(_is_odd, text)) else []
    found += [*_substituted(line, depth), *_written(line), *(_part(part, depth) for part in line.parts)]
    found += _piped(line)
    if line.broken == shell.TOO_DEEP:
        found.append(forbidden("it is nested too deeply to be judged"))
    elif line.broken:
        found.append(changing(f"it cannot be read: {line.broken}"))
    if line.tricks:
        found.append(changing(f"only a shell can tell what it does: it has {' and '.join(line.tricks)}"))
    odd = next((operator for operator in line.operators if operator != "|"), "")
    if odd or (line.parts and line.parts[-1].after):
        found.append(changing("it is more than one command: a step runs one"))
    if not line.parts:
        return changing("there is no command in it")
    verdict = worst(found)
    if verdict.command_class is not CommandClass.READ_ONLY:
        return verdict
    names = " | ".join(program(part.words[0]) for part in line.parts)
    stages = tuple(tuple(part.words) for part in line.parts)
    return Classified(CommandClass.READ_ONLY, f"{names} only looks", stages)


def _part(part: shell.Part, depth: int) -> Classified:
    argv = part.words
    assigned = 0
    while assigned < len(argv) and _is_assignment(argv[assigned]):
        assigned += 1
    found = [changing("a variable set for a command can make it do anything")] if assigned else []
    argv = argv[assigned:]
    if not argv:
        return worst([*found, changing("there is no command in it")])
    inner = danger.inner_commands(argv)
    if any(shows_secrets(one) for one in (argv, *inner)):
        return forbidden("it would show a secret in the thread")
    reason = objection(argv)
    if reason:
        found += [changing(reason), danger.judge_command(argv)]
        found += [danger.judge_command(one) for one in inner]
        found += [_line(one, depth + 1) for one in danger.inner_lines(argv)]
    return worst([*found, reading("it only looks")])


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.removesuffix("+").isidentifier()


def _substituted(line: shell.Line, depth: int) -> list[Classified]:
    inner = [shell.read(text) for text in line.inner]
    fetched = any(danger.brings_in(part.words) for one in inner for part in one.parts if part.words)
    runs = any(danger.runs_text(part.words) for part in line.parts if part.words)
    found = [_line(text, depth + 1) for text in line.inner]
    if fetched and runs:
        found.append(forbidden("it runs what it fetches or decodes, which nobody has read"))
    return [one for one in found if one.command_class is not CommandClass.READ_ONLY]


def _written(line: shell.Line) -> list[Classified]:
    found = []
    for part in line.parts:
        targets = [one for one in part.redirections if one not in shell.HARMLESS]
        found += [danger.judge_target(sign, target) for sign, target in targets]
        if part.words in ([], [":"], ["true"]) and any(
            sign.endswith((">", ">|")) and not sign.endswith(">>") for sign, _ in targets
        ):
            found.append(destructive("it empties a file"))
    return found


def _piped(line: shell.Line) -> list[Classified]:
    for before, after in zip(line.parts, line.parts[1:], strict=False):
        if before.after in ("|", "|&") and after.words and danger.is_shell(after.words):
            return [forbidden("a shell would run whatever comes through the pipe, which nobody has read")]
    return []
