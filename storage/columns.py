"""Column types that give back exactly what was put in, on SQLite and PostgreSQL alike."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect


def clean(text: str) -> str:
    """The text as every database can hold it: half surrogate pairs and NUL become the replacement character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text.replace("\x00", "\ufffd")


class Words(sa.types.TypeDecorator[str]):
    """Text from outside, cleaned; an enumeration's member is stored as its value."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        return None if value is None else clean(str(value))


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond. A time without a zone is refused: nobody could say when it was."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone, so it cannot be stored.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
