"""Derived ids are UUIDs of version 5, which never change."""

import uuid

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import NAMESPACE, derived_id

PARTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4)


@given(PARTS)
def test_an_id_is_the_uuid5_of_its_parts(parts: list[str]) -> None:
    expected = uuid.uuid5(NAMESPACE, msgspec.json.encode(parts).decode())
    assert derived_id(*parts) == str(expected)
