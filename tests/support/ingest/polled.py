"""Polled channels read a vendor's answers, page by page, until the vendor fails."""

import asyncio
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ingest.channel import Context, Delivery
from ingest.registry import CHANNELS
from ingest.source import PullChannel
from schemas.errors import Retry
from schemas.message import Message
from tests.support.ingest.source_contexts import source_context
from tests.support.json_body import JsonBody
from tests.support.messages import MemoryCursors
from tests.support.samples.registry import SAMPLED_AT
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import pem

RSA_KEY = pem(rsa.generate_private_key(65537, 2048))
EC_KEY = pem(ec.generate_private_key(ec.SECP256R1()))
OAUTH: JsonBody = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}
"""Settings of an account whose owner granted the access."""


def parse_item(name: str, item: object, **settings: object) -> Message:
    """Return the message of an item, given as bytes or as the value of its JSON."""
    channel = CHANNELS[name]
    raw = item if isinstance(item, bytes) else json.dumps(item).encode()
    delivery = Delivery(raw=raw, account="a", received_at=SAMPLED_AT)
    context = Context(brand="d", settings=channel.account(**settings))
    return channel.parse(delivery, context).message


async def read_all(
    name: str, vendor: Vendor, state: dict[str, str] | None = None, **settings: object
) -> tuple[list[Message], Retry]:
    """Run a source until its vendor fails; return its messages and the failure."""
    deliveries, error = await read_deliveries(name, vendor, state, **settings)
    return [parse_item(name, delivery.raw) for delivery in deliveries], error


async def read_deliveries(
    name: str, vendor: Vendor, state: dict[str, str] | None = None, **settings: object
) -> tuple[list[Delivery], Retry]:
    """Run a source until its vendor fails; return its deliveries and the failure.

    `state` is the state folder of the source, which lasts over several runs.
    """
    state = {} if state is None else state
    channel = CHANNELS[name]
    assert isinstance(channel, PullChannel)
    account = CHANNELS[name].account(api=vendor.url, **settings)
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    context = replace(
        source_context(SAMPLED_AT),
        pause=lambda _seconds: asyncio.sleep(0),
        load_state=state.get,
        save_state=state.__setitem__,
    )
    with pytest.raises(Retry) as error:
        await channel.source("a", account, context).run(accept, MemoryCursors())
    return deliveries, error.value
