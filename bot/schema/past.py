"""incidents/*.yaml: past incidents, one in each file."""

from datetime import UTC, datetime

from bot.domain.cause import CauseKind
from bot.domain.past import Moment, PastIncident
from bot.schema.table import Table

UNREAD = datetime(1970, 1, 1, tzinfo=UTC)


def read_past(table: Table, source: str) -> PastIncident:
    """Read one file's top mapping; ``source`` names the file."""
    started, ended = table.time("started_at") or UNREAD, table.time("ended_at") or UNREAD
    if ended < started:
        table.place("ended_at").error("ended_at is before started_at")
    service = table.name("service", must=True)
    timeline = []
    for one in table.tables("timeline"):
        timeline.append(Moment(one.time("at") or UNREAD, one.text("text", must=True)))
        one.done()
    past = PastIncident(
        id=table.name("id", must=True),
        title=table.text("title", must=True, most=200),
        service=service,
        started_at=started,
        ended_at=ended,
        cause_kind=table.choice("cause_kind", tuple(CauseKind), CauseKind.ERRORS, must=True),
        cause_service=table.name("cause_service", service),
        cause_text=table.text("cause_text", must=True),
        fix=table.text("fix", must=True),
        held=table.maybe_flag("held"),
        indicator=table.name("indicator"),
        symptoms=table.texts("symptoms"),
        timeline=tuple(timeline),
        sample=bool(table.maybe_flag("sample", default=False)),
        source=source,
    )
    table.done()
    return past
