"""The console's file page with an archive in a bucket: the file, or 503 while the bucket is away."""

import asyncio
from pathlib import Path

import httpx2
import msgspec

from runtime.archive.opening import open_archive
from runtime.health.checks import Health
from schemas import envelope, topics
from schemas.message import Attachment
from tests.support.desk.open_queue import redis, server
from tests.support.ingest.archive_bucket import bucket_settings
from tests.support.servers.s3 import S3
from tests.support.workers.console import TOKENS, api, everywhere, recorded
from workers.console.api import ConsoleApi
from workers.console.app import app
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows

__all__ = ["api", "recorded", "redis", "server"]


async def test_a_file_comes_from_the_bucket_or_is_asked_for_later(
    api: ConsoleApi, s3: S3, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(
        api.settings, archive=bucket_settings(tmp_path, s3.url).archive
    )
    digest = open_archive(settings).keep(b"%PDF-1.7")
    sent = everywhere(
        "9",
        attachments=(
            Attachment(name="fatura ç.pdf", type="application/pdf", size=8, sha256=digest),
        ),
    )
    rows = Rows(search_key=TOKENS.signing.encode())
    add_record(rows, topics.MESSAGES.name, 0, 99, envelope.encode(sent))
    with api.store.begin() as connection:
        write_rows(connection, rows)
    with_bucket = ConsoleApi(settings=settings, desk=api.desk, store=api.store)
    transport = httpx2.ASGITransport(app=app(with_bucket, Health("console"), asyncio.Event()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://console") as browser:
        await browser.get("/", params={"token": TOKENS.console})
        path = f"/messages/{sent.id}/files/{digest}"
        answer = await browser.get(path)
        assert answer.content == b"%PDF-1.7"
        assert "fatura%20%C3%A7.pdf" in answer.headers["content-disposition"]
        s3.broken = [503] * 10
        away = await browser.get(path, headers={"accept": "text/html"})
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) >= 1
        assert "No message is lost" in away.text
