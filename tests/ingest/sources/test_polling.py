"""A polled source: what it remembers, and when it asks again."""

from ingest.sources.polling import PolledItem, build_item
from tests.support.ingest.polled import EC_KEY, read_all
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES
from tests.support.servers.vendor import Vendor

PATH = "/v1/apps/9/customerReviews"
PAGE = without_fields(read_payload("app_store", "reviews_page"), "links.next")
REVIEW = SAMPLES["app_store"].document
ACCOUNT = {"app": "9", "issuer": "i", "key_id": "k", "private_key": EC_KEY}


async def test_a_source_remembers_its_items_over_a_restart(vendor: Vendor) -> None:
    changed = with_fields(PAGE, {"data.0.attributes.body": "Çok iyi"})
    vendor.says(PATH, PAGE, b"down", PAGE, changed, b"down")
    state: dict[str, str] = {}
    first, _ = await read_all("app_store", vendor, state, **ACCOUNT)
    second, _ = await read_all("app_store", vendor, state, **ACCOUNT)
    assert len(first) == 1
    (later,) = second
    assert later.event is not None
    assert later.event.of == first[0].id


async def test_items_from_before_the_first_pass_are_no_new_work(vendor: Vendor) -> None:
    created_before = {"attributes.createdDate": "2026-01-01T12:00:00Z"}
    old, older = (with_fields(REVIEW, created_before | {"id": n}) for n in ("o1", "o2"))
    first_page = with_fields(
        PAGE, {"data": [REVIEW, old], "links.next": f"{vendor.url}{PATH}?cursor=2"}
    )
    last_page = with_fields(PAGE, {"data": [older]})
    changed = with_fields(old, {"attributes.body": "Çok iyi"})
    vendor.says(PATH, first_page, b"down", first_page, last_page)
    vendor.says(PATH, with_fields(PAGE, {"data": [changed]}), b"down")
    state: dict[str, str] = {}
    broken_off, _ = await read_all("app_store", vendor, state, **ACCOUNT)
    assert [m.native_id for m in broken_off] == ["r1"]
    first_pass, _ = await read_all("app_store", vendor, state, **ACCOUNT)
    again, later = first_pass
    assert again.id == broken_off[0].id
    assert (later.native_id, later.event) == ("o1", None), "new words are work as any new ones"


async def test_a_vendors_headers_say_when_a_source_asks_again(vendor: Vendor) -> None:
    vendor.says("/v2/complaints", b"", status=429, headers={"Retry-After": "123"})
    _, ended = await read_all("sikayetvar", vendor, key="k")
    assert ended.after == 123
    vendor.forget()
    vendor.says(
        "/v2/complaints",
        b"",
        status=429,
        headers={"X-RateLimit-Reset": str(int(SAMPLED_AT.timestamp()) + 400)},
    )
    _, ended = await read_all("sikayetvar", vendor, key="k")
    assert ended.after == 400
    vendor.forget()
    vendor.says("/v2/complaints", b"", status=429, headers={"X-RateLimit-Reset": "55"})
    _, ended = await read_all("sikayetvar", vendor, key="k")
    assert ended.after == 60


def test_a_bug_in_one_item_ends_no_listing() -> None:
    def make() -> PolledItem:
        raise ZeroDivisionError

    item = build_item(b'{"odd": 1}', make)
    assert item.raw == b'{"odd": 1}'
    assert item.version == ""
    assert build_item(b'{"odd": 1}', make) == item, "it is handed over once"
