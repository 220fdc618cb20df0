"""Notices of transcription services, and the transcript that a notice leads to."""

from datetime import timedelta

from ingest.channel import Context, Delivery
from ingest.channels.phone import Phone
from ingest.channels.phone.account import Account
from ingest.intake.media import fetch_content
from ingest.vendors.transcription_apis import AssemblyAI, TwilioVoice
from runtime.http.public_client import PublicClient
from schemas.message import Message
from tests.support.samples.payloads import read_file, read_payload
from tests.support.samples.registry import SAMPLED_AT
from tests.support.servers.vendor import Vendor

ASSEMBLYAI_NOTICE = read_file("calls", "assemblyai_notice.json")
TWILIO_NOTICE = read_file("calls", "twilio_notice.json")
TRANSCRIPT = read_payload("calls", "assemblyai_transcript")
"""AssemblyAI's transcript of the call that ASSEMBLYAI_NOTICE announces."""


def phone_account(vendor: Vendor) -> Account:
    """Return a phone account whose two services are at the vendor."""
    return Account(
        assemblyai=AssemblyAI(key="aai-key", api=vendor.url),
        twilio=TwilioVoice(account_sid="AC1", auth_token="tw-token", api=vendor.url),
    )


async def resolve(
    raw: bytes, settings: Account, web: PublicClient, waited: timedelta = timedelta()
) -> Message:
    """Return the message that a notice leads to; raise Rejected or Retry."""
    context = Context(brand="default", settings=settings)
    delivery = Delivery(raw=raw, account="a", received_at=SAMPLED_AT)
    notice = Phone().parse(delivery, context).notice
    assert notice is not None
    content = await fetch_content(Phone(), notice, raw, settings, web, waited=waited)
    assert content is not None
    transcript = Delivery(raw=content, account="a", received_at=SAMPLED_AT)
    return Phone().parse(transcript, context).message
