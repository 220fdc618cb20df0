"""The whole profile with its archive in a bucket: kills, and a bucket that is away."""

import signal
from pathlib import Path

import pytest

from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.s3 import ACCESS, BUCKET, S3, SECRET
from tests.support.waiting import wait

TEXT = "Faturam yanlış, 12,50 TL fazla kesilmiş"


@pytest.mark.certify
def test_bytes_reach_the_bucket_over_a_kill_and_an_outage(tmp_path: Path, s3: S3) -> None:
    up = LocalProfile(
        tmp_path,
        f"""
[archive]
url = "s3://{BUCKET}/santral"
endpoint = "{s3.url}"
access_key = "{ACCESS}"
upload_after = "1s"
""",
        SANTRAL_ARCHIVE__SECRET_KEY=SECRET,
    ).start()
    try:
        up.send(TEXT, "1")
        ingest = up.children()["ingest"]
        ingest.send_signal(signal.SIGKILL)
        wait("ingest is back", lambda: up.children().get("ingest") not in (None, ingest))
        wait("the pack is uploaded", lambda: _packs_with(s3, b"12,50 TL"), 60)
        wait("ingest is ready", lambda: up.ready("ingest"), 60)
        up.send(TEXT + "x" * 100_000, "2")
        assert any(len(body) > 100_000 for body, _ in s3.objects.values())
        s3.broken = [503] * 10_000
        up.send("Kargom nerede", "3")
        with up.http() as door:
            body = {"native_id": "4", "text": "y" * 100_000, "sender": {"email": "a@ornek.example"}}
            refused = door.post("/v1/messages", json=body)
            assert refused.status_code == 503, refused.text
            assert int(refused.headers["retry-after"]) >= 1
            s3.broken = []
            accepted = door.post("/v1/messages", json=body)
            assert accepted.status_code == 202, accepted.text
        wait("the last pack is uploaded", lambda: _packs_with(s3, b"Kargom nerede"), 90)
        assert "Traceback" not in up.log("ingest")
    finally:
        assert up.stop() == 0


def _packs_with(s3: S3, text: bytes) -> list[str]:
    return [k for k, (body, _) in s3.objects.items() if "/packs/" in k and text in body]
