"""The records of a message in the topics, the store and the commands."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import msgspec

from runtime.bus.publisher import Publisher
from runtime.bus.readers import read_to_end
from runtime.settings.structs import KafkaSettings
from runtime.store import engine
from tests.support.future_records import MESSAGE, RECORDS, WORD, future_value
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait
from workers.store import queries


def _new() -> str:
    return uuid.uuid4().hex


async def test_a_record_that_does_not_decode_is_buried_and_the_line_moves_on(
    road: LocalProfile,
) -> None:
    publisher = Publisher(KafkaSettings(bootstrap=road.access["kafka"]), "test")
    for topic in ("messages.v1", "outcomes.v1"):
        await publisher.send(topic, b"k", b'{"not": "a message"}', [])
    await publisher.stop()
    sent = await asyncio.to_thread(road.send, "Faturam yanlış", _new())
    await asyncio.to_thread(road.message, sent["id"], lambda m: m["decision"])

    def both_listed() -> bool:
        listing = road.cli("dead", "list", "--code", "record.undecodable").stdout
        return "kafka:messages.v1" in listing and "kafka:outcomes.v1" in listing

    await asyncio.to_thread(wait, "both dead letters", both_listed)
    ledger = await asyncio.to_thread(road.cli, "ledger", "--json", "--wait", "20")
    assert json.loads(ledger.stdout.splitlines()[-1])["unaccounted"] == 0


async def test_records_of_a_later_version_pass_every_stage(road: LocalProfile) -> None:
    publisher = Publisher(KafkaSettings(bootstrap=road.access["kafka"]), "test")
    number = _new()
    sent = msgspec.structs.replace(
        MESSAGE,
        id=number,
        native_id=number,
        conversation=f"c{number}",
        received_at=datetime.now(UTC),
    )
    key = sent.conversation.encode()
    await publisher.send("messages.v1", key, future_value(sent), [])
    item = await asyncio.to_thread(road.claim, "billing", sent.conversation)
    assert [m["kind"] for m in item["messages"]] == [WORD]
    for name in ("outcomes.v1", "replies.v1", "decisions.v1", "incidents.v1", "links.v1"):
        values = msgspec.to_builtins(RECORDS[name]) | {"conversation": sent.conversation}
        named = {"item": number, "messages": [number], "message": number, "moved": None}
        record = (
            values | {k: v for k, v in named.items() if k in values} | {"id": f"{name}{number}"}
        )
        struct = type(RECORDS[name])
        await publisher.send(name, key, future_value(msgspec.convert(record, struct)), [])
    await publisher.stop()
    done = await asyncio.to_thread(road.act, item, "complete")
    assert done.status_code == 200
    state = await asyncio.to_thread(
        road.message, number, lambda m: "resolved" in {o["kind"] for o in m["outcomes"]}
    )
    assert {o["kind"] for o in state["outcomes"]} >= {"claimed", WORD, "resolved"}
    with road.http("console", "console") as console:
        page = console.get(f"/messages/{number}", headers={"Accept-Language": "tr"})
    assert page.status_code in (200, 303)
    listing = await asyncio.to_thread(road.cli, "dead", "list")
    assert number not in listing.stdout


def test_search_finds_a_word_in_either_alphabet(road: LocalProfile) -> None:
    word = "zümrüdüanka" + _new()[:6]
    sent = road.send(f"{word} hakkında", _new())
    road.message(sent["id"], lambda m: m["decision"])
    store = engine(road.access["store"], read_only=True)
    for query in (word, word.upper().replace("Ü", "U"), word[:8], 'x" OR *', "(", ""):
        with store.connect() as connection:
            ids = [line.id for line in queries.search(connection, query)]
        assert (sent["id"] in ids) == (query.lower().startswith(("zümrüd", "zumrud"))), query
    store.dispose()


def test_follow_and_explain_describe_the_decision(road: LocalProfile) -> None:
    sent = road.send("KVKK kapsamında verilerimi silin", _new())
    road.message(sent["id"], lambda m: m["decision"])
    followed = road.cli("follow", sent["id"], "--timeout", "1", "--lang", "en").stdout
    assert "decision: Legal and Privacy" in followed
    assert "legal.privacy" in followed
    assert "writes about personal data" in followed
    explained = road.cli("explain", sent["id"], "--lang", "tr").stdout
    assert "Hukuk ve KVKK" in explained
    assert "kişisel verileri hakkında yazıyor" in explained


def test_one_trace_goes_through_every_hop(road: LocalProfile) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    with road.http() as door:
        answer = door.post(
            "/v1/messages",
            headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
            json={"native_id": _new(), "text": "Faturam yanlış", "sender": {"handle": "h"}},
        )
    identifier = answer.json()["id"]
    road.message(identifier, lambda m: m["decision"])
    traces = asyncio.run(_read_traces(road, identifier))
    assert traces == {"messages.v1": trace, "decisions.v1": trace, "queue.billing.v1": trace}


async def _read_traces(road: LocalProfile, identifier: str) -> dict[str, str]:
    traces = {}
    names = ["messages.v1", "decisions.v1", "queue.billing.v1"]
    async for records in read_to_end(KafkaSettings(bootstrap=road.access["kafka"]), names):
        for record in records:
            headers = dict(record.headers)
            if headers.get("ce_id", b"").decode().startswith(identifier):
                traces[record.topic] = headers["traceparent"].decode()[3:35]
    return traces
