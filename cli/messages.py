"""The commands `santral send` and `santral follow`, through the door's API."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cli.context import (
    MESSAGE_ID_HINT,
    check_id,
    door_token,
    language_option,
    load_running_settings,
)
from runtime.settings.structs import Settings
from schemas.errors import Unavailable
from schemas.http_api.bodies import MessageOut

if TYPE_CHECKING:
    import httpx2


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--text", help="Send this text as a message by API instead of a file.")
@click.option("--account", default="default", show_default=True, help="Account of the channel.")
@click.pass_context
def send(ctx: click.Context, files: tuple[Path, ...], text: str | None, account: str) -> None:
    """Hand mails (.eml) or API messages (.json) to the door; print the ids it answers.

    A folder's worth of files may be given; the exit code is 1 if one was refused.
    """
    if not files and text is None:
        raise click.UsageError("give FILE… or --text")
    settings = load_running_settings(ctx, "the door")
    refused = False
    with _door(settings) as client:
        for name, path, kind, body in _parcels(files, text, account):
            answer = client.post(path, content=body, headers={"Content-Type": kind})
            line = {"file": name, "status": answer.status_code, **answer.json()}
            click.echo(json.dumps(line, ensure_ascii=False))
            refused |= answer.status_code >= 300
    if refused:
        ctx.exit(1)


@contextmanager
def _door(settings: Settings, *, reading: bool = False) -> Iterator["httpx2.Client"]:
    """Give a client of the door; reading takes another token than sending."""
    import httpx2

    url = settings.console.door_url
    headers = {"Authorization": f"Bearer {door_token(settings, reading=reading)}"}
    try:
        with httpx2.Client(base_url=url, timeout=60, headers=headers) as client:
            yield client
    except httpx2.TransportError as error:
        raise Unavailable(
            f"the door at {url} stopped answering ({type(error).__name__}): see `santral status`"
        ) from error


def _parcels(
    files: tuple[Path, ...], text: str | None, account: str
) -> Iterator[tuple[str, str, str, bytes]]:
    if text is not None:
        body = {"native_id": f"cli-{time.time_ns()}", "text": text, "sender": {"handle": "cli"}}
        yield "-", f"/v1/messages?account={account}", "application/json", json.dumps(body).encode()
    for path in files:
        if path.suffix.lower() == ".json":
            address = f"/v1/messages?account={account}"
            yield str(path), address, "application/json", path.read_bytes()
        elif path.suffix.lower() in (".eml", ".mail", ""):
            yield str(path), f"/v1/hooks/mail/{account}", "message/rfc822", path.read_bytes()
        else:
            raise click.UsageError(f"{path}: send takes .eml (mail) and .json (API) files")


@click.command()
@click.argument("identifier")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for more.")
@language_option
@click.pass_context
def follow(ctx: click.Context, identifier: str, timeout: float, language: str) -> None:
    """Follow a message, by its id, to its outcome; ends when it is resolved.

    The command waits for an unknown id until --timeout, and then ends with exit code 2.
    Personal numbers are masked.
    """
    identifier = check_id(identifier, MESSAGE_ID_HINT)
    settings = load_running_settings(ctx, "the door")
    from cli.offline.descriptions import describe_answer, wording_of

    wording = wording_of(language, settings.departments)
    until, printed = time.monotonic() + timeout, 0
    with _door(settings, reading=True) as client:
        while time.monotonic() < until:
            answer = client.get(f"/v1/messages/{identifier}")
            if answer.status_code == 200:
                message = msgspec.json.decode(answer.content, type=MessageOut)
                lines = list(describe_answer(message, wording))
                for line in lines[printed:]:
                    click.echo(line)
                printed = max(printed, len(lines))
                if any(outcome.kind == "resolved" for outcome in message.outcomes):
                    return
            elif answer.status_code not in (404, 503):
                raise Unavailable(f"the door says {answer.status_code}: {answer.text[:200]}")
            time.sleep(0.3)
    if not printed:
        raise Unavailable(f"no message {identifier} came within {timeout:g} s")
    click.echo(f"nothing more within {timeout:g} s", err=True)


COMMANDS = (send, follow)
