"""The drawing of a blast radius: the call graph around a failure, from callers on the left to callees on the right."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from itertools import pairwise

from bot.domain.observed import Edge
from bot.domain.picture import Node, Standing
from bot.domain.wording import plural
from bot.pictures.layout import Box, Layout, Line, place
from bot.pictures.look import BODY, FAINT, HEADING, INK, PAPER, SHADE, SMALL, TITLE, Letters, Sheet, Style

# Inches: a box, the space below it and between columns, and what is around; LEAST is the width of the smallest picture.
BOX, HIGH, GAP, BETWEEN = 1.62, 0.86, 0.16, 0.48
MARGIN, HEAD, FOOT, LEAST = 0.22, 0.87, 0.34, 5.6
BADGE, TIP, ROW, BEHIND, BULGE = 0.115, 0.09, 0.19, 0.06, 0.34
NAME = Style(12, "bold")
SMALLER = Style(10, "bold")
ALARM, CALL = "#9c1c1c", "#8c959f"


@dataclass(frozen=True, slots=True)
class Paint:
    """How a box looks: its ground, its edge, its letters, and the edge's dashes."""

    ground: str
    edge: str
    ink: str = INK
    dashes: str = "-"


PAINTS = {
    Standing.CAUSE: Paint("#a63a00", "#6e2600", PAPER),
    Standing.FAILING: Paint("#a63a00", "#6e2600", PAPER),
    Standing.DIRECT: Paint("#fbd9b5", "#a65200"),
    Standing.INDIRECT: Paint("#fff3c4", "#8a6d00"),
    Standing.CALLED: Paint("#dcebf8", "#2a6496"),
    Standing.OTHER: Paint("#eceff2", "#6b7580"),
}
REST = Paint(SHADE, CALL, dashes=":")


def draw(title: str, nodes: Collection[Node], edges: Iterable[Edge], zone: tzinfo) -> Sheet:
    """The picture; times are those of ``zone``. Without any node it says that there is nothing to draw."""
    standings = list(Standing)
    anchors = {Standing.CAUSE, Standing.FAILING}
    known = {node.name: node for node in sorted(nodes, key=lambda one: (one.name, standings.index(one.standing)))}
    ranked = sorted(
        known.values(),
        key=lambda one: (one.standing not in anchors, not one.alerting, standings.index(one.standing), one.name),
    )
    layout = place([node.name for node in ranked], [(edge.caller, edge.callee) for edge in edges])
    return _Drawing(title, known, layout, zone).sheet


