"""How much harm a piece of SQL can do, by its parse tree. Pure."""

import re
from typing import Any

from bot.domain.verdict import Classified, changing, destructive, reading

# Functions that only look, besides those that sqlglot knows by a class of their own. A function of the house's own may
# do anything, so that it is not on this list.
LOOKING = re.compile(
    r"pg_(size_pretty|(total_)?relation_size|table_size|indexes_size|database_size|tablespace_size|column_size"
    r"|is_in_recovery|postmaster_start_time|conf_load_time|backend_pid|blocking_pids|safe_snapshot_blocking_pids"
    r"|last_(wal|xlog|xact)_\w+|current_(wal|xlog)_(lsn|insert_lsn|flush_lsn|location)|wal_lsn_diff|xlog_location_diff"
    r"|get_(viewdef|indexdef|constraintdef|functiondef|userbyid|expr|keywords|partkeydef|serial_sequence)"
    r"|table_is_visible|typeof|encoding_to_char|describe_object|identify_object|index_column_has_property"
    r"|stat_get_\w+|lock_status|prepared_statement|show_all_settings|tablespace_location)"
    r"|has_\w+_privilege|obj_description|col_description|shobj_description|format_type|to_regclass|age|now|version"
    r"|current_(setting|schema|schemas|database|user|catalog)|inet_(server|client)_(addr|port)|txid_current_if_assigned"
    r"|to_(char|date|timestamp|number|json|jsonb)|date_(part|trunc|bin)|clock_timestamp|statement_timestamp"
    r"|jsonb?_\w+|row_to_json|array_(agg|length|to_string|position|upper|lower)|string_agg|unnest|generate_series"
    r"|percentile_(cont|disc)|width_bucket|bool_(and|or)|mod|div|sign|trunc|quote_(ident|literal)|md5|format"
    r"|sys_?(date|time)|curdate|curtime|connection_id|database|schema|found_rows|last_insert_id|inet_ntoa|truncate"
)
# Known to sqlglot, but they do more than look.
ACTING = re.compile(
    r"nextval|next_value_for|setval|set_config|pg_sleep|sleep|benchmark|get_lock|release_lock|load_file|pg_read\w*|lo_\w+"
)

PARSED = (
    "SELECT",
    "WITH",
    "TABLE",
    "VALUES",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
)


def judge(sql: str, dialect: str) -> Classified:
    """What it would do; ``dialect`` is ``postgres`` or ``mysql``. What cannot be read for certain is changing."""
    verb = next(iter(re.findall(r"\A\s*\(*\s*([a-z]+)\b", sql, re.IGNORECASE)), "").upper()
    if "\\" in sql:
        return _by_its_words(sql, "a backslash can begin a command of the client itself")
    if re.search(r"--|/\*|#" if dialect == "mysql" else r"--|/\*", sql):
        # Parsers and servers do not agree on where a comment ends (1--1, nested ones, /*! … */).
        return _by_its_words(sql, "it has a comment, which could hide something")
    if verb == "SHOW":
        plain = re.fullmatch(r"\s*show\s+[\w.%'=\s]{1,200};?\s*", sql, re.IGNORECASE)
        return reading("SHOW only looks") if plain else changing("this SHOW is not understood")
    if verb in ("EXPLAIN", "DESCRIBE", "DESC"):
        return _explain(sql, dialect)
    if verb not in PARSED:
        return _by_its_words(sql, f"{verb[:30] or 'this SQL'} is not known to be harmless")
    return _parsed(sql, dialect)


def _parsed(sql: str, dialect: str) -> Classified:
    import sqlglot  # a third of a second, which only SQL steps need
    from sqlglot import errors, exp

    try:
        statements = [one for one in sqlglot.parse(sql, read=dialect) if one is not None]
    except (errors.SqlglotError, RecursionError):
        return _by_its_words(sql, "this SQL cannot be read")
    if len(statements) != 1:
        return _by_its_words(sql, f"{len(statements)} statements in one step")
    tree = statements[0]
    for kind, words in ((exp.Drop, "drops"), (exp.TruncateTable, "empties"), (exp.Delete, "deletes")):
        if tree.find(kind):
            return destructive(f"it {words} data")
    update = tree.find(exp.Update)
    if update is not None and not update.args.get("where"):
        return destructive("it updates every row")
    if not isinstance(tree, exp.Query | exp.Values):
        return changing(f"{type(tree).__name__.upper()} changes something")
    return _query(tree)


def _query(tree: Any) -> Classified:  # noqa: ANN401  # sqlglot is imported where it is first needed
    from sqlglot import exp

    for kind, reason in (
        (exp.Into, "SELECT … INTO writes a table"),
        (exp.Lock, "it locks rows"),
        (exp.DML, "it writes inside a query"),
        (exp.DDL, "it defines something inside a query"),
        (exp.Command, "a part of it is not understood"),
        (exp.SessionParameter, "it uses a server variable"),
        (exp.PropertyEQ, "it sets a variable"),
    ):
        found = next((one for one in tree.find_all(kind) if not isinstance(one, exp.Query)), None)
        if found is not None:
            return changing(reason)
    for function in tree.find_all(exp.Func):
        named = isinstance(function, exp.Anonymous | exp.AnonymousAggFunc)
        name = (str(function.this) if named else function.sql_name()).lower()
        if ACTING.fullmatch(name) or (named and not LOOKING.fullmatch(name)):
            return changing(f"the function {name[:60]} may do more than look")
    if any(isinstance(one.parent, exp.Dot) for one in tree.find_all(exp.Anonymous)):
        return changing("it calls a function of somebody's own")
    return reading("a query that only looks")


def _explain(sql: str, dialect: str) -> Classified:
    given = re.fullmatch(
        r"\s*(?:explain|describe|desc)\s+(?:\(\s*format\s+\w+\s*\)\s*|format\s*=\s*\w+\s+)?(\w.*)",
        sql,
        re.IGNORECASE | re.DOTALL,
    )
    if given and re.fullmatch(r"[\w.]+\s*;?\s*", given[1]) and dialect == "mysql":
        return reading("it describes a table")
    if not given or re.match(r"(analy[sz]e|explain|describe|desc)\b", given[1], re.IGNORECASE):
        return _by_its_words(sql, "EXPLAIN ANALYZE runs the statement")
    return judge(given[1], dialect)


def _by_its_words(sql: str, reason: str) -> Classified:
    gone = re.search(r"\b(drop|truncate|delete)\b", sql, re.IGNORECASE)
    return destructive(f"{reason}, and it speaks of {gone[0].upper()}") if gone else changing(reason)
