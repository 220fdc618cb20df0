"""The settings of an archive in the bucket of the tests."""

from datetime import timedelta
from pathlib import Path

import msgspec

from runtime.settings.structs import ArchiveSettings, Settings
from tests.support.servers.s3 import ACCESS, BUCKET, SECRET


def bucket_settings(home: Path, url: str, **changes: object) -> Settings:
    """Return settings whose archive is in the bucket; `changes` replace the archive's settings."""
    table = ArchiveSettings(
        url=f"s3://{BUCKET}/santral",
        endpoint=url,
        access_key=ACCESS,
        secret_key=SECRET,
        upload_after=timedelta(milliseconds=50),
    )
    return Settings(home=str(home), archive=msgspec.structs.replace(table, **changes))
