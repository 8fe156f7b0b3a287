"""The ``inhibit`` part of fettle.yaml: which alert explains which, in Alertmanager's words."""

from bot.domain.inhibition import Inhibition, Matcher, matcher
from bot.schema.table import Table

LABEL = r"[A-Za-z_][\w.-]{0,99}"
LIKE = "a condition such as alertname=NodeDown or severity=~warning|info"


def read_inhibit(table: Table) -> tuple[Inhibition, ...]:
    """Every rule, in their order."""
    return tuple(_rule(one) for one in table.tables("inhibit"))


def _rule(table: Table) -> Inhibition:
    source, target = _matchers(table, "source_matchers"), _matchers(table, "target_matchers")
    equal = table.texts("equal", pattern=LABEL, like="a label's name")
    usual = " and ".join(one.value for one in source if one.operator in ("=", "=~")) or "inhibition"
    rule = Inhibition(table.text("name", usual[:100], most=100), source, target, equal)
    if source and target and not equal:
        table.spot.warn(
            f"{table.path} has no equal labels: one such alert holds back all the others, wherever they are"
        )
    table.done()
    return rule


def _matchers(table: Table, key: str) -> tuple[Matcher, ...]:
    found, given = [], table.spotted(key, like=LIKE)
    for text, spot in given:
        try:
            found.append(matcher(text))
        except ValueError as wrong:
            spot.error(f"{table.path}.{key}: {wrong}")
    if not given:
        table.place(key).error(f"{table.path}.{key} has nothing in it: expected conditions such as alertname=NodeDown")
    return tuple(found)
