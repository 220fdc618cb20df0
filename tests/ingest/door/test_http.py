"""The door's HTTP surface before strangers: it passes on little and reveals nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.registry import WEBHOOKS
from runtime.http import server
from tests.support.ingest.door import TOKENS, open_door, send_raw, serve_application

pytestmark = pytest.mark.slow  # each test starts processes or servers, or waits for a connection


@dataclass
class Recording:
    """A server in place of the desk that notes every request."""

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def app(self) -> Starlette:
        """Return the application that notes everything."""

        async def note(request: Request) -> Response:
            target = request.scope["raw_path"].decode() + (
                f"?{request.url.query}" if request.url.query else ""
            )
            self.requests.append(
                (request.method, target, dict(request.headers), await request.body())
            )
            return Response(b'{"noted": true}', media_type="application/json")

        every = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
        return Starlette(routes=[Route("/{rest:path}", note, methods=every)])


_DOTS = ("..", ".", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "..;", "%u002e")
_SLASHES = ("/", "%2f", "%2F", "%252f", "\\", "%5c", "%c0%af", "//")
_TAILS = ("login", "metrics", "messages", "v1/links", "v1/incidents", "")


def _hostile() -> list[str]:
    """Return paths that lead out of the desk's API, in every spelling."""
    paths = [
        f"/v1/desk/{slash.join([dots, dots, tail])}"
        for dots in _DOTS
        for slash in _SLASHES
        for tail in _TAILS
    ]
    paths += [f"/v1/desk/{dots}/claim" for dots in _DOTS]
    paths += [f"/v1/messages/{dots}{slash}login" for dots in _DOTS for slash in _SLASHES]
    paths += [f"/v1/desk/items/{dots}/reply" for dots in _DOTS]
    paths += [
        "/v1/desk/%00",
        "/v1/desk/%00/claim",
        "/v1/desk/a%00/claim",
        "/v1/messages/a%0d%0ab",
        "/v1/desk/" + "a" * 200 + "/claim",
        "/v1/messages/" + "%61" * 400,
        "/v1/desk/a%2fclaim",
        "/v1/desk/items/a%00/reply",
        "/v1/desk/items/1/../2/reply",
        "/v1/desk",
        "/v1/desk/",
        "/v1/desk/billing/claim/",
        "/v1/desk//billing/claim",
        "/v1/links",
        "/v1/incidents",
        "/v1/incidents/1/answer",
        "/v1/messages/1/customer",
        "/v1/messages/%ff",
    ]
    return paths


async def test_every_way_out_of_the_desks_api_is_404_and_reaches_nothing(tmp_path: Path) -> None:
    desk = Recording()
    async with serve_application(desk.app()) as inner, open_door(tmp_path, inner) as door:
        for path in _hostile():
            for method in ("GET", "POST"):
                status, text = await send_raw(
                    door,
                    f"{method} {path} HTTP/1.1\nHost: x\nAuthorization: Bearer {TOKENS.desk}\n"
                    "Content-Length: 0\nConnection: close",
                )
                assert status == 404, (method, path, text)
        assert desk.requests == []


@pytest.mark.parametrize(
    "header",
    [
        "authorization",
        "traceparent",
        "content-type",
        "accept",
        "personal-token",
        "idempotency-key",
    ],
)
async def test_a_header_of_any_bytes_is_the_desks_to_judge(tmp_path: Path, header: str) -> None:
    desk = Recording()
    headers = {b"authorization": b"Bearer x", header.encode(): b"Bearer \xff\xe9"}
    async with (
        serve_application(desk.app()) as inner,
        open_door(tmp_path, inner) as door,
        httpx2.AsyncClient(base_url=door) as client,
    ):
        answer = await client.post("/v1/desk/billing/claim", headers=headers, content=b"{}")
    assert answer.status_code == 200
    assert len(desk.requests) == 1


async def test_the_door_passes_on_only_the_headers_that_the_desk_reads(tmp_path: Path) -> None:
    desk = Recording()
    headers = {
        "authorization": f"Bearer {TOKENS.desk}",
        "cookie": "santral=x",
        "x-forwarded-for": "1.2.3.4",
        "traceparent": "00-1-2-03",
        "idempotency-key": "k",
        "origin": "https://evil.example",
        "x-anything": "1",
    }
    async with (
        serve_application(desk.app()) as inner,
        open_door(tmp_path, inner) as door,
        httpx2.AsyncClient(base_url=door, headers=headers) as client,
    ):
        claimed = await client.post(
            "/v1/desk/billing/claim?token=x&next=/login", json={"agent": "a"}
        )
        assert claimed.json() == {"noted": True}
        assert (await client.get("/v1/messages/0a1b-2c?raw=1")).status_code == 200
        assert (await client.post("/v1/desk/items/7-x_Y/reroute", content=b"{}")).status_code == 200
        bare = await client.post("/v1/desk/billing/claim", headers={"authorization": ""})
        assert (bare.status_code, bare.json()["code"]) == (401, "token.missing")
    assert [(method, target) for method, target, _, _ in desk.requests] == [
        ("POST", "/v1/desk/billing/claim"),
        ("GET", "/v1/messages/0a1b-2c"),
        ("POST", "/v1/desk/items/7-x_Y/reroute"),
    ]
    for _, _, received, _ in desk.requests:
        assert not {"cookie", "x-forwarded-for", "origin", "x-anything"} & received.keys()
        assert (received["authorization"], received["traceparent"]) == (
            headers["authorization"],
            "00-1-2-03",
        )
        assert received["idempotency-key"] == "k"
    assert desk.requests[0][3] == b'{"agent":"a"}'


