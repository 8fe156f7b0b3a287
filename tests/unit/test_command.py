import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import shell
from bot.domain.arguments import options, parse
from bot.domain.command import CommandClass, classify
from tests.unit.commands import LABELLED, READ_ONLY

LOOKS = READ_ONLY.strip().splitlines()
HARMFUL = [
    command
    for label, command in LABELLED
    if CommandClass(label).harm >= CommandClass.DESTRUCTIVE.harm and "\x00" not in command and len(command) < 200
]
# fmt: off
TAILS = [
    "; rm x", "\nrm x", " && touch x", " || touch x", " & touch x", " | sh", " | tee x", " > f", " >> f", " >| f",
    " &> f", " 2> f", " < f", " <<< f", " <> f", " $(touch x)", " `touch x`", ' "$(touch x)"', ' "`touch x`"',
    " <(touch x)", " >(touch x)", " $X", ' "$X"', " ${X:=y}", " *", " a?", " [ab]", " {a,b}", " ~", " \x00", " \u202e",
    " 'open", ' "open', " \\", "; ", " &", " |", " (touch x)", "\r\ntouch x", " $'\\x3b'", " | xargs touch", " |& cat",
]
# fmt: on
HEADS = [
    "touch x; ",
    "touch x\n",
    "touch x && ",
    "touch x | ",
    "X=1 ",
    "PATH=. ",
    "> f ",
    "! ",
    "( ",
    "$(touch x) ",
    "./",
]


@pytest.mark.parametrize(("label", "command"), LABELLED)
def test_a_command_has_its_class(label: str, command: str) -> None:
    found = classify(command)
    assert found.command_class == label, found.reason


def test_the_table_is_what_it_says() -> None:
    assert len(set(LABELLED)) == len(LABELLED) >= 200
    assert {label for label, _ in LABELLED} == set(CommandClass)


@pytest.mark.parametrize("command", LOOKS)
def test_what_is_run_is_what_was_judged(command: str) -> None:
    stages = classify(command).stages
    assert stages == tuple(tuple(part.words) for part in shell.read(command).parts)
    if not shell.read(command).parts[0].redirections and "#" not in command:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="|")
        lexer.whitespace_split = True
        assert [word for stage in stages for word in (*stage, "|")][:-1] == list(lexer)


@pytest.mark.parametrize(("label", "command"), LABELLED)
def test_only_what_only_looks_can_be_run(label: str, command: str) -> None:
    assert bool(classify(command).stages) is (label == CommandClass.READ_ONLY)


@given(st.sampled_from(LOOKS), st.sampled_from(TAILS))
def test_whatever_is_added_it_no_longer_only_looks(command: str, tail: str) -> None:
    joined = command.partition(" #")[0] + tail
    assert classify(joined).command_class is not CommandClass.READ_ONLY or joined.rstrip(" ") == command


@given(st.sampled_from(LOOKS), st.sampled_from(HEADS))
def test_whatever_goes_before_it_no_longer_only_looks(command: str, head: str) -> None:
    assert classify(head + command).command_class is not CommandClass.READ_ONLY


@given(st.sampled_from(LOOKS), st.sampled_from(HARMFUL), st.sampled_from(["; ", "\n", " && ", " || ", " & ", " | "]))
def test_a_line_is_as_bad_as_its_worst_part(command: str, harmful: str, joint: str) -> None:
    plain = command.partition(" #")[0]
    least = classify(harmful).command_class.harm
    assert classify(plain + joint + harmful).command_class.harm >= least
    if "<<" not in harmful and "#" not in harmful and not harmful.endswith("'"):
        assert classify(harmful + joint + plain).command_class.harm >= least


# fmt: off
WRAPPINGS = [
    "sudo {}", "sudo -u root {}", "env {}", "env -i A=1 {}", "timeout 5 {}", "timeout -s KILL 5s {}", "nice -n 5 {}",
    "nohup {}", "time {}", "watch -n 1 {}", "xargs {}", "ssh web1 {}", "setsid {}", "stdbuf -oL {}", "( {} )", "! {}",
    "docker exec web {}", "kubectl exec web -- {}", "find . -exec {} ;", "if true; then {}; fi", "{{ {}; }}", "A=1 {}",
]
# fmt: on
QUOTINGS = ["sh -c {}", "bash -lc {}", "sudo sh -c {}", "ssh web1 {}", "eval {}", "watch {}", "su -c {} root"]


@given(
    st.sampled_from([one for one in HARMFUL if re.fullmatch(r"[^\n#>:]([^\n#]*[^'])?", one)]),
    st.sampled_from(WRAPPINGS),
)
def test_wrapping_makes_nothing_harmless(harmful: str, wrapping: str) -> None:
    wrapped = wrapping.format(harmful)
    assert classify(wrapped).command_class.harm >= classify(harmful).command_class.harm, wrapped


@given(st.sampled_from(HARMFUL), st.lists(st.sampled_from(QUOTINGS), min_size=1, max_size=3))
def test_quoting_makes_nothing_harmless(harmful: str, quotings: list[str]) -> None:
    quoted = harmful
    for quoting in quotings:
        quoted = quoting.format(shlex.quote(quoted))
    assert classify(quoted).command_class.harm >= classify(harmful).command_class.harm, quoted


@given(st.text(alphabet="abcrm ;|&$()<>`'\"\\\n#*?{}[]~!-=/x0", max_size=60) | st.text(max_size=60))
def test_anything_at_all_gets_a_class_and_a_reason(text: str) -> None:
    found = classify(text)
    assert found.reason
    if found.command_class is CommandClass.READ_ONLY:
        assert shlex.split(text, comments=True)[0] == found.stages[0][0]


def test_the_reason_names_what_is_wrong() -> None:
    assert "sed -i" in classify("sed -i s/a/b/ f").reason
    assert "purge_orders" in classify("psql -c 'select purge_orders()'").reason
    assert classify("rm -rf /usr/../etc").reason == "rm would delete /usr/../etc with everything in it"
    assert classify("ls | wc -l").reason == "ls | wc only looks"


def test_options_are_read_as_getopt_does() -> None:
    known = options("-a -b: --all --lines: -#")
    assert parse(["-ab", "1", "w", "--lines=2", "--all", "-7", "--", "-x"], known).words == ("w", "-x")
    assert parse(["-ab1"], known).values == (("-a", ""), ("-b", "1"))
    assert parse(["-x"], known).odd == "-x"
    assert parse(["--al"], known).odd == "--al", "a shortened name may mean another option"
    assert parse(["-b", "--all"], known).odd == "-b", "it may be the value or another option"
    assert parse(["-b", "-5"], known).values == (("-b", "-5"),)
    assert parse(["--lines"], known).odd == "--lines"
    assert parse(["-a", "p", "-x"], known, leading=True).words == ("p", "-x")


def test_a_line_is_taken_apart() -> None:
    line = shell.read("""a 'b c'"d e"\\ f >x 2>&1 | g $(h "i)") && j""")
    assert [part.words for part in line.parts] == [["a", "b cd e f"], ["g", '$(h "i)")'], ["j"]]
    assert line.parts[0].redirections == [(">", "x"), ("2>&", "1")]
    assert line.operators == ("|", "&&")
    assert line.inner == ('h "i)"',)
    assert line.tricks == ("a substitution",)
    assert shell.read('a "b').broken == "a double quote is not closed"
