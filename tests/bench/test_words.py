"""The tree keeps the words that CONTRIBUTING asks for, and the checker of words itself."""

import ast
from pathlib import Path, PurePath

import pytest

from bench.words import markdown, python_text, tree
from bench.words.finding import Finding, Kind, Passage
from bench.words.names import name_findings
from bench.words.prose import prose_findings

ROOT = Path(__file__).parents[2]


def test_every_file_keeps_the_words() -> None:
    problems = [
        f"{path}:{finding}" for path in tree.paths(ROOT) for finding in tree.findings(ROOT, path)
    ]
    assert not problems, "\n".join(["python -m bench.words prints these:", *problems])


def _names(source: str, path: str = "router/loop.py") -> list[str]:
    nodes = list(ast.walk(ast.parse(source)))
    return sorted(finding.text for finding in name_findings(PurePath(path), nodes))


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("told = 1", "variable told"),
        ("def f(who): ...", "parameter who"),
        ("def f(*, by): ...", "parameter by"),
        ("lambda at: at", "parameter at"),
        ("for one in x: ...", "variable one"),
        ("[1 for part in x]", "variable part"),
        ("with x as held: ...", "variable held"),
        ("if (made := f()): ...", "variable made"),
        ("try: ...\nexcept E as seen: ...", "variable seen"),
        ("match x:\n case [*known]: ...", "variable known"),
        ("match x:\n case {**kept}: ...", "variable kept"),
        ("import x as given", "import given"),
        ("self._held = 1", "attribute _held"),
        ("class Told: ...", "class Told"),
        ("def _tell(): ...", "function _tell"),
        ("async def one(): ...", "function one"),
        ("_MOST = 3", "variable _MOST"),
        ("told2 = 1", "variable told2"),
        ("@dataclass\nclass Item:\n at: int", "variable at"),
        ("class Result(msgspec.Struct, frozen=True):\n made: int", "variable made"),
    ],
)
def test_a_name_that_says_nothing_is_a_finding(source: str, finding: str) -> None:
    assert _names(source) == [finding]


@pytest.mark.parametrize(
    "source",
    [
        "last_seen = lease = signature = 1",
        "MAX_HELD_ITEMS = 3",
        "most = half = 1",
        "def look_up(order): ...",
        "look = 1",
        "f(by=1, at=2)",
        "log.info('x', told=1)",
        "x.at = 1",
        "print(told, x.said)",
        "class Reply(Record, frozen=True):\n at: int",
        "class Base(Record): ...\nclass Reply(Base):\n at: int",
        "class Venue(VendorStruct, rename='camel'):\n seen: int",
    ],
)
def test_a_longer_name_a_call_and_a_field_of_json_are_no_findings(source: str) -> None:
    assert _names(source) == []


def test_the_name_of_a_module_or_a_package_is_checked() -> None:
    assert _names("", "ingest/seen.py") == ["module seen"]
    assert _names("", "ingest/told/__init__.py") == ["module told"]
    assert _names("", "ingest/recent_posts.py") == []


def _rules(text: str, kind: Kind = "comment") -> list[str]:
    return [finding.rule for finding in prose_findings(Passage(1, kind, text))]


@pytest.mark.parametrize(
    "text",
    [
        "What it costs is small.",
        "It is right. Who writes is a customer.",
        "Of a mail the head is enough.",
        "So it goes.",
        "what a crash forgets",
        "Whoever it is.",
    ],
)
def test_a_sentence_begins_with_its_subject(text: str) -> None:
    assert "beginning" in _rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "Whatever fails is retried.",
        "What happens after a crash?",
        "A file of the source.",
        "The reader waits, so nothing is lost.",
        '"So it goes" is a quote.',
        "`of` is a field.",
        "Whole files, of any size.",
        "An operator sees e.g. what failed.",
    ],
)
def test_a_question_or_a_word_inside_a_sentence_is_no_beginning(text: str) -> None:
    assert _rules(text) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("The source is told of its fate.", "passive of telling"),
        ("All files are not\n    asked for.", "passive of telling"),
        ("Its second record is none.", "none as predicate"),
        ("That is no message.", "no as predicate"),
        ("It reads anew.", "word"),
        ("Codes of what the parser mended.", "word"),
        ("The file lies at the vendor.", "word"),
        ("A stage stands still.", "word"),
        ("The form is due.", "word"),
        ("It had a lock.", "word"),
        ("It goes on.", "word"),
        ("Besides, it is slow.", "word"),
    ],
)
def test_a_construction_that_needs_a_second_reading_is_a_finding(text: str, rule: str) -> None:
    assert _rules(text) == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "The customer is asked for a rating.",
        "There is no such file.",
        "There may be none.",
        "If there is none, it returns None.",
        "The value is None.",
        "It is no longer open.",
        "The error is due to a lock.",
        "It recommends a standstill and amends it.",
        "`is told` and “had” are quotes.",
    ],
)
def test_ordinary_english_is_no_finding(text: str) -> None:
    assert _rules(text) == []


def test_a_docstring_has_one_colon_and_a_comment_may_have_more() -> None:
    assert _rules("In: bytes. Out: text.", "docstring") == ["2 colons"]
    assert _rules("In: bytes, at 12:30, as `a: b` or https://a.example/b", "docstring") == []
    assert _rules("In: bytes. Out: text.") == []


def test_a_finding_names_the_line_of_its_word() -> None:
    passage = Passage(
        10, "docstring", "A file.\n\nIt is read\nanew each time. What else is read.\n"
    )
    assert list(prose_findings(passage)) == [
        Finding(13, "word", "anew each time. What else is read."),
        Finding(13, "beginning", "What else is read."),
    ]


SOURCE = '''
"""The module."""
LIMIT = 3  # bytes
"""The limit."""
# A block
# of two lines.
text = "no # comment"
#!/bin/sh


@command(help="A help text")
def run(x):
    """The function."""
    # noqa: E501
    log.info("an event of ours")
    click.echo(f"{x} was read")
    raise ConfigError([Problem("a wrong" + " key")])
'''


def test_the_texts_of_a_python_file() -> None:
    nodes = list(ast.walk(ast.parse(SOURCE)))
    texts = {(p.line, p.kind, p.text) for p in python_text.passages(SOURCE, nodes)}
    assert texts == {
        (2, "docstring", "The module."),
        (3, "comment", "bytes"),
        (4, "docstring", "The limit."),
        (5, "comment", "A block\nof two lines."),
        (11, "message", "A help text"),
        (13, "docstring", "The function."),
        (16, "message", "Q was read"),
        (17, "message", "a wrong key"),
    }


PAGE = """# What it costs

A paragraph with a [link](what.md)
of two lines.
- an item
  of two lines
- another

| who | reads |
|---|---|
| an analyst | the lake |

```sh
whoever --had
```
The end.
"""


def test_the_texts_of_a_page() -> None:
    texts = [(p.line, p.kind, p.text) for p in markdown.passages(PAGE)]
    assert texts == [
        (3, "paragraph", "A paragraph with a [link]\nof two lines."),
        (5, "item", "an item\n  of two lines"),
        (7, "item", "another"),
        (11, "item", "an analyst"),
        (11, "item", "the lake"),
        (16, "paragraph", "The end."),
    ]
