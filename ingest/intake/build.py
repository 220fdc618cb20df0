"""Builds the ingest step from the settings.

The stage, the importer and `santral dead redrive` build one each.
"""

from ingest.intake.accept import Ingest
from ingest.intake.spool import Spool
from ingest.intake.virus_scan import Scanner
from ingest.parser_pool.pool import Parsers
from runtime.archive.opening import open_archive
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.http.public_client import PublicClient
from runtime.settings.structs import Settings
from runtime.spool import DiskSpool


def build_ingest(
    settings: Settings,
    clock: Clock,
    publisher: Publisher,
    parsers: Parsers,
    web: PublicClient | None = None,
    *,
    uploads: bool = False,
) -> Ingest:
    """Return the ingest step; with `uploads`, for a stage, the archive uploads packs meanwhile."""
    return Ingest(
        archive=open_archive(settings, uploads=uploads),
        spool=Spool(DiskSpool(settings.spool_path)),
        publisher=publisher,
        clock=clock,
        brand=settings.brand,
        signing_key=settings.tokens.signing.encode(),
        scanner=Scanner(settings.scan),
        parsers=parsers,
        web=web or PublicClient(),
    )