async def test_nobody_learns_which_accounts_and_vendors_there_are(tmp_path: Path) -> None:
    async with (
        open_door(
            tmp_path, channels={"whatsapp": {"gizli-magaza": {}, "kurulu": {"app_secret": "s"}}}
        ) as door,
        httpx2.AsyncClient(base_url=door) as client,
    ):
        unknown = await client.post("/v1/hooks/whatsapp/nope", content=b"{}")
        assert (unknown.status_code, unknown.json()["text"]) == (404, "unknown")
        form = await client.get("/v1/forms/nope")
        assert (form.status_code, form.json()["text"]) == (404, "unknown")
        for signature in ({}, {"x-hub-signature-256": "sha256=00"}):
            answers = [
                await client.post(f"/v1/hooks/whatsapp/{a}", content=b"{}", headers=signature)
                for a in ("gizli-magaza", "kurulu")
            ]
            assert answers[0].status_code == 401
            assert answers[0].content == answers[1].content, "set up or not: the same answer"
        assert (await client.get("/metrics")).status_code == 404


_PROOFS = (
    "x-hub-signature-256",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-line-signature",
    "x-twilio-signature",
    "x-viber-content-signature",
    "x-discourse-event-signature",
    "x-telegram-bot-api-secret-token",
    "x-twitter-webhooks-signature",
    "x-webhook-secret",
    "x-twilio-email-event-webhook-signature",
    "x-twilio-email-event-webhook-timestamp",
)


async def test_a_vendor_that_is_not_set_up_is_no_other_than_one_that_is(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, httpx2.AsyncClient(base_url=door) as client:
        for name in WEBHOOKS:
            for body in (b"{}", b"", b"timestamp=1&token=2&signature=3"):
                answer = await client.post(
                    f"/v1/hooks/{name}/default",
                    content=body,
                    headers=dict.fromkeys(_PROOFS, "x") | {"authorization": "Bearer x"},
                )
                outcome = (answer.status_code, answer.json()["code"])
                assert outcome == (401, "signature.wrong"), (name, body)


async def test_the_home_page_names_the_console_to_this_machine_alone(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path, "http://127.0.0.1:18401") as door,
        httpx2.AsyncClient() as client,
    ):
        here = await client.get(door)
        assert here.headers["location"] == "http://127.0.0.1:18401"
        for headers in (
            {"host": "destek.example"},
            {"x-forwarded-for": "1.2.3.4"},
            {"via": "1.1 x"},
        ):
            answer = await client.get(door, headers=headers)
            assert answer.status_code == 404, headers
            assert "18401" not in answer.text + str(answer.headers)


async def test_a_bug_of_ours_is_answered_in_our_form() -> None:
    async def broken(_request: Request) -> Response:
        raise ZeroDivisionError("ayrıntı")

    routes = [Route("/", broken)]
    application = Starlette(routes=routes, exception_handlers=server.HANDLERS)
    async with serve_application(application) as url, httpx2.AsyncClient(base_url=url) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.json()["code"]) == (500, "http.500")
        assert "ayrıntı" not in answer.text


@pytest.fixture(scope="module")
async def stood_open(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """One door for many requests."""
    async with open_door(tmp_path_factory.mktemp("door")) as door:
        yield door


_PATHS = st.one_of(
    st.sampled_from(
        ["/v1/messages", "/v1/hooks/mailgun/default", "/v1/forms/default", "/", "/chat"]
    ),
    st.builds(
        "/v1/{}/{}/{}".format,
        st.sampled_from(["hooks", "desk", "forms", "messages", "desk/items"]),
        st.sampled_from(["mail", "x", "slack", "%00", "%e9", "a%2fb", "\xfd", "calls"]),
        st.text(st.characters(max_codepoint=255, exclude_characters=" \r\n"), max_size=20),
    ),
)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]),
    path=_PATHS,
    query=st.text(st.characters(max_codepoint=255, exclude_characters=" \r\n#"), max_size=30),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "Authorization",
                "Cookie",
                "Content-Type",
                "X-Slack-Signature",
                "Origin",
                "X-Slack-Request-Timestamp",
                "X-Hub-Signature-256",
                "Accept-Language",
                "traceparent",
            ]
        ),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40),
        max_size=4,
    ),
    body=st.binary(max_size=60),
)
async def test_no_request_of_a_stranger_is_a_500(
    stood_open: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    head = (
        f"{method} {path}?{query} HTTP/1.1\nHost: x\n{lines}"
        f"Content-Length: {len(body)}\nConnection: close"
    )
    status, text = await send_raw(stood_open, head, body)
    assert 100 < status < 500, text
