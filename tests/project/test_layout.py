"""The tests mirror the tree."""

from pathlib import Path

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
WITHOUT_MIRROR = ("chaos", "contract", "journey", "project", "support")
"""Folders whose tests have no counterpart: they test the whole tree, or are not tests."""

SEVERAL_FILES = {
    "bench/test_measurements.py": "the table of bench/__main__.py",
    "cli/test_commands.py": "every command",
    "cli/test_descriptions.py": "`santral explain` and `santral follow` in two languages",
    "cli/test_masked_commands.py": "every command that prints a customer's text",
    "cli/test_running.py": "the commands on a running profile",
    "cli/test_status.py": "the figures of `santral status` from every stage",
    "ingest/parsing/test_linear_cost.py": "every parser of strangers' text",
    "ingest/webhooks/test_mail.py": "the four webhooks of mail",
    "router/decision/test_counterfactual.py": "the reasons of a decision, and the decision",
    "router/decision/test_follow_up.py": "the choice, the decision and the next state",
    "router/decision/test_goodbye.py": "the choice, the decision and the next state",
    "router/decision/test_variants.py": "rules, entities and language on variants of a text",
    "runtime/archive/test_archive.py": "the contract of both archives",
    "runtime/stage/test_stalls.py": "the watchdog, the frame and the readers on a broker",
    "runtime/topics/test_cluster.py": "the topics of a cluster with users",
    "schemas/test_structs.py": "every Struct that travels",
    "schemas/test_topic_records.py": "the records of every topic",
    "workers/actions/test_app_stores.py": "the actions of both app stores",
    "workers/actions/test_marketplaces.py": "the actions of three marketplaces",
    "workers/actions/test_refusals.py": "the refusals of every vendor",
    "workers/actions/test_requests.py": "the requests of every messenger",
    "workers/console/test_closing_page.py": "the page of an item",
    "workers/console/test_desk_in_browser.py": "the pages of the desk in Chromium",
    "workers/console/test_file_page.py": "the page of a file",
    "workers/console/test_item_page.py": "the page of an item and the line",
    "workers/console/test_privacy_walk.py": "every address of console and API",
    "workers/console/test_redis_states.py": "every address of console and API",
    "workers/console/test_strangers.py": "the console before strangers",
    "workers/desk/test_desk_histories.py": "the desk and its queue under faults",
    "workers/desk/test_histories.py": "the checker of the desk's histories",
    "workers/desk/test_unreadable.py": "the desk and its feed",
    "workers/recorder/test_recorder.py": "the rows, their SQL and the search index",
    "workers/recorder/test_takeover.py": "the recorder's process",
    "workers/store/test_search.py": "the search terms and the queries with them",
    "workers/test_faults.py": "every step of the workers that catches a fault",
}
"""Tests of several files, each with what it tests."""


def _is_mirror(test: Path) -> bool:
    """Return whether a module or package has the name of a test, or the beginning of its name."""
    words = test.stem.split("_")[1:]
    return any(
        (ROOT / test.parent / name).is_dir() or (ROOT / test.parent / f"{name}.py").is_file()
        for name in ("_".join(words[:count]) for count in range(1, len(words) + 1))
    )


def _tests() -> list[Path]:
    return sorted(path.relative_to(TESTS) for path in TESTS.rglob("test_*.py"))


def test_each_test_has_the_name_of_its_file_or_a_reason() -> None:
    mirrors = [path for path in _tests() if path.parts[0] not in WITHOUT_MIRROR]
    strays = {path.as_posix() for path in mirrors if not _is_mirror(path)}
    assert strays == SEVERAL_FILES.keys()
