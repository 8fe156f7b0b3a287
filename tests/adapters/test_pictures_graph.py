"""Blast radii, measured as they are drawn: what is said, what overlaps, what is piled up."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.domain.observed import Edge
from bot.domain.picture import Node, Standing, around, blast_words, zone_named
from bot.pictures import MetricPictures, graph
from bot.pictures.layout import COLUMNS, LANE, ROWS, Layout, place
from bot.pictures.look import Sheet
from tests.adapters import sheets
from tests.adapters.sheets import said

AT = datetime(2026, 11, 21, 13, 2, tzinfo=UTC)
BERLIN = zone_named("Europe/Berlin")
HOSTILE = (
    "$\\frac{",
    "a $b$ c",
    "エラー 🔥",
    "w" * 900,
    "two\nlines\t\x1b[31m",
    "\u202eevil",
    "z" + "\u0301" * 300,
    " ",
)


def calls(*pairs: tuple[str, str]) -> tuple[Edge, ...]:
    return tuple(Edge(caller, callee, "catalogue") for caller, callee in pairs)


SHOP = calls(("web", "checkout"), ("checkout", "payment"), ("payment", "postgres"), ("mobile", "payment"))
ALERTS = {"payment": AT, "checkout": AT + timedelta(minutes=1), "search": None}


def drawn(nodes: Sequence[Node], edges: Sequence[Edge], title: str = "Blast radius") -> Sheet:
    return graph.draw(title, nodes, edges, BERLIN)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    count = draw(st.integers(1, 45))
    chance = random.Random(draw(st.integers(0, 10_000)))
    names = [
        f"{chance.choice(('order', 'authentication-gateway', 'db', 'X' * 40))}-{number}" for number in range(count)
    ]
    names[: len(HOSTILE)] = chance.sample([*HOSTILE, *names], min(len(HOSTILE), count))
    names = list(dict.fromkeys(names))
    edges = calls(*((chance.choice(names), chance.choice(names)) for _ in range(chance.randrange(3 * count))))
    alerting = {name: chance.choice([None, AT]) for name in chance.sample(names, chance.randrange(len(names)))}
    return list(around(names[0], edges, alerting)), list(edges)


@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])  # shrinking would draw hundreds
@given(graphs())
def test_no_words_overlap_and_all_are_in_their_place(given_graph: tuple[list[Node], list[Edge]]) -> None:
    sheet = drawn(*given_graph, title="Blast radius of $x$ " * 9)
    words, boxes = sheets.words(sheet), sheets.boxes(sheet)
    assert sheets.meetings(words) == []
    assert sheets.meetings(boxes) == []
    assert [one.what for one in [*words, *boxes] if not sheets.paper(sheet).holds(one)] == []
    held = [sum(box.holds(word) for word in words) for box in boxes]
    assert min(held) >= 2, "a name and a word for its state"
    loose = [word for word in words[2:] if word.what != "!" and not any(box.holds(word) for box in boxes)]
    assert max(word.high for word in loose) < min(box.low for box in boxes), "only the foot stands outside"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(graphs())
def test_every_service_has_one_place_and_lines_keep_clear_of_boxes(given_graph: tuple[list[Node], list[Edge]]) -> None:
    nodes, edges = given_graph
    names, pairs = [node.name for node in nodes], [(edge.caller, edge.callee) for edge in edges]
    layout = place(names, pairs)
    assert sorted(name for box in layout.boxes for name in box.names) == sorted(names)
    assert layout.columns <= COLUMNS
    assert max(Counter(box.column for box in layout.boxes).values()) <= ROWS
    assert place(names, reversed(pairs)) == layout
    for column in range(layout.columns):
        lanes = {lane for line in layout.lines for lane in lanes_in(layout, line.left, column, line.lanes)}
        kept = [(box.y, 1.0) for box in layout.boxes if box.column == column] + [(lane, LANE) for lane in lanes]
        kept.sort()
        assert all(b - a >= (high + other) / 2 - 1e-9 for (a, high), (b, other) in pairwise(kept))
        assert all(high / 2 - 1e-9 <= at <= layout.height - high / 2 + 1e-9 for at, high in kept)


def lanes_in(layout: Layout, left: int, column: int, lanes: Sequence[float]) -> list[float]:
    place_in_line = column - layout.boxes[left].column - 1
    return [lanes[place_in_line]] if 0 <= place_in_line < len(lanes) else []


def test_callers_stand_left_of_what_they_call() -> None:
    layout = place(["payment", "checkout", "web", "postgres"], [(edge.caller, edge.callee) for edge in SHOP])
    column = {box.names[0]: box.column for box in layout.boxes}
    assert column == {"web": 0, "checkout": 1, "payment": 2, "postgres": 3}
    assert all(line.onward and not line.back for line in layout.lines)
    assert {layout.boxes[0].y, *(box.y for box in layout.boxes)} == {0.5}, "a chain is a straight line"


def test_a_caller_past_a_column_passes_it_on_a_lane() -> None:
    layout = place(["c", "b", "a"], [("a", "b"), ("b", "c"), ("a", "c")])
    (past,) = [line for line in layout.lines if line.lanes]
    assert (layout.boxes[past.left].names, layout.boxes[past.right].names, len(past.lanes)) == (("a",), ("c",), 1)


def test_a_circle_keeps_its_directions() -> None:
    layout = place(["c", "a", "b"], [("a", "b"), ("b", "c"), ("c", "a"), ("b", "a")])
    ways = {
        (layout.boxes[line.left].names[0], layout.boxes[line.right].names[0]): (line.onward, line.back)
        for line in layout.lines
    }
    assert ways == {("a", "b"): (True, True), ("b", "c"): (True, False), ("a", "c"): (False, True)}


def test_a_deep_chain_is_laid_out_by_distance() -> None:
    names = [f"s{number}" for number in range(12)]
    layout = place(["s9", *(name for name in names if name != "s9")], list(pairwise(names)))
    column = {name: box.column for box in layout.boxes for name in box.names}
    assert [column[name] for name in names] == [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4]
    assert [box.names for box in layout.boxes if len(box.names) > 1] == [("s5", "s6")]


def test_the_words_for_each_state() -> None:
    sheet = drawn(around("payment", SHOP, ALERTS), SHOP, "Blast radius of payment")
    words = said(sheet)
    at = {word.what: (word.left + word.right) / 2 for word in sheets.words(sheet)}
    assert at["web"] < at["checkout"] < at["payment"] < at["postgres"]
    assert words[:2] == ["Blast radius of payment", "3 of 6 services alerting"]
    states = ["suspected cause", "affected directly", "exposed directly", "exposed indirectly", "dependency"]
    others = ["on another path", "alerts since 14:02", "alerts since 14:03", "alerting", "!", "!", "!"]
    assert Counter(words) >= Counter([*states, *others])
    assert words[-1] == (
        "Arrows lead from a caller to what it calls. Exposed: depends on it, no alert yet. "
        "Times: 21 Nov 2026, CET (Europe/Berlin)."
    )
    assert graph.ALARM in sheets.edge_colours(sheet)


def test_without_alerts_nothing_is_alarming() -> None:
    sheet = drawn(around("payment", SHOP, {}, suspected=False), SHOP)
    assert "failing service" in said(sheet)
    assert "!" not in said(sheet)
    assert graph.ALARM not in sheets.edge_colours(sheet)


def test_what_is_too_many_is_counted_and_what_alerts_is_shown() -> None:
    edges = calls(*((f"client-{number}", "auth") for number in range(20)))
    words = said(drawn(around("auth", edges, {"auth": AT, "client-17": None}), edges))
    assert "client-17" in words
    assert [words[words.index("+15 more") + number] for number in (1, 2)] == ["depend on it", "none alerting"]
    every = said(drawn(around("auth", edges, dict.fromkeys([f"client-{n}" for n in range(20)])), edges))
    assert "15 alerting" in every


def test_no_service_and_one_service() -> None:
    assert said(drawn([], [])) == ["Blast radius", "0 of 0 services alerting", "There is no service to draw."]
    assert Counter(said(drawn(around("a", (), {}), [])))["suspected cause"] == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_can_be_drawn_as_it_is(name: str) -> None:
    """Nothing is mathematics, what the font has not is no warning, and nothing grows out of its box."""
    sheet = drawn(around(name, (), {name: AT}), (), title=name)
    assert sheet.png().startswith(b"\x89PNG")
    assert not any(one.get_parse_math() for one in sheet.axes.texts)
    (box,) = sheets.boxes(sheet)
    assert sum(box.holds(word) for word in sheets.words(sheet)) >= 3, "a name, its standing, its alert"
    if "$" in name:
        assert said(sheet)[0] == name


def test_a_thousand_services_are_drawn_in_time_and_on_a_page() -> None:
    chance = random.Random(1)
    names = [f"s{number}" for number in range(1000)]
    edges = calls(*((chance.choice(names), chance.choice(names)) for _ in range(4000)))
    sheet = drawn(around("s1", edges, {}), edges)
    wide, high = sheet.figure.get_size_inches()
    assert wide < 12
    assert high < 12


class Album:
    """Everything that was kept."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, str]] = {}

    async def keep(self, picture_id: str, png: bytes, words: str) -> None:
        self.kept[picture_id] = (png, words)

    async def draw(
        self, edges: Sequence[Edge] = SHOP, alerts: Mapping[str, datetime | None] = ALERTS, zone: str = "Europe/Berlin"
    ) -> str:
        nodes = around("payment", edges, alerts)
        return await MetricPictures(self.keep).blast_radius("Blast radius of payment", nodes, edges, zone)


