"""The client of strangers' URLs never connects to our network, and never sends them our secrets."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.http.public_client import PublicClient, is_public
from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor


@pytest.fixture
async def web() -> AsyncIterator[PublicClient]:
    """A client that takes at most 1,000 bytes."""
    client = PublicClient(max_bytes=1000)
    yield client
    await client.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1%eth0",
        "fec0::1",
        "192.0.0.1",
        "192.0.0.170",
        "192.88.99.1",
        "3fff::1",
    ],
)
def test_no_address_of_our_own_networks_is_public(address: str) -> None:
    assert not is_public(address)


def test_addresses_of_the_internet_are_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/x",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://0x7f000001/",
        "https://user@127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "http://93.184.215.14/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "",
        "https://",
        "//127.0.0.1/",
        "https://127.0.0.1:22/",
        f"https://{'a' * 64}.example/",
        "https://ex..ample/",
    ],
)
async def test_an_address_in_our_network_is_refused(web: PublicClient, url: str) -> None:
    with pytest.raises((Rejected, Retry)) as caught:
        await web.get(url)
    if isinstance(caught.value, Rejected):
        assert caught.value.code == "media.refused"
    else:
        assert "0x7f" in url, "that one is a name, and has no address"


async def test_a_vendor_that_leads_us_home_is_not_followed(
    web: PublicClient, vendor: Vendor
) -> None:
    other = Vendor().start()
    other.says("/geheim", b"inner")
    for status in (301, 302, 307):
        vendor.says("/a", b"", status=status, headers={"Location": f"{other.url}/geheim"})
        with pytest.raises(Rejected, match="only https URLs"):
            await web.get(f"{vendor.url}/a", own=vendor.url)
        vendor.forget()
    vendor.says("/a", b"", status=302, headers={"Location": "https://127.0.0.1/geheim"})
    with pytest.raises(Rejected, match="not an address of the public Internet"):
        await web.get(f"{vendor.url}/a", own=vendor.url)
    assert other.requests == []
    other.stop()


async def test_the_token_goes_to_the_operators_host_alone(
    web: PublicClient, vendor: Vendor
) -> None:
    vendor.says("/a", b"", status=302, headers={"Location": "/b"})
    vendor.says("/b", b"x")
    secret = {"authorization": "Bearer t"}
    assert await web.get(f"{vendor.url}/a", own=vendor.url, secret=secret) == b"x"
    assert [a.headers.get("authorization") for a in vendor.requests] == ["Bearer t", "Bearer t"]
    vendor.says("/loop", b"", status=302, headers={"Location": "/loop"})
    with pytest.raises(Rejected, match="redirects"):
        await web.get(f"{vendor.url}/loop", own=vendor.url)


async def test_each_failure_has_its_code_and_sizes_are_bounded(
    web: PublicClient, vendor: Vendor
) -> None:
    for path, status, headers in (
        ("/gone", 404, {}),
        ("/no", 403, {}),
        ("/busy", 429, {"Retry-After": "7"}),
        ("/dead", 401, {}),
        ("/down", 503, {}),
    ):
        vendor.says(path, b"x", status=status, headers=headers)
    vendor.says("/large", b"x" * 1001)
    vendor.says("/hangs", None)
    errors: dict[str, Exception] = {}
    for path in ("/gone", "/no", "/busy", "/dead", "/down", "/large", "/hangs"):
        with pytest.raises((Rejected, Retry)) as caught:
            await web.get(f"{vendor.url}{path}", own=vendor.url)
        errors[path] = caught.value
    codes = {path: error.code for path, error in errors.items() if isinstance(error, Rejected)}
    assert codes == {
        "/gone": "media.gone",
        "/no": "media.gone",
        "/large": "media.too_large",
        "/dead": "media.gone",
    }
    waits = {path: error.after for path, error in errors.items() if isinstance(error, Retry)}
    assert waits == {"/busy": 7, "/down": 15, "/hangs": 15}


@given(url=st.text(max_size=60))
async def test_no_address_raises_anything_else(url: str) -> None:
    web = PublicClient()
    for tried in (url, f"https://{url}", f"https://127.0.0.1/{url}"):
        if not any(c.isalnum() for c in tried.removeprefix("https://")):
            continue
        if "127.0.0.1" not in tried:
            continue  # only what asks no name server
        with pytest.raises((Rejected, Retry)):
            await web.get(tried)
    await web.close()
