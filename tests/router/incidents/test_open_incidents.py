"""The router uses the open incidents only, and a merged one as the incident it was merged into."""

from datetime import timedelta

import msgspec
import pytest

from router.incidents.open_incidents import STALE_AFTER, select_open
from tests.support.messages import NOW
from tests.support.router.incidents import SIGNS, incident


def test_a_merged_incident_has_the_id_and_the_title_of_the_main_one_and_its_own_signs() -> None:
    main = incident("b", title="main", status="confirmed", signs=())
    merged = incident("a", status="merged", merged_into="b")
    selected = select_open({"a": merged, "b": main}, NOW)
    assert [(i.id, i.status, i.title) for i in selected] == [("b", "confirmed", "main")] * 2
    assert {i.signs for i in selected} == {SIGNS, ()}


@pytest.mark.parametrize("status", ["closed", "dismissed"])
def test_an_ended_incident_is_not_open(status: str) -> None:
    assert select_open({"a": incident("a", status=status)}, NOW) == ()


def test_an_incident_without_news_is_not_open() -> None:
    later = NOW + STALE_AFTER + timedelta(seconds=1)
    assert select_open({"a": incident("a")}, later) == ()


def test_a_merge_into_an_unknown_incident_is_not_open() -> None:
    merged = incident("a", status="merged", merged_into="b")
    assert select_open({"a": merged}, NOW) == ()


def test_a_circle_of_merges_is_not_open() -> None:
    first = incident("a", status="merged", merged_into="b")
    second = msgspec.structs.replace(first, id="b", merged_into="a")
    assert select_open({"a": first, "b": second}, NOW) == ()
