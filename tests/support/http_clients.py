"""HTTP clients of tests, which speak to loopback and so need no certificates."""

import ssl

import httpx2

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A client of httpx2 reads all certificates of the machine, for 15 to 30 ms, unless it has these."""


def get(url: str, timeout_s: float = 5.0) -> httpx2.Response:
    """Return the answer to a GET on loopback."""
    return httpx2.get(url, timeout=timeout_s, verify=NO_CERTIFICATES)
