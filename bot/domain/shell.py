"""A command line as a shell would read it, taken apart without one. Pure.

Only what can be told for certain is told: everything that a shell would compute at run time (a variable, a
substitution, a wildcard) is noted as such and never evaluated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

OPERATORS = ("&&", "||", ";;", "|&", ";", "|", "&", "\n", "(", ")")
REDIRECTIONS = ("<<<", "<<-", "&>>", "<<", "<>", "<&", ">>", ">&", ">|", "&>", ">", "<")
HARMLESS = {("2>", "/dev/null"), ("2>>", "/dev/null"), ("2>&", "1"), (">", "/dev/null"), ("&>", "/dev/null")}
DEEPEST = 20
TOO_DEEP = "it is nested too deeply"
NEEDS_A_SHELL = {
    "*": "a wildcard",
    "?": "a wildcard",
    "[": "a wildcard",
    "{": "a brace expansion",
    "~": "a home folder",
}


@dataclass(slots=True)
class Part:
    """One simple command of a line: its words, its redirections, and the operator after it."""

    words: list[str] = field(default_factory=list)
    redirections: list[tuple[str, str]] = field(default_factory=list)
    after: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A command line taken apart.

    ``tricks`` are what only a shell could resolve, in words; ``inner`` are command lines inside substitutions;
    ``broken`` says why the line cannot be read at all, empty when it can.
    """

    parts: tuple[Part, ...]
    tricks: tuple[str, ...]
    inner: tuple[str, ...]
    broken: str = ""

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators between the parts."""
        return tuple(part.after for part in self.parts if part.after)


def read(text: str) -> Line:
    """Take a command line apart. Never raises: what cannot be read says so in ``broken``."""
    reader = _Reader(text)
    try:
        reader.line()
    except _UnreadableError as error:
        reader.broken = str(error)
    return Line(tuple(reader.parts), tuple(reader.tricks), tuple(reader.inner), reader.broken)


class _UnreadableError(Exception):
    """The line ends in the middle of something."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.parts: list[Part] = [Part()]
        self.tricks: dict[str, None] = {}
        self.inner: list[str] = []
        self.broken = ""
        self._nested = 0

    def line(self) -> None:
        while self._at < len(self._text):
            self._next()
        if not (self.parts[-1].words or self.parts[-1].redirections):
            self.parts.pop()

    def _next(self) -> None:
        text, at = self._text, self._at
        if text[at] in " \t":
            self._at += 1
        elif text[at] == "#":
            end = text.find("\n", at)
            self._at = len(text) if end < 0 else end
        elif redirection := self._redirection():
            self._redirect(redirection)
        elif operator := next((one for one in OPERATORS if text.startswith(one, at)), ""):
            self._at += len(operator)
            self._operator(operator)
        else:
            self.parts[-1].words.append(self._word())

    def _operator(self, operator: str) -> None:
        current = self.parts[-1]
        if operator in "()":
            self.tricks["a subshell or a function"] = None
        if current.words or current.redirections:
            current.after = operator
            self.parts.append(Part())
        elif operator != "\n":
            self.tricks["an operator without a command"] = None

    def _redirection(self) -> str:
        digits = self._at
        while digits < len(self._text) and self._text[digits].isdigit():
            digits += 1
        sign = next((one for one in REDIRECTIONS if self._text.startswith(one, digits)), "")
        return self._text[self._at : digits] + sign if sign else ""

    def _redirect(self, sign: str) -> None:
        self._at += len(sign)
        if self._text.startswith("(", self._at):
            self._at += 1
            self.tricks["a process substitution"] = None
            self.inner.append(self._until_closed(")"))
            return
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1
        target = self._word() if self._at < len(self._text) else ""
        if not target:
            raise _UnreadableError(f"nothing follows {sign}")
        self.parts[-1].redirections.append((sign, target))

    def _word(self) -> str:
        said: list[str] = []
        begin = self._at
        while self._at < len(self._text):
            one = self._text[self._at]
            if one in " \t\n|&;()<>":
                break
            self._at += 1
            if one == "'":
                said.append(self._quoted())
            elif one == '"':
                said.extend(self._double())
            elif one == "\\":
                said.append(self._escaped())
            elif one in "$`":
                said.append(self._expansion(one))
            else:
                self._notice(one, self._at - 1 == begin)
                said.append(one)
        return "".join(said)

    def _notice(self, one: str, first: bool) -> None:  # noqa: FBT001  # where in the word it stands
        if one == "~" and not first:
            return
        if one in NEEDS_A_SHELL:
            self.tricks[NEEDS_A_SHELL[one]] = None
        elif one == "!" and first:
            self.tricks["a history reference"] = None

    def _quoted(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise _UnreadableError("a quote is not closed")
        inside, self._at = self._text[self._at : end], end + 1
        return inside

    def _escaped(self) -> str:
        if self._at >= len(self._text):
            raise _UnreadableError("it ends with a backslash")
        one = self._text[self._at]
        self._at += 1
        return "" if one == "\n" else one

    def _double(self) -> Iterator[str]:
        while self._at < len(self._text):
            one = self._text[self._at]
            self._at += 1
            if one == '"':
                return
            if one == "\\" and self._at < len(self._text) and self._text[self._at] in '$`"\\\n':
                yield self._escaped()
            elif one == "`" or (one == "$" and self._text[self._at : self._at + 1] not in ("'", '"')):
                yield self._expansion(one)
            else:
                yield one
        raise _UnreadableError("a double quote is not closed")

    def _expansion(self, sign: str) -> str:
        begin = self._at - 1
        after = self._text[self._at : self._at + 1]
        if sign == "`":
            self.tricks["a substitution"] = None
            self.inner.append(self._until_closed("`"))
        elif after == "(":
            self._at += 1
            self.tricks["a substitution"] = None
            self.inner.append(self._until_closed(")"))
        elif after == "{":
            self._at += 1
            self.tricks["a variable"] = None
            self.inner.append(self._until_closed("}"))
        elif after in ("'", '"'):
            self.tricks["a quote with escapes"] = None
        elif after and (after.isalnum() or after in "_@*#?$!-"):
            self._at += 1
            self.tricks["a variable"] = None
        return self._text[begin : self._at]

    def _until_closed(self, closing: str) -> str:
        """The text up to the sign that closes it, which may stand in quotes or deeper in between."""
        opening = {")": "(", "}": "{"}.get(closing, "")
        begin, depth = self._at, 1
        self._nested += 1
        if self._nested > DEEPEST:
            raise _UnreadableError(TOO_DEEP)
        while self._at < len(self._text):
            one = self._text[self._at]
            self._at += 1
            if one == "\\":
                self._at += 1
            elif one == "'" and closing != "`":
                self._quoted()
            elif one == '"' and closing != "`":
                list(self._double())
            elif one == closing:
                depth -= 1
                if depth == 0:
                    self._nested -= 1
                    return self._text[begin : self._at - 1]
            elif one == opening:
                depth += 1
        raise _UnreadableError(f"{closing} is missing")