class _Drawing:
    """One drawing being made. Everything is in inches from the upper left corner."""

    def __init__(self, title: str, known: Mapping[str, Node], layout: Layout, zone: tzinfo) -> None:
        self._letters, self._known, self._layout, self._zone = Letters(), known, layout, zone
        content = layout.columns * BOX + max(layout.columns - 1, 0) * BETWEEN
        last = layout.columns - 1
        beyond = BULGE / 2 if any(layout.boxes[line.left].column == last for line in layout.lines) else 0.0
        wide = max(LEAST, content + beyond + 2 * MARGIN)
        room = wide - 2 * MARGIN
        foot = self._letters.wrap(self._told(), room, SMALL, 3)
        high = HEAD + max(layout.height, 0.3) * (HIGH + GAP) + FOOT + ROW * len(foot)
        self._left = (wide - content - beyond) / 2
        self.sheet = Sheet(self._letters, wide, high)
        self.sheet.write(title, (MARGIN, 0.28), TITLE, room, "left")
        alerting = sum(node.alerting for node in known.values())
        counted = f"{alerting} of {plural(len(known), 'service')} alerting"
        self.sheet.write(counted, (MARGIN, 0.53), BODY.of(FAINT), room, "left")
        for line in layout.lines:
            self._line(line)
        for box in layout.boxes:
            self._service(box)
        for number, line_of_foot in enumerate(reversed(foot)):
            self.sheet.write(line_of_foot, (MARGIN, high - 0.2 - ROW * number), SMALL.of(FAINT), room, "left")

    def _told(self) -> str:
        nodes = self._known.values()
        if not nodes:
            return "There is no service to draw."
        told = ["Arrows lead from a caller to what it calls."]
        if any(node.state.startswith("exposed") for node in nodes):
            told.append("Exposed: depends on it, no alert yet.")
        since = [node.since for node in nodes if node.alerting and node.since]
        if since:
            there = max(since).astimezone(self._zone)
            named = f" ({self._zone})" if str(self._zone) != there.tzname() else ""
            told.append(f"Times: {there:%d %b %Y, %Z}{named}.")
        return " ".join(told)

    def _service(self, box: Box) -> None:
        if len(box.names) > 1:
            self._rest(box)
            return
        node = self._known[box.names[0]]
        lines = [node.state]
        if node.alerting:
            lines.append(f"alerts since {node.since.astimezone(self._zone):%H:%M}" if node.since else "alerting")
        self._frame(box, PAINTS[node.standing], alerting=node.alerting)
        self._words(box, node.name, lines, PAINTS[node.standing].ink)

    def _rest(self, box: Box) -> None:
        """Several services as one box: a second edge below it shows that it is a pile."""
        nodes = [self._known[name] for name in box.names]
        standings = {node.standing for node in nodes}
        if standings <= {Standing.DIRECT, Standing.INDIRECT}:
            words = "depend on it"
        elif standings == {Standing.CALLED}:
            words = "dependencies"
        else:
            words = "other services"
        alerting = sum(node.alerting for node in nodes)
        self._frame(box, REST, lower=BEHIND)
        self._frame(box, replace(REST, dashes="-") if alerting else REST, alerting=alerting > 0)
        self._words(box, f"+{len(nodes)} more", [words, f"{alerting or 'none'} alerting"], REST.ink)

    def _words(self, box: Box, name: str, lines: Sequence[str], colour: str) -> None:
        x, y = self._middle(box)
        room = BOX - 2 * BADGE
        # A name that is a little too long is written smaller, before it is broken.
        whole = self._letters.plain(name) or "(no name)"
        style = next((one for one in (NAME, SMALLER) if self._letters.width(whole, one) <= room), HEADING)
        names = self._letters.parts(whole, room, style)
        first = y - ROW / 2 * (len(names) + len(lines) - 1)
        for number, line in enumerate(names):
            self.sheet.write(line, (x, first + ROW * number), style.of(colour), room)
        for number, line in enumerate(lines, len(names)):
            self.sheet.write(line, (x, first + ROW * number), BODY.of(colour), room)

    def _frame(self, box: Box, paint: Paint, *, alerting: bool = False, lower: float = 0.0) -> None:
        from matplotlib.patches import Circle, FancyBboxPatch

        x, y = self._middle(box)
        frame = FancyBboxPatch(
            (x - BOX / 2, y - HIGH / 2 + lower), BOX, HIGH, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=paint.ground, edgecolor=ALARM if alerting else paint.edge, linestyle=paint.dashes,
            linewidth=2.2 if alerting else 1.1, zorder=3,
        )  # fmt: skip
        self.sheet.axes.add_patch(frame)
        if alerting:
            corner = (x + BOX / 2, y - HIGH / 2)
            self.sheet.axes.add_patch(Circle(corner, BADGE, facecolor=ALARM, edgecolor=PAPER, linewidth=1.2, zorder=5))
            self.sheet.write("!", corner, SMALLER.of(PAPER), 2 * BADGE)

    def _line(self, line: Line) -> None:
        """A curve from a box's right side, along its lanes through the columns between, to a box's left side.

        Boxes of one column are joined on their right.
        """
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        left, right = self._layout.boxes[line.left], self._layout.boxes[line.right]
        beside = left.column == right.column
        start = (self._middle(left)[0] + BOX / 2, self._middle(left)[1])
        end = (self._middle(right)[0] + (BOX / 2 if beside else -BOX / 2), self._middle(right)[1])
        tip = TIP if beside else -TIP
        stops = [(start[0] + TIP * line.back, start[1])]
        for column, lane in enumerate(line.lanes, left.column + 1):
            x = self._left + column * (BOX + BETWEEN)
            stops += [(x, self._y(lane)), (x + BOX, self._y(lane))]
        stops.append((end[0] + tip * line.onward, end[1]))
        points, codes = [stops[0]], [Path.MOVETO]
        for number, (here, there) in enumerate(pairwise(stops)):
            half = start[0] + BULGE if beside else (here[0] + there[0]) / 2
            points += [there] if number % 2 else [(half, here[1]), (half, there[1]), there]
            codes += [Path.LINETO] if number % 2 else [Path.CURVE4] * 3
        alarming = self._alarming(line)
        colour, order = (ALARM, 2.5) if alarming else (CALL, 2.0)
        curve = PathPatch(
            Path(points, codes), facecolor="none", edgecolor=colour, linewidth=1.8 if alarming else 1.1, zorder=order
        )
        self.sheet.axes.add_patch(curve)
        for (x, y), back in [(end, tip)] * line.onward + [(start, TIP)] * line.back:
            corners = [(x, y), (x + back, y - TIP / 2), (x + back, y + TIP / 2)]
            self.sheet.axes.add_patch(Polygon(corners, facecolor=colour, linewidth=0, zorder=order))

    def _alarming(self, line: Line) -> bool:
        """Whether services at both ends alert: the way along which the failure seems to have spread."""
        ends = (self._layout.boxes[end].names for end in (line.left, line.right))
        return all(any(self._known[name].alerting for name in names) for names in ends)

    def _middle(self, box: Box) -> tuple[float, float]:
        return self._left + box.column * (BOX + BETWEEN) + BOX / 2, self._y(box.y)

    def _y(self, height: float) -> float:
        return HEAD + height * (HIGH + GAP)
