"""The look of every picture: colours that colour-blind people tell apart too, and letters that fit their place."""

import io
import unicodedata
from dataclasses import dataclass, replace
from typing import Any, Literal

DOTS = 160  # per inch
PAPER, SHADE, INK, FAINT, RULE = "#ffffff", "#f6f8fa", "#1f2328", "#57606a", "#d0d7de"
# After Okabe and Ito, darkened until words in them read on white; they differ in lightness as well as in hue.
LINE, ONSET, LIMIT, DEPLOY = "#1d6fb8", "#b3261e", "#7a5c00", "#5b3fa0"
RAW_LETTERS = 400
JOINTS = set("-_./: ")
Weight = Literal["normal", "bold"]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Style:
    """How words look; ``size`` in points."""

    size: float
    weight: Weight = "normal"
    colour: str = INK

    def of(self, colour: str) -> "Style":
        """The same in another colour."""
        return replace(self, colour=colour)


TITLE, HEADING, BODY, SMALL = Style(13, "bold"), Style(11, "bold"), Style(10), Style(9)
QUIET = SMALL.of(FAINT)


class Letters:
    """Text from outside as letters of the font, measured.

    What the font has not becomes ``?``; control characters and accents heaped on letters go. Whoever draws the text
    passes ``parse_math=False``, so that dollar signs are no mathematics.
    """

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import RendererAgg
        from matplotlib.font_manager import FontProperties, findfont, get_font

        self._renderer: Any = RendererAgg(1, 1, DOTS)  # type: ignore[no-untyped-call]  # has no types
        self._fonts: dict[Weight, Any] = {one: FontProperties(weight=one) for one in ("normal", "bold")}
        self._known = set.intersection(*(set(get_font(findfont(font)).get_charmap()) for font in self._fonts.values()))

    def plain(self, text: str) -> str:
        """One line of what the font has."""
        composed = unicodedata.normalize("NFC", " ".join(text[:RAW_LETTERS].split()))
        kept = [one for one in composed if unicodedata.category(one) not in {"Cc", "Cf", "Mn", "Me"}]
        return "".join(one if ord(one) in self._known else "?" for one in kept).strip()

    def width(self, text: str, style: Style) -> float:
        """The width in inches of text that is plain already."""
        font = self._fonts[style.weight].copy()
        font.set_size(style.size)
        wide: float = self._renderer.get_text_width_height_descent(text, font, ismath=False)[0]
        return wide / DOTS

    def fit(self, text: str, room: float, style: Style, *, middle: bool = False) -> str:
        """The text on one line within ``room`` inches: what is too much goes at the end, or in the middle."""
        whole = self.plain(text)
        if self.width(whole, style) <= room:
            return whole
        least, most = 0, len(whole) - 1
        while least < most:
            keep = (least + most + 1) // 2
            if self.width(_cut(whole, keep, middle=middle), style) <= room:
                least = keep
            else:
                most = keep - 1
        return _cut(whole, least, middle=middle)

    def parts(self, name: str, room: float, style: Style) -> list[str]:
        """A name on one line or two within ``room`` inches: broken at a joint if it has one, else anywhere."""
        whole = self.plain(name)
        if self.width(whole, style) <= room:
            return [whole]
        fits = max((n for n in range(1, len(whole)) if self.width(whole[:n], style) <= room), default=1)
        joints = [
            n for n in range(1, fits + 1) if {*whole[n - 1 : n + 1]} & JOINTS and self.width(whole[n:], style) <= room
        ]
        cut = min(joints, key=lambda n: abs(len(whole) - 2 * n), default=min(fits, (len(whole) + 1) // 2))
        return [whole[:cut].rstrip(), self.fit(whole[cut:], room, style, middle=True)]

    def wrap(self, text: str, room: float, style: Style, lines: int) -> list[str]:
        """The text on at most so many lines within ``room`` inches; the last one is cut off if need be."""
        words = self.plain(text).split()
        wrapped: list[str] = []
        while words and len(wrapped) < lines - 1:
            count = 1
            while count < len(words) and self.width(" ".join(words[: count + 1]), style) <= room:
                count += 1
            wrapped.append(self.fit(" ".join(words[:count]), room, style))
            words = words[count:]
        return [*wrapped, self.fit(" ".join(words), room, style)] if words else wrapped


class Sheet:
    """A picture of ``wide`` times ``high`` inches on white; its axes count inches from the upper left corner."""

    def __init__(self, letters: Letters, wide: float, high: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.letters = letters
        self.figure = Figure(figsize=(wide, high), dpi=DOTS, facecolor=PAPER)
        FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(0, wide)
        self.axes.set_ylim(high, 0)
        self.axes.set_autoscale_on(False)
        self.axes.set_axis_off()

    def write(
        self, text: str, at: tuple[float, float], style: Style, room: float, align: Align = "center", ground: str = ""
    ) -> None:
        """Write one line whose middle is at that height, cut off where it would be wider than ``room`` inches.

        ``ground`` is the colour of a patch behind it, for words that lie over lines.
        """
        words = self.letters.fit(text, room, style)
        if not words:
            return
        behind = {"facecolor": ground, "edgecolor": "none", "pad": 0.8, "alpha": 0.85} if ground else None
        self.axes.text(
            *at, words, fontsize=style.size, fontweight=style.weight, color=style.colour,
            ha=align, va="center", bbox=behind, zorder=6, parse_math=False,
        )  # fmt: skip

    def png(self) -> bytes:
        """The picture as a PNG."""
        out = io.BytesIO()
        self.figure.savefig(out, format="png", facecolor=PAPER)
        return out.getvalue()


def _cut(text: str, keep: int, *, middle: bool) -> str:
    tail = keep // 2 if middle else 0
    return text[: keep - tail].rstrip() + "…" + (text[len(text) - tail :].lstrip() if tail else "")