async def test_the_same_graph_has_the_same_id_and_another_has_not() -> None:
    album = Album()
    first = await album.draw()
    png = album.kept[first][0]
    assert await album.draw(SHOP[::-1]) == first
    assert album.kept[first][0] == png, "and the same pixels"
    others = [
        await album.draw(SHOP[:-1]),
        await album.draw(alerts={**ALERTS, "web": None}),
        await album.draw(alerts={**ALERTS, "search": AT}),
        await album.draw(zone="UTC"),
    ]
    assert len({first, *others}) == 5


async def test_what_it_shows_in_words() -> None:
    album = Album()
    assert album.kept[await album.draw()][1] == (
        "Blast radius of payment: 3 of 6 services alert. Suspected cause: payment (alerting since 14:02 CET). "
        "Call it directly (2): checkout (alerting since 14:03 CET), mobile. Depend on it through others: web. "
        "Its dependencies: postgres. On another path: search (alerting)."
    )


def test_words_stay_short_whatever_the_names_are() -> None:
    edges = calls(*((f"{'n' * 500}{number}", "auth") for number in range(40)))
    words = blast_words("t" * 999, around("auth", edges, {}), "Mars/Olympus")
    assert len(words) <= 1_900
    assert "(40)" in words
    assert "and 32 more" in words


def test_how_services_stand_to_the_cause() -> None:
    edges = calls(("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("c", "b"), ("x", "y"))
    standings = {node.name: (node.standing, node.alerting) for node in around("c", edges, {"x": None, "a": AT})}
    assert standings == {
        "c": (Standing.CAUSE, False),
        "b": (Standing.DIRECT, False),
        "a": (Standing.INDIRECT, True),
        "d": (Standing.CALLED, False),
        "e": (Standing.CALLED, False),
        "x": (Standing.OTHER, True),
    }
