"""The coder, the ids, the topics and the published schemas of the Structs that travel."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError

from router.decision.apply_outcome import apply_outcome
from router.decision.decide import decide_message
from schemas import envelope, publish, topics
from schemas.base import conversation_id, derived_id, message_id
from schemas.decision import Decision, WorkItem
from schemas.errors import CODES, Rejected
from schemas.http_api.openapi import openapi
from schemas.message import MESSAGE_LIMIT, Message, truncate_to_limit
from schemas.outcome import KINDS, Outcome
from schemas.state.conversation import ConversationState
from schemas.state.cursor import Cursor
from tests.support.json_body import JsonBody
from tests.support.messages import message, policy
from tests.support.project.schema_compatibility import incompatible_changes

DATA = Path(__file__).parent.parent / "data"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_ids_depend_on_every_part_and_on_nothing_else() -> None:
    assert message_id("email", "a", "b") == message_id("email", "a", "b")
    assert message_id("email", "a", "bc") != message_id("email", "ab", "c")
    assert conversation_id("x", "mail", "r") != conversation_id("y", "mail", "r")
    assert derived_id("a") != derived_id("a", "")


def test_a_record_comes_back_as_it_was() -> None:
    original = message("Kargom nerede? İıŞğ 😀")
    assert envelope.decode(Message, envelope.encode(original)) == original


def test_headers_are_cloud_events_in_binary_mode() -> None:
    cursor = Cursor(source="email:a", epoch="1", position=7, at=NOW)
    headers = dict(envelope.headers(topics.CURSORS, cursor, "santral/ingest", "00-" + "a" * 32))
    assert headers["ce_type"] == b"santral.cursor.v1"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert envelope.traceparent_of(list(headers.items())) == "00-" + "a" * 32


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_coder_raise_anything_but_rejected(data: bytes) -> None:
    for struct in (Message, Outcome, WorkItem, Cursor):
        try:
            envelope.decode(struct, data)
        except Rejected as error:
            assert error.code == "record.undecodable"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_no_json_makes_the_coder_raise_anything_but_rejected(value: object) -> None:
    try:
        envelope.decode(Decision, json.dumps(value).encode())
    except Rejected as error:
        assert error.text


def test_an_outcome_of_a_kind_that_is_not_known_yet_is_read_and_passed_over() -> None:
    record = {
        "id": "o",
        "kind": "consulted",
        "brand": "b",
        "conversation": "c",
        "item": "i",
        "department": "billing",
        "at": NOW.isoformat(),
    }
    outcome = envelope.decode(Outcome, json.dumps(record).encode())
    assert outcome.kind not in KINDS
    state = ConversationState(
        conversation="c", brand="b", department="billing", opened_at=NOW, updated_at=NOW
    )
    assert apply_outcome(outcome, state, policy().departments, NOW) is None


def test_a_deeply_nested_record_is_rejected() -> None:
    with pytest.raises(Rejected):
        envelope.decode(Message, b'{"x":' + b"[" * 100_000)


def test_a_record_over_the_limit_is_rejected() -> None:
    with pytest.raises(Rejected, match="record.too_large"):
        envelope.encode(message("x" * (topics.RECORD_LIMIT + 1)))


def test_unknown_fields_are_ignored() -> None:
    newer = json.loads(envelope.encode(message("a"))) | {"tomorrow": [1]}
    assert envelope.decode(Message, json.dumps(newer).encode()).text == "a"


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(ValueError, match="unknown rejection code"):
        Rejected("no.such_code")
    assert all("." in code for code in CODES)


def test_every_topic_is_named_once_and_has_a_version() -> None:
    names = [t.name for t in topics.all_topics(("billing", "triage"))]
    assert len(names) == len(set(names))
    assert all(name.endswith(".v1") for name in names)


def test_the_published_schemas_agree_with_the_structs() -> None:
    for name, text in publish.files().items():
        path = publish.PUBLISHED / name
        assert path.read_text() == text, f"{name} is old: run `python -m schemas.publish`"


@pytest.mark.parametrize("name", sorted((*publish.schema_topics(), *publish.WITHOUT_TOPIC)))
def test_published_schemas_are_json_schema_2020_12(name: str) -> None:
    schema = json.loads((publish.PUBLISHED / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == publish.DIALECT


def test_a_message_on_the_wire_fits_its_published_schema() -> None:
    schema = json.loads((publish.PUBLISHED / "message.v1.schema.json").read_text())
    Draft202012Validator(schema).validate(json.loads(envelope.encode(message("selam"))))
    with pytest.raises(ValidationError, match="required"):
        Draft202012Validator(schema).validate({"id": "x"})


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for v in node.values() for r in _references(v)]
    return [r for v in node for r in _references(v)] if isinstance(node, list) else []


def test_asyncapi_fits_the_official_meta_schema_and_has_no_loose_reference() -> None:
    document = yaml.safe_load((publish.PUBLISHED / "asyncapi.yaml").read_text())
    meta = json.loads((DATA / "asyncapi-3.0.0.json").read_text())
    assert list(Draft7Validator(meta).iter_errors(document)) == []
    broken = document | {"channels": {"x": {"addres": 1}}}
    assert list(Draft7Validator(meta).iter_errors(broken))
    for reference in _references(document):
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_openapi_names_every_address_and_resolves() -> None:
    document = openapi()
    assert {"/v1/messages", "/v1/desk/{department}/claim"} <= set(document["paths"])
    for reference in _references(document):
        target: JsonBody = dict(document)
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize("path", sorted((DATA / "released").glob("*.json")), ids=lambda p: p.name)
def test_published_schemas_stay_compatible_with_the_released_ones(path: Path) -> None:
    new = json.loads((publish.PUBLISHED / path.name).read_text())
    assert incompatible_changes(json.loads(path.read_text()), new) == []


def test_an_incompatible_change_is_found() -> None:
    old = publish.json_schema(topics.MESSAGES)
    for spoil in (
        lambda d: d["Message"]["properties"].pop("text"),
        lambda d: d["Message"]["required"].append("subject"),
        lambda d: d["Message"]["properties"]["subject"].update(type="integer"),
        lambda d: d.pop("Party"),
    ):
        new = json.loads(json.dumps(old))
        spoil(new["$defs"])
        assert incompatible_changes(old, new), spoil


def test_a_list_of_words_may_open_and_never_loses_a_word() -> None:
    def with_kind(**kind: object) -> JsonBody:
        return {"$defs": {"X": {"properties": {"kind": kind}}}}

    old = with_kind(enum=["mail", "chat"])
    assert incompatible_changes(old, with_kind(enum=["mail"]))
    assert incompatible_changes(old, with_kind(type="string")) == []


def test_adding_a_field_is_compatible() -> None:
    class Wider(Message, frozen=True, kw_only=True):
        tomorrow: str = ""

    published = json.loads(json.dumps(publish.json_schema(topics.MESSAGES)))
    old = {"$defs": {"Message": published["$defs"]["Message"]}}
    new = msgspec.json.schema(Wider)
    assert incompatible_changes(old, {"$defs": {"Message": new["$defs"]["Wider"]}}) == []


@given(st.sampled_from(["ş", "a", "\x01", "😀", '"']), st.integers(1, 300_000))
def test_a_message_of_any_length_fits_into_an_outcome_with_its_work_item(
    char: str, length: int
) -> None:
    shortened = truncate_to_limit(message(char * length, recipients=message("x").recipients * 5000))
    assert len(envelope.encode(shortened)) <= MESSAGE_LIMIT
    assert shortened.text
    decided = decide_message(shortened, None, policy(), NOW)
    assert decided.item is not None
    moved = Outcome(
        id="o",
        kind="rerouted",
        brand="b",
        conversation="c",
        item="i",
        department="billing",
        at=NOW,
        moved=decided.item,
        text=char * 2000,
        reason=char * 2000,
    )
    assert len(envelope.encode(moved)) <= topics.RECORD_LIMIT
    full_bytes = len(msgspec.json.encode(message(char * length)))
    assert ("text.cut" in shortened.repaired) == (full_bytes > MESSAGE_LIMIT)
