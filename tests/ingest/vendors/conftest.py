"""Fixtures: the client that fetches from a vendor."""

from collections.abc import AsyncIterator

import pytest

from runtime.http.public_client import PublicClient


@pytest.fixture
async def web() -> AsyncIterator[PublicClient]:
    """A guarded client for one test."""
    client = PublicClient()
    yield client
    await client.close()
