"""Drawings of metrics, read back from the picture."""

import asyncio
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from bot.domain.evidence import Series
from bot.pictures import MetricPictures, metric
from bot.pictures.look import DEPLOY, DOTS, LIMIT, LINE, ONSET
from bot.pictures.metric import HIGH, WIDE
from tests.adapters import sheets

START = datetime(2026, 3, 2, 13, 50, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def series(*values: float) -> Series:
    return Series((("service", "checkout"),), tuple((at(number), value) for number, value in enumerate(values)))


RISES = series(0.001, 0.001, 0.03, 0.048)


@dataclass
class Album:
    """Everything that was kept."""

    kept: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    async def keep(self, picture_id: str, png: bytes, words: str) -> None:
        self.kept[picture_id] = (png, words)

    async def draw(
        self,
        shown: Series = RISES,
        title: str = "failed checkouts",
        onset: datetime | None = None,
        marks: Mapping[str, datetime] | None = None,
        limit: float | None = None,
        unit: str = "ratio",
        zone: str = "Europe/Berlin",
    ) -> str:
        return await MetricPictures(self.keep).metric(title, unit, shown, onset, marks or {}, limit, zone)

    def words(self, picture_id: str) -> str:
        return self.kept[picture_id][1]

    def pixels(self, picture_id: str) -> Any:  # noqa: ANN401  # NumPy's array
        """The picture's colours, each from 0 to 1, by row and column."""
        from matplotlib.image import imread

        return imread(io.BytesIO(self.kept[picture_id][0]), format="png")

    def has(self, picture_id: str, colour: str) -> bool:
        """Whether anything in the picture has that colour."""
        pixels = self.pixels(picture_id)[..., :3]
        wanted = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
        return bool((np.abs(pixels - wanted).max(axis=-1) < 0.02).any())


@pytest.fixture
def album() -> Album:
    return Album()


async def test_a_picture_shows_the_line_the_onset_the_limit_and_the_marks(album: Album) -> None:
    marks = {"payment v2.31": at(1), "long ago": at(-90)}
    drawn = await album.draw(onset=at(2), marks=marks, limit=0.02)
    high, wide = album.pixels(drawn).shape[:2]
    assert wide == round(WIDE * DOTS) > high > HIGH * DOTS
    assert len(album.kept[drawn][0]) < 100_000
    assert all(album.has(drawn, colour) for colour in (LINE, ONSET, LIMIT, DEPLOY))
    bare = await album.draw()
    assert album.has(bare, LINE)
    assert not any(album.has(bare, colour) for colour in (ONSET, LIMIT, DEPLOY))
    outside = await album.draw(marks={"long ago": at(-90)}, onset=at(90))
    assert not any(album.has(outside, colour) for colour in (ONSET, DEPLOY)), "not among what is shown"


async def test_what_it_shows_in_words(album: Album) -> None:
    drawn = await album.draw(onset=at(2), marks={"payment v2.31": at(1)}, limit=0.02)
    assert album.words(drawn) == (
        "failed checkouts from 13:50 to 13:53 UTC, from 0.1 % to 4.8 %, at most 4.8 %, the limit is 2 %, "
        "it changes at 13:52:00, payment v2.31 at 13:51:00."
    )


async def test_the_same_drawing_has_the_same_id_and_another_has_not(album: Album) -> None:
    first = await album.draw(marks={"a": at(1), "b": at(2)})
    assert await album.draw(marks={"b": at(2), "a": at(1)}) == first
    others = [
        await album.draw(title="other"),
        await album.draw(limit=0.02),
        await album.draw(onset=at(2)),
        await album.draw(zone="UTC"),
        await album.draw(series(0.001, 0.001, 0.03, 0.049)),
    ]
    assert len({first, *others}) == 6


@pytest.mark.parametrize(
    "values",
    [
        *((), (1.0,), (math.nan, math.nan), (1.0, math.nan, math.inf, 2.0), (0.0, 0.0), (-5.0, 3.0), (1e12, 2e12)),
        *((1e308, -1e308), (5e-324, 0.0)),
    ],
)
async def test_series_of_every_sort(album: Album, values: Sequence[float]) -> None:
    drawn = await album.draw(series(*values), onset=at(1), unit="bytes", limit=max(values, default=None))
    finite = [value for value in values if math.isfinite(value)]
    assert album.has(drawn, LINE) == bool(finite)
    assert ("no samples" in album.words(drawn)) == (not finite)


async def test_limits_that_are_no_numbers_are_none(album: Album) -> None:
    drawn = await album.draw(limit=math.inf)
    assert drawn == await album.draw()
    assert "limit" not in album.words(drawn)


@pytest.mark.parametrize(
    "title", ["$\\frac{", "a $b$ c", "エラー率 🔥", "x" * 500, "two\nlines\t", "", "<!channel> & _b_"]
)
async def test_any_title_and_mark_can_be_drawn(album: Album, title: str) -> None:
    """Text from outside is no mathematics, and what the font has not is no warning."""
    drawn = await album.draw(title=title, marks={title or "empty": at(1)}, unit=title[:5])
    assert album.has(drawn, DEPLOY)


@pytest.mark.parametrize("title", ["$\\frac{", "x" * 500, "pool in use"])
@pytest.mark.parametrize("limit", [None, 0.02, 0.9])
def test_no_words_of_a_metric_overlap(title: str, limit: float | None) -> None:
    marks = {f"{title} {number}": at(number / 4) for number in range(9)}
    sheet = metric.draw(title, "ratio", RISES, at(2), marks, limit, UTC)
    words = sheets.words(sheet)
    assert sheets.meetings(words) == []
    assert [one.what for one in words if not sheets.paper(sheet).holds(one)] == []
    assert ("limit 90 %, far above" in words[-1].what) == (limit == 0.9)


async def test_a_zone_that_nobody_knows_is_utc(album: Album) -> None:
    drawn = await album.draw(zone="Mars/Olympus")
    utc = await album.draw(zone="UTC")
    assert album.kept[drawn][0] == album.kept[utc][0]
    assert album.kept[drawn][0] != album.kept[await album.draw(zone="Asia/Kolkata")][0]


async def test_a_peak_among_thousands_of_samples_is_drawn(album: Album) -> None:
    flat = [1.0] * 20_000
    peak = await album.draw(series(*flat[:9_000], 50.0, *flat[9_001:]))
    assert "at most 50" in album.words(peak)
    colour = np.array([int(LINE[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    near = np.abs(album.pixels(peak)[..., :3] - colour).max(axis=-1) < 0.2
    rows = np.flatnonzero(near.any(axis=1))
    assert np.ptp(rows) > HIGH * DOTS / 3, "up to the peak"


async def test_an_hour_that_is_passed_twice_can_be_drawn(album: Album) -> None:
    night = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    shown = Series((), tuple((night + timedelta(minutes=5 * number), float(number)) for number in range(24)))
    assert album.has(await album.draw(shown, onset=night + timedelta(hours=1)), ONSET)


async def test_the_loop_goes_on_while_it_draws(album: Album) -> None:
    pictures, turns = MetricPictures(album.keep), 0
    drawing = [
        asyncio.create_task(pictures.metric(f"{number}", "", RISES, None, {}, None, "UTC")) for number in range(3)
    ]
    while not all(task.done() for task in drawing):
        turns += 1
        await asyncio.sleep(0.001)
    assert len({await task for task in drawing}) == 3
    assert turns > 3
