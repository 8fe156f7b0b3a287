"""Where the services of a call graph stand: columns from callers to callees, few crossings, what is too many as one.

The method is Sugiyama's: layer (bot/pictures/layers.py), order by the neighbours' middles, then place. It is pure and
depends on nothing but its arguments, so that the same graph is the same drawing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.pictures.layers import columns

ROWS = 6  # boxes in a column, the one for the rest included
LEFT, COLUMNS = 3, 5  # columns before the anchor's at most, and altogether
LANE = 0.3  # the height of a line passing a column; a box with its gap has 1
SWEEPS, SETTLES = 8, 30  # rounds until the order and the heights hardly change


@dataclass(frozen=True, slots=True)
class Box:
    """One service, or several as one. ``column`` counts from 0; ``y`` is its middle from the top, a box being 1."""

    names: tuple[str, ...]
    column: int
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """The calls between one box and another further right or in the same column.

    ``lanes`` are the heights at which it passes columns between; ``onward`` is whether the left (or in one column the
    first) box calls the other, ``back`` whether that one calls it.
    """

    left: int
    right: int
    lanes: tuple[float, ...]
    onward: bool
    back: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes, lines between them by their places in ``boxes``, the number of columns, and the height in boxes."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    columns: int
    height: float


def place(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """Place services; ``names`` are unique, the most important first, the first one being the anchor.

    Edges to services that are not named, and from a service to itself, are left out.
    """
    rank = {name: number for number, name in enumerate(names)}
    calls = sorted(
        {(a, b) for a, b in edges if a != b and a in rank and b in rank}, key=lambda e: (rank[e[0]], rank[e[1]])
    )
    groups = _collapsed(columns(names, calls, LEFT, COLUMNS), rank)
    key_of = {name: key for key, (_, members) in enumerate(groups) for name in members}
    joined: dict[tuple[int, int], tuple[bool, bool]] = {}
    for caller, callee in calls:
        a, b = key_of[caller], key_of[callee]
        onward = (groups[a][0], a) < (groups[b][0], b)
        pair = (a, b) if onward else (b, a)
        if a != b:
            was = joined.get(pair, (False, False))
            joined[pair] = (was[0] or onward, was[1] or not onward)
    return _placed([number for number, _ in groups], [members for _, members in groups], joined)


def _collapsed(column_of: Mapping[str, int], rank: Mapping[str, int]) -> list[tuple[int, tuple[str, ...]]]:
    """Boxes as column and members; the least important services of a crowded column are one box."""
    crowds: dict[int, list[str]] = {}
    for name in sorted(column_of, key=lambda one: rank[one]):
        crowds.setdefault(column_of[name], []).append(name)
    boxes: list[tuple[int, tuple[str, ...]]] = []
    for number, column in enumerate(sorted(crowds)):
        members = crowds[column]
        shown = len(members) if len(members) <= ROWS else ROWS - 1
        boxes += [(number, (name,)) for name in members[:shown]]
        boxes += [(number, tuple(members[shown:]))] if members[shown:] else []
    return boxes


def _placed(
    column_of: Sequence[int], members: Sequence[tuple[str, ...]], joined: Mapping[tuple[int, int], tuple[bool, bool]]
) -> Layout:
    # A lane stands for every line that passes its column on the way to the same box: they run together from there.
    stands = dict(enumerate(column_of))
    lane_of: dict[tuple[int, int], int] = {}
    steps: set[tuple[int, int]] = set()
    routes: dict[tuple[int, int], list[int]] = {}
    for left, right in sorted(joined):
        route = [left]
        for column in range(column_of[left] + 1, column_of[right]):
            lane = lane_of.setdefault((right, column), len(members) + len(lane_of))
            stands[lane] = column
            route.append(lane)
        routes[left, right] = route[1:]
        steps |= set(pairwise([*route, right])) if column_of[left] < column_of[right] else set()
    total = max(column_of, default=-1) + 1
    last = {key for key, names in enumerate(members) if len(names) > 1}
    ordered = _ordered(
        [[item for item, column in stands.items() if column == one] for one in range(total)], steps, last
    )
    heights = _heights(ordered, steps, {item: 1.0 if item < len(members) else LANE for item in stands})
    return Layout(
        tuple(Box(names, column_of[key], heights[key]) for key, names in enumerate(members)),
        tuple(
            Line(left, right, tuple(heights[lane] for lane in routes[left, right]), *joined[left, right])
            for left, right in sorted(joined)
        ),
        total,
        max((heights[item] + (0.5 if item < len(members) else LANE / 2) for item in stands), default=0.0),
    )


def _ordered(
    columns: Sequence[Sequence[int]], steps: Collection[tuple[int, int]], last: Collection[int]
) -> list[list[int]]:
    """The columns in the order with the fewest crossings that some sweeps find; what is ``last`` stays so."""
    now = [sorted(column, key=lambda item: item in last) for column in columns]
    best, fewest = [list(column) for column in now], _crossings(now, steps)
    for sweep in range(SWEEPS):
        ahead = sweep % 2 == 0
        numbers = range(1, len(now)) if ahead else range(len(now) - 2, -1, -1)
        for number in numbers:
            beside = {item: place for place, item in enumerate(now[number - 1 if ahead else number + 1])}
            middle = {}
            for place, item in enumerate(now[number]):
                near = [beside[a if ahead else b] for a, b in steps if (b if ahead else a) == item]
                middle[item] = (item in last, sum(near) / len(near) if near else float(place), place)
            now[number] = sorted(now[number], key=middle.__getitem__)
        crossings = _crossings(now, steps)
        if crossings < fewest:
            best, fewest = [list(column) for column in now], crossings
    return best


def _crossings(columns: Sequence[Sequence[int]], steps: Collection[tuple[int, int]]) -> int:
    place = {item: number for column in columns for number, item in enumerate(column)}
    column_of = {item: number for number, column in enumerate(columns) for item in column}
    by_column: dict[int, list[tuple[int, int]]] = {}
    for a, b in steps:
        by_column.setdefault(column_of[a], []).append((place[a], place[b]))
    return sum(
        (a - c) * (b - d) < 0
        for ends in by_column.values()
        for number, (a, b) in enumerate(ends)
        for c, d in ends[number + 1 :]
    )


def _heights(
    columns: Sequence[Sequence[int]], steps: Collection[tuple[int, int]], size: Mapping[int, float]
) -> dict[int, float]:
    """Each item's middle: as near to its neighbours' as the order and the sizes allow."""
    beside: dict[int, list[int]] = {}
    for a, b in sorted(steps):
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    at: dict[int, float] = {}
    for column in columns:
        wished = _apart([0.0] * len(column), [size[item] for item in column])
        at.update(zip(column, wished, strict=True))
    for sweep in range(SETTLES):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            drawn = {
                item: sum(at[near] for near in beside[item]) / len(beside[item]) for item in column if item in beside
            }
            # What nothing draws anywhere stays with the rest of its column.
            middle = sum(drawn.values()) / len(drawn) if drawn else sum(at[item] for item in column) / len(column)
            wishes = [drawn.get(item, middle) for item in column]
            at.update(zip(column, _apart(wishes, [size[item] for item in column]), strict=True))
    top = min((at[item] - size[item] / 2 for item in at), default=0.0)
    return {item: middle - top for item, middle in at.items()}


def _apart(wishes: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """The middles closest to the wishes, by least squares, that keep the order and do not overlap.

    With the distances taken off it is an isotonic regression, which pooling adjacent violators solves.
    """
    offsets = [0.0]
    for one, other in pairwise(sizes):
        offsets.append(offsets[-1] + (one + other) / 2)
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=False):
        blocks.append((wish - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [((a * m + b * n) / (m + n), m + n)]
    level = [mean for mean, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(level, offsets, strict=False)]
