"""Opens the archive that `[archive] url` names: a folder, or a bucket."""

from runtime.archive.bucket_archive import BucketArchive
from runtime.archive.folder_archive import FolderArchive
from runtime.archive.protocol import Archive
from runtime.settings.structs import Settings


def open_archive(settings: Settings, *, uploads: bool = False) -> Archive:
    """Return the archive of the settings; set `uploads` in a process that writes to it."""
    if settings.archive.url.startswith("s3://"):
        return BucketArchive(settings.archive, settings.archive_path, uploads=uploads)
    return FolderArchive(settings.archive_path)
