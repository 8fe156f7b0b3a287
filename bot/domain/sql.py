"""How much harm a piece of SQL can do, by its parse tree. Pure."""

import re
from itertools import pairwise
from typing import Any

from bot.domain.verdict import Classified, changing, destructive, reading

# The functions that only look, by the name that is written. A function of the house's own may do anything, and a parser
# knows more names than the server does, so whatever is not on this list is taken to act.
LOOKING = re.compile(
    r"pg_(size_pretty|(total_)?relation_size|table_size|indexes_size|database_size|tablespace_size|column_size"
    r"|is_in_recovery|postmaster_start_time|conf_load_time|backend_pid|blocking_pids|safe_snapshot_blocking_pids"
    r"|last_(wal|xlog|xact)_\w+|current_(wal|xlog)_(lsn|insert_lsn|flush_lsn|location)|wal_lsn_diff|xlog_location_diff"
    r"|get_(viewdef|indexdef|constraintdef|functiondef|userbyid|expr|keywords|partkeydef|serial_sequence)"
    r"|table_is_visible|typeof|encoding_to_char|describe_object|identify_object|index_column_has_property"
    r"|stat_get_\w+|lock_status|prepared_statement|show_all_settings|tablespace_location)"
    r"|has_\w+_privilege|(obj|col|shobj)_description|format_type|to_regclass|version|current_setting|current_schemas?"
    r"|current_(catalog|database|user|role|date|time(stamp)?)|session_user|local_?time(stamp)?|utc_(date|time(stamp)?)"
    r"|inet_(server|client)_(addr|port)|txid_current_if_assigned|user|database|schema|connection_id|found_rows"
    r"|last_insert_id|row_count|inet6?_(ntoa|aton)|uuid|gen_random_uuid|rand(om)?|crc32|md5|sha[12]?|sha(224|256|384|512)"
    r"|count|sum|avg|min|max|std(dev)?(_pop|_samp)?|var(iance|_pop|_samp)|corr|covar_(pop|samp)|mode"
    r"|regr_(count|slope|intercept|r2|avg[xy]|s[xy]{2})"
    r"|any_value|bool_(and|or)|every|bit_(and|or|xor|count|length)|percentile_(cont|disc)|group_concat"
    r"|string_agg|array_agg|row_to_json|to_jsonb?|jsonb?_((object|array)_?agg|agg|object(_keys)?|array(_elements(_text)?"
    r"|_length)?|each(_text)?|extract(_path(_text)?)?|build_(object|array)|typeof|strip_nulls|pretty|path_(exists|query"
    r"(_first)?)|value|query|valid|keys|type|unquote|quote|contains|length|depth|search|table|set|insert)|row_number|rank|dense_rank|percent_rank|cume_dist|ntile"
    r"|lag|lead|(first|last|nth)_value|grouping|coalesce|nullif|ifnull|isnull|nvl|if|greatest|least|cast|convert"
    r"|extract|date_(part|trunc|bin|add|sub|format)|age|now|(clock|statement|transaction)_timestamp|timeofday"
    r"|make_(date|time|timestamp|timestamptz|interval)|justify_(days|hours|interval)|isfinite|to_(char|date|timestamp"
    r"|number|hex|days|seconds|base64)|sys_?date|systimestamp|cur(date|time)|date(diff)?|time(diff|stamp(add|diff)?)?"
    r"|add(date|time)|sub(date|time)|str_to_date|from_(days|unixtime|base64)|unix_timestamp|sec_to_time|time_(format"
    r"|to_sec)|convert_tz|year(week)?|quarter|month(name)?|week(day|ofyear)?|day(name|ofmonth|ofweek|ofyear)?|hour"
    r"|minute|(micro)?second|last_day|lower|upper|[lu]case|initcap|(char(acter)?|octet|bit)_?length|length|substr(ing)?"
    r"|substring_index|mid|left|right|[lrb]?trim|[lr]pad|replace|translate|reverse|repeat|concat(_ws)?|split_part"
    r"|position|strpos|instr|locate|starts_with|overlay|ascii|chr|char|hex|unhex|quote(_ident|_literal|_nullable)?"
    r"|format|elt|field|find_in_set|space|regexp_(replace|matches?|split_to_(array|table)|count|instr|like|substr)"
    r"|string_to_(array|table)|array_(length|to_string|position|upper|lower|ndims|cat|append|remove)|cardinality|unnest"
    r"|generate_(series|subscripts)|encode|decode|abs|ceil(ing)?|floor|round|trunc(ate)?|mod|div|sign|sqrt|cbrt|power"
    r"|pow|exp|ln|log(2|10)?|pi|degrees|radians|width_bucket|network|masklen|broadcast|family|host"
    # Types with a length, and words that a parenthesis may follow.
    r"|numeric|dec(imal)?|(var|n)?char(acter)?|n?varchar|varying|interval|float|bit|datetime|signed|unsigned|binary"
    r"|and|or|xor|not|in|exists|any|all|some|as|group|using|on|from|join|where|select|distinct|by|values|when|then|else"
    r"|between|r?i?like|regexp|case|union|intersect|except|lateral|having|limit|offset|to|array|row|sets|cube|rollup"
    r"|escape|is|with|recursive|order|over|filter|materialized|return(ing)?|end"
)
# Only in these places are they words of the language and not somebody's function.
FOLLOWING = {"over": (")",), "filter": (")",), "materialized": ("as", "not")}

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
    updates = [one for one in tree.find_all(exp.Update) if not isinstance(one.parent, exp.When)]
    if any(not one.args.get("where") for one in updates):
        return destructive("it updates every row")
    if not isinstance(tree, exp.Query | exp.Values):
        return changing(f"{type(tree).__name__.upper()} changes something")
    act = _acting(sql, dialect)
    return changing(f"{act[:60]}() may do more than look") if act else _query(tree)


def _acting(sql: str, dialect: str) -> str:
    """The first function written in it that is not known to only look."""
    import sqlglot  # loaded by the caller already

    tokens = sqlglot.tokenize(sql, read=dialect)
    for place, (token, after) in enumerate(pairwise(tokens)):
        before = [one.text.lower() for one in tokens[max(place - 1, 0) : place]]
        if after.text != "(" or not re.match(r"\w", token.text):
            continue
        quoted = sql[token.start] in '"`'
        name = token.text.lower().split()[-1]
        known = not quoted and LOOKING.fullmatch(name) and before != ["."]
        # A name with its columns, as in WITH a (x) and AS a (x), is no call.
        alias = before in (["as"], ["with"], ["recursive"])
        if not alias and not (known and all(one in FOLLOWING.get(name, (one,)) for one in before)):
            return name
    return ""


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
        (exp.NextValueFor, "it takes a number from a sequence"),
    ):
        found = next((one for one in tree.find_all(kind) if not isinstance(one, exp.Query)), None)
        if found is not None:
            return changing(reason)
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
