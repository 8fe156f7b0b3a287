"""A YAML file as nodes that know their line, and the list of everything that is wrong with the configuration."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from bot.errors import ConfigError

LARGEST_FILE = 1_000_000  # bytes
MOST_NODES = 50_000
DEEPEST = 30

Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where (line and column from 1, 0 for the whole file), what was found and expected."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.text}"


@dataclass
class Problems:
    """Everything that is wrong (``errors``) or odd (``warnings``) with one configuration."""

    errors: set[Problem] = field(default_factory=set)
    warnings: set[Problem] = field(default_factory=set)

    def check(self) -> None:
        """Raise ``ConfigError`` with a line for each error, if there is any."""
        if self.errors:
            raise ConfigError("\n".join(str(one) for one in sorted(self.errors)))


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file, to say there what is wrong."""

    problems: Problems = field(repr=False, compare=False)
    file: str
    line: int = 0
    column: int = 0

    def error(self, text: str) -> None:
        """Something that must be mended."""
        self.problems.errors.add(Problem(self.file, self.line, self.column, text))

    def warn(self, text: str) -> None:
        """Something that is probably not meant."""
        self.problems.warnings.add(Problem(self.file, self.line, self.column, text))

    def at(self, node: yaml.Node) -> "Spot":
        """The place where a node of the same file begins."""
        return Spot(self.problems, self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def parse(path: Path, spot: Spot) -> yaml.Node | None:
    """The file's top node; None, with the reason noted at ``spot``, where it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as failure:
        spot.error(f"cannot be read: {failure.strerror}")
        return None
    if len(raw) > LARGEST_FILE:
        spot.error(f"has {len(raw)} bytes, expected at most {LARGEST_FILE}")
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError as failure:
        spot.error(f"is not UTF-8 text (byte {failure.start})")
        return None
    try:
        if not _small(text, spot):
            return None
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        said = failure.problem or failure.context or "cannot be read"
        Spot(spot.problems, spot.file, line, column).error(f"is not YAML: {said}")
        return None
    except yaml.YAMLError as failure:
        spot.error(f"is not YAML: {failure}")
        return None
    if node is None:
        spot.error("is empty")
        return None
    return node


def _small(text: str, spot: Spot) -> bool:
    """Whether the file stays within the limits, aliases counted as what they stand for."""
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    nodes = 0
    for event in yaml.parse(text, Loader=Loader):
        mark = event.start_mark
        here = Spot(spot.problems, spot.file, mark.line + 1, mark.column + 1) if mark else spot
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in [anchor for anchor, _ in open_anchors]:
                here.error(f"*{event.anchor} stands inside itself")
                return False
            nodes += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append((event.anchor, nodes))
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_anchors.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
        if nodes > MOST_NODES:
            here.error(f"holds more than {MOST_NODES} values once its aliases are written out")
            return False
        if len(open_anchors) > DEEPEST:
            here.error(f"is nested more than {DEEPEST} deep")
            return False
    return True


def scalar(node: yaml.Node) -> Hashable:
    """A scalar's value by YAML's own rules. Raises ``ValueError`` for a value that YAML cannot make sense of."""
    try:
        value: Hashable = yaml.constructor.SafeConstructor().construct_object(node)
    except yaml.YAMLError as failure:
        raise ValueError(str(failure)) from failure
    return value
