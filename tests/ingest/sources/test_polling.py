"""The requests of each polled source, page by page, and the messages of the answers."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ingest.channel import Channel, Context, Delivery
from ingest.registry import CHANNELS
from ingest.source import PullChannel, SourceContext
from ingest.sources.polling import PolledItem, build_item
from schemas.errors import Rejected, Retry
from schemas.message import Message
from tests.support.messages import MemoryCursors
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)


def _pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()  # type: ignore[no-any-return]  # a text


RSA_KEY, EC_KEY = (
    _pem(rsa.generate_private_key(65537, 2048)),
    _pem(ec.generate_private_key(ec.SECP256R1())),
)

SAMPLES: dict[str, dict[str, Any]] = {
    "sikayetvar": {
        "id": 11,
        "content": {"title": "Kargo", "body": "SECRET gelmedi"},
        "complainTime": "2026-11-20T09:00:00Z",
        "member": {
            "name": "Ayşe",
            "identities": [{"identityType": "EMAIL", "identityValue": "A@b.example"}],
        },
        "complaintUrl": "https://s.example/11",
    },
    "trendyol": {
        "id": 11,
        "text": "SECRET ne zaman gelir?",
        "customerId": 5,
        "userName": "A** Ö**",
        "status": "WAITING_FOR_ANSWER",
        "productName": "Çanta",
        "webUrl": "https://t.example/11",
        "creationDate": MS,
        "rejectedDate": 0,
    },
    "hepsiburada": {
        "issueNumber": "11",
        "status": "WaitingForAnswer",
        "product": {"name": "Çanta"},
        "expireDate": "2026-11-21T09:00:00Z",
        "conversations": [
            {
                "id": "c1",
                "content": "SECRET ne zaman?",
                "from": "Customer",
                "createdAt": "2026-11-20T09:00:00Z",
            },
            {"id": "c2", "content": "yarın", "from": "Merchant"},
        ],
    },
    "google_play": {
        "reviewId": "r1",
        "authorName": "Ayşe",
        "comments": [
            {
                "userComment": {
                    "text": "Kötü\tSECRET açılmıyor",
                    "lastModified": {"seconds": "1795165200"},
                    "starRating": 1,
                    "device": "x",
                }
            },
            {"developerComment": {"text": "bizden"}},
        ],
    },
    "google_business": {
        "name": "accounts/1/locations/2/reviews/r1",
        "reviewer": {"displayName": "Ayşe"},
        "starRating": "TWO",
        "comment": "(Translated by Google) SECRET slow\n\n(Original)\nSECRET yavaş",
        "createTime": "2026-11-20T09:00:00Z",
        "updateTime": "2026-11-20T09:00:00Z",
    },
    "trustpilot": {
        "id": "r1",
        "consumer": {"id": "u1", "displayName": "Ayşe"},
        "stars": 2,
        "title": "Kötü",
        "text": "SECRET gelmedi",
        "createdAt": "2026-11-20T09:00:00Z",
        "updatedAt": None,
        "referralEmail": "A@b.example",
    },
    "youtube": {
        "id": "c1",
        "snippet": {
            "textOriginal": "SECRET bozuk",
            "authorDisplayName": "Ayşe",
            "authorChannelId": {"value": "UC9"},
            "videoId": "v",
            "publishedAt": "2026-11-20T09:00:00Z",
            "updatedAt": "2026-11-20T09:00:00Z",
        },
    },
    "reddit": {
        "kind": "t1",
        "data": {
            "name": "t1_a",
            "author": "Ayse",
            "body": "SECRET u/marka bozuk",
            "context": "/r/tr/comments/x1/konu/a/?context=3",
            "parent_id": "t3_x1",
            "created_utc": 1795165200.0,
            "edited": False,
            "was_comment": True,
        },
    },
    "app_store": {
        "id": "r1",
        "attributes": {
            "rating": 2,
            "title": "Kötü",
            "body": "SECRET açılmıyor",
            "reviewerNickname": "ayse",
            "createdDate": "2026-11-20T12:00:00+03:00",
        },
    },
}


def parsed(name: str, item: Any, **more: Any) -> Message:
    channel: Channel = CHANNELS[name]
    raw = item if isinstance(item, bytes) else json.dumps(item).encode()
    settings = channel.account(**more)
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return channel.parse(delivery, Context(brand="d", settings=settings)).message


async def read_all(
    name: str, vendor: Vendor, state: dict[str, str] | None = None, **more: Any
) -> tuple[list[Message], Retry]:
    """Run a source until its vendor fails; return what was taken. `kept` lasts over runs."""
    state = {} if state is None else state
    channel = CHANNELS[name]
    assert isinstance(channel, PullChannel)
    settings = channel.account(api=vendor.url, **more)  # type: ignore[attr-defined]  # it is a Channel too
    taken: list[Message] = []

    async def accept(delivery: Delivery) -> None:
        taken.append(parsed(name, delivery.raw))

    tools = SourceContext(
        now=lambda: NOW,
        pause=lambda _s: asyncio.sleep(0),
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
        load_state=state.get,
        save_state=state.__setitem__,
    )
    with pytest.raises(Retry) as ended:
        await channel.source("a", settings, tools).run(accept, MemoryCursors())
    return taken, ended.value


@pytest.mark.parametrize(
    ("name", "text", "kind", "rating", "handle"),
    [
        ("sikayetvar", "SECRET gelmedi", "post", None, ("email", "a@b.example")),
        ("trendyol", "SECRET ne zaman gelir?", "post", None, ("handle", "trendyol:5")),
        ("hepsiburada", "SECRET ne zaman?", "post", None, ("handle", "hepsiburada:11")),
        (
            "google_business",
            "SECRET yavaş",
            "review",
            0.25,
            ("handle", "google_business:accounts/1/locations/2/reviews/r1"),
        ),
        ("youtube", "SECRET bozuk", "post", None, ("handle", "youtube:UC9")),
        ("reddit", "SECRET u/marka bozuk", "post", None, ("handle", "reddit:ayse")),
        ("google_play", "SECRET açılmıyor", "review", 0.0, ("handle", "google_play:r1")),
        ("app_store", "SECRET açılmıyor", "review", 0.25, ("handle", "app_store:r1")),
        ("trustpilot", "SECRET gelmedi", "review", 0.25, ("handle", "trustpilot:u1")),
    ],
)
def test_an_item_gives_words_author_rating_and_place(
    name: str, text: str, kind: str, rating: float | None, handle: tuple[str, str]
) -> None:
    message = parsed(name, SAMPLES[name])
    assert (message.text, message.kind, message.sent_at) == (text, kind, NOW)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == handle
    assert (message.post.rating if message.post else None) == rating
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_sikayetvar_is_asked_page_by_page(vendor: Vendor) -> None:
    full = [SAMPLES["sikayetvar"] | {"id": n} for n in range(1, 51)]
    vendor.says("/v2/complaints", full, [SAMPLES["sikayetvar"] | {"id": 99}], full)
    vendor.says("/v2/complaints", b"", status=401)
    taken, ended = await read_all("sikayetvar", vendor, key="k")
    assert len(taken) == 51, "each once, though the second round showed fifty again"
    assert ended.after == 300
    first = vendor.requests[0]
    assert (first.headers["x-auth-key"], first.json()["filters"]["publishStatuses"]) == (
        "k",
        [2, 3, 5],
    )
    assert "page=1" in vendor.requests[1].path


async def test_what_was_taken_is_remembered_over_a_restart(vendor: Vendor) -> None:
    review = SAMPLES["app_store"]
    changed = json.loads(json.dumps(review).replace("SECRET", "yeni"))
    vendor.says(
        "/v1/apps/9/customerReviews",
        {"data": [review]},
        b"down",
        {"data": [review]},
        {"data": [changed]},
        b"down",
    )
    state: dict[str, str] = {}
    account = {"app": "9", "issuer": "i", "key_id": "k", "private_key": EC_KEY}
    first, _ = await read_all("app_store", vendor, state, **account)
    second, _ = await read_all("app_store", vendor, state, **account)
    assert len(first) == 1
    (later,) = second
    assert later.event is not None
    assert later.event.of == first[0].id


async def test_what_was_old_when_a_source_is_first_asked_is_no_new_work(vendor: Vendor) -> None:
    review = SAMPLES["app_store"]
    path = "/v1/apps/9/customerReviews"
    old, older = (
        {
            **review,
            "id": n,
            "attributes": review["attributes"] | {"createdDate": "2026-01-01T12:00:00Z"},
        }
        for n in ("o1", "o2")
    )
    page = {"data": [review, old], "links": {"next": f"{vendor.url}{path}?cursor=2"}}
    vendor.says(path, page, b"down", page, {"data": [older]})
    vendor.says(path, {"data": [json.loads(json.dumps(old).replace("SECRET", "yeni"))]}, b"down")
    state: dict[str, str] = {}
    account = {"app": "9", "issuer": "i", "key_id": "k", "private_key": EC_KEY}
    broken_off, _ = await read_all("app_store", vendor, state, **account)
    assert [m.native_id for m in broken_off] == ["r1"]
    first_pass, _ = await read_all("app_store", vendor, state, **account)
    again, changed = first_pass
    assert again.id == broken_off[0].id
    assert (changed.native_id, changed.event) == ("o1", None), "new words are work as any new ones"


async def test_a_refused_answer_puts_the_question_up_again(vendor: Vendor) -> None:
    again = SAMPLES["trendyol"] | {"rejectedDate": MS + 5, "reason": "yasak kelime"}
    vendor.says(
        "/integration/qna/sellers/s/questions/filter",
        {"content": [SAMPLES["trendyol"]]},
        {"content": [again]},
        b"down",
    )
    taken, _ = await read_all("trendyol", vendor, seller="s", key="k", secret="x")
    first, second = taken
    assert first.conversation == second.conversation
    assert first.id != second.id
    assert second.flags == ("answer_refused",)
    assert "yasak kelime" in second.full_text
    assert vendor.requests[0].headers["user-agent"] == "s - SelfIntegration"
    done = parsed("trendyol", SAMPLES["trendyol"] | {"status": "ANSWERED"})
    assert done.answering is not None
    assert done.answering.forbidden


async def test_hepsiburada_gives_the_customers_turns_alone(vendor: Vendor) -> None:
    issue = SAMPLES["hepsiburada"]
    later = issue | {
        "conversations": [
            *issue["conversations"],
            {"id": "c3", "content": "hala yok", "from": "Customer"},
        ]
    }
    vendor.says("/issues", {"data": [issue]}, [later], b"down")
    taken, _ = await read_all("hepsiburada", vendor, merchant="m", key="k", integrator="santral")
    assert [m.native_id for m in taken] == ["c1", "c3"]
    assert taken[0].conversation == taken[1].conversation
    headers = vendor.requests[0].headers
    assert (headers["merchantid"], headers["user-agent"]) == ("m", "santral")
    with pytest.raises(Rejected, match="no turn"):
        parsed("hepsiburada", issue | {"conversations": [{"id": "c2", "from": "Merchant"}]})


async def test_play_reviews_are_fetched_with_a_token_and_a_change_is_an_event(
    vendor: Vendor,
) -> None:
    path = "/androidpublisher/v3/applications/com.ornek/reviews"
    review = SAMPLES["google_play"]
    changed = json.loads(
        json.dumps(review).replace("1795165200", "1795165999").replace("SECRET", "yeni")
    )
    vendor.says("/token", {"access_token": "t", "expires_in": 3600})
    vendor.says(
        path,
        {"reviews": [review], "tokenPagination": {"nextPageToken": "n"}},
        {"reviews": []},
        {"reviews": [changed]},
        b"down",
    )
    taken, _ = await read_all(
        "google_play",
        vendor,
        package="com.ornek",
        client_email="x@y",
        private_key=RSA_KEY,
        token_url=f"{vendor.url}/token",
    )
    assert [m.event.kind if m.event else "" for m in taken] == ["", "edited"]
    assert taken[1].event is not None
    assert taken[1].event.of == taken[0].id
    assert len(vendor.to("/token")) == 1
    assert "token=n" in vendor.to(path)[1].path
    assertion = dict(p.split("=") for p in vendor.to("/token")[0].body.decode().split("&"))[
        "assertion"
    ]
    assert jwt.decode(assertion, options={"verify_signature": False})["scope"].endswith(
        "androidpublisher"
    )
    _, ended = await read_all(
        "google_play",
        vendor,
        package="p",
        client_email="x",
        private_key="no key",
        token_url=f"{vendor.url}/token",
    )
    assert "private_key" in str(ended)


async def test_app_store_reviews_have_no_time_of_change_their_words_tell(vendor: Vendor) -> None:
    review = SAMPLES["app_store"]
    changed = json.loads(json.dumps(review).replace("SECRET", "yeni"))
    path = "/v1/apps/9/customerReviews"
    vendor.says(
        path,
        {"data": [review], "links": {"next": f"{vendor.url}{path}?cursor=2"}},
        {"data": []},
        {"data": [changed], "links": {"next": "https://boese.example/"}},
        b"down",
    )
    taken, _ = await read_all(
        "app_store", vendor, app="9", key_id="K", issuer="I", private_key=EC_KEY
    )
    assert [m.text for m in taken] == ["SECRET açılmıyor", "yeni açılmıyor"]
    assert taken[1].event is not None
    header = jwt.get_unverified_header(
        vendor.requests[0].headers["authorization"].removeprefix("Bearer ")
    )
    assert (header["kid"], header["alg"]) == ("K", "ES256")


async def test_a_business_reviews_are_asked_as_far_as_they_may_change(vendor: Vendor) -> None:
    review = SAMPLES["trustpilot"]
    full = [review | {"id": f"r{n}"} for n in range(100)]
    old = [review | {"id": f"o{n}", "createdAt": "2026-01-01T09:00:00Z"} for n in range(100)]
    path = "/v1/private/business-units/u/reviews"
    grant = "/v1/oauth/oauth-business-users-for-applications/accesstoken"
    vendor.says(grant, {"access_token": "t", "expires_in": "359999"})
    vendor.says(
        path,
        {"reviews": full},
        {"reviews": old},
        {"reviews": [full[7] | {"text": "SECRET geldi", "updatedAt": "2026-11-20T10:00:00Z"}]},
        b"down",
    )
    taken, _ = await read_all("trustpilot", vendor, unit="u", key="k", secret="s")
    assert len(taken) == 101, "what is old is no new work"
    assert taken[100].event is not None
    assert (taken[100].event.of, taken[100].text) == (taken[7].id, "SECRET geldi")
    assert [c.path.partition("page=")[2].partition("&")[0] for c in vendor.to(path)] == [
        "1",
        "2",
        "1",
        "1",
    ]
    assert vendor.to(path)[0].headers["authorization"] == "Bearer t"
    (granted,) = vendor.to(grant)
    assert (granted.headers["authorization"], granted.body) == (
        "Basic azpz",
        b"grant_type=client_credentials",
    )
    assert parsed("trustpilot", review).sender.handle("email") == "a@b.example"


OAUTH = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}


async def test_places_are_asked_one_after_another_and_a_change_is_an_event(vendor: Vendor) -> None:
    review = SAMPLES["google_business"]
    changed = review | {"updateTime": "2026-11-21T09:00:00Z", "comment": "SECRET iyi"}
    vendor.says("/token", {"access_token": "t", "expires_in": 3600})
    vendor.says(
        "/v4/accounts/1/locations/2/reviews",
        {"reviews": [review], "nextPageToken": "n"},
        {"reviews": []},
        {"reviews": [changed]},
        b"down",
    )
    vendor.says("/v4/accounts/1/locations/3/reviews", {})
    taken, _ = await read_all(
        "google_business",
        vendor,
        locations=("accounts/1/locations/2", "accounts/1/locations/3"),
        token_url=f"{vendor.url}/token",
        **OAUTH,
    )
    assert [(m.event.kind if m.event else "", m.text) for m in taken] == [
        ("", "SECRET yavaş"),
        ("edited", "SECRET iyi"),
    ]
    assert len(vendor.to("/token")) == 1
    assert parsed("google_business", review | {"comment": None}).full_text == "[two stars]"


async def test_a_thread_that_grew_is_asked_for_its_answers(vendor: Vendor) -> None:
    top = SAMPLES["youtube"]

    def below(number: int) -> dict[str, Any]:
        return top | {
            "id": f"c1.{number}",
            "snippet": top["snippet"] | {"parentId": "c1", "textOriginal": f"SECRET {number}"},
        }

    def thread(count: int) -> dict[str, Any]:
        return {
            "items": [
                {
                    "id": "c1",
                    "snippet": {"topLevelComment": top, "totalReplyCount": count},
                    "replies": {"comments": [below(1)]},
                }
            ]
        }

    vendor.says("/token", {"access_token": "t"})
    vendor.says("/commentThreads", thread(1), thread(3), thread(3), b"down")
    vendor.says(
        "/comments", {"items": [below(1), below(2)], "nextPageToken": "n"}, {"items": [below(3)]}
    )
    taken, _ = await read_all(
        "youtube", vendor, channel_id="UC1", token_url=f"{vendor.url}/token", **OAUTH
    )
    assert [m.native_id for m in taken] == ["c1", "c1.1", "c1.2", "c1.3"]
    assert len({m.conversation for m in taken}) == 1
    assert len(vendor.to("/comments")) == 2, "asked once, for it grew once"
    with pytest.raises(Rejected, match="our own"):
        parsed("youtube", top, channel_id="UC9")


async def test_reddits_inbox_is_read_without_anchors(vendor: Vendor) -> None:
    own = SAMPLES["reddit"]
    edited = {"kind": "t1", "data": own["data"] | {"edited": 1795165300.0, "body": "SECRET yeni"}}
    vendor.says("/token", {"access_token": "t"})
    for where, things in (("mentions", [own]), ("comments", [own]), ("selfreply", [edited])):
        vendor.says(f"/message/{where}", {"data": {"children": things}})
    vendor.says("/message/mentions", b"down")
    taken, _ = await read_all(
        "reddit", vendor, username="marka", token_url=f"{vendor.url}/token", **OAUTH
    )
    assert [(m.event.kind if m.event else "", m.text) for m in taken] == [
        ("", "SECRET u/marka bozuk"),
        ("edited", "SECRET yeni"),
    ]
    assert vendor.to("/token")[0].headers["authorization"].startswith("Basic ")
    for more in ({"author": "marka"}, {"body": "[removed]"}, {"author": "[deleted]"}):
        with pytest.raises(Rejected) as error:
            parsed("reddit", {"data": own["data"] | more}, username="Marka")
        assert error.value.code == "delivery.ignored"
    message = parsed("reddit", own)
    assert message.post is not None
    assert message.post.url == "https://www.reddit.com/r/tr/comments/x1/konu/a/?context=3"


async def test_limits_are_kept_by_the_vendors_own_headers(vendor: Vendor) -> None:
    vendor.says("/v2/complaints", b"", status=429, headers={"Retry-After": "123"})
    _, ended = await read_all("sikayetvar", vendor, key="k")
    assert ended.after == 123
    vendor.forget()
    vendor.says(
        "/v2/complaints",
        b"",
        status=429,
        headers={"X-RateLimit-Reset": str(int(NOW.timestamp()) + 400)},
    )
    _, ended = await read_all("sikayetvar", vendor, key="k")
    assert ended.after == 400
    vendor.forget()
    vendor.says("/v2/complaints", b"", status=429, headers={"X-RateLimit-Reset": "55"})
    _, ended = await read_all("sikayetvar", vendor, key="k")
    assert ended.after == 60


def test_an_item_that_brings_out_a_bug_goes_on_to_its_dead_letter_and_ends_no_listing() -> None:
    def make() -> PolledItem:
        raise ZeroDivisionError

    item = build_item(b'{"odd": 1}', make)
    assert item.raw == b'{"odd": 1}'
    assert item.version == ""
    assert build_item(b'{"odd": 1}', make) == item, "it is handed over once"
