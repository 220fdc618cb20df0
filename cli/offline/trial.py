"""The messages that a channel makes of captured input, for `santral parse`.

Each input becomes lines of JSON, one for each message or refusal. No broker and no vendor is
needed.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from urllib.parse import parse_qsl

import msgspec

from ingest.channel import AnyChannel, Context, Delivery
from ingest.parser_pool.fence import run_fenced
from ingest.parser_pool.frames import UNREADABLE
from ingest.parser_pool.limits import Limit, limit_of
from ingest.parsing.letters.repair import repair_letters
from ingest.parsing.mail.unreadable import unreadable_message
from ingest.registry import ALIASES, CHANNELS, WEBHOOKS, channel_of
from ingest.webhook import BodyParser, WebhookContext, WebhookRequest, WebhookResult
from runtime.settings.load import section
from runtime.settings.structs import Settings
from schemas.base import Record
from schemas.errors import CODES, ConfigError, Problem, Rejected, Retry
from schemas.message import Message


class Refused(Record, frozen=True, kw_only=True):
    """The reason why a channel refuses an input."""

    rejected: str
    text: str


class Ignored(Record, frozen=True, kw_only=True):
    """A delivery of the vendor without a message; ingest counts it under the reason `ignored`."""

    rejected: str = "delivery.ignored"
    text: str
    ignored: str


class Trial:
    """A channel, an account and a time to try inputs with."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        account: str,
        secret: str = "",
        now: str = "",
        *,
        channels: Mapping[str, AnyChannel] = CHANNELS,
    ) -> None:
        channel = channel_of(name)
        if channel is None:
            names = ", ".join(sorted({*CHANNELS, *WEBHOOKS}))
            raise Rejected("channel.unknown", f"no channel {name!r}; there are {names}")
        self._channel, self._hook = channels[channel], WEBHOOKS.get(ALIASES.get(name, name))
        table = settings.channels.get(channel, {}).get(account, {})
        problems: list[Problem] = []
        account_settings = section(
            self._channel.account, table, "santral.toml", f"channels.{channel}", problems
        )
        if account_settings is None:
            raise ConfigError(problems)
        self._settings = account_settings
        if secret and self._hook is not None:
            self._settings = self._hook.secret(self._settings, secret)
        self._parsers = settings.parsers
        self._account, self._now, self._file = account, _instant(now), ""
        self._context = Context(
            brand=settings.brand,
            settings=self._settings,
            signing_key=settings.tokens.signing.encode(),
        )

    def run(self, name: str, data: bytes) -> list[str]:
        """Return a line for everything in an input.

        A name ending in .http is a whole request, one ending in .jsonl a body a line.
        """
        self._file = PurePath(name).name
        if name.endswith((".jsonl", ".ndjson")):
            lines = [x for x in data.splitlines() if x.strip()]
            return [result for x in lines for result in self._parse_fenced(self._take_body, x)]
        parse = self._receive_call if name.endswith(".http") else self._take_body
        return self._parse_fenced(parse, data)

    def _parse_fenced(self, what: Callable[[bytes], list[str]], data: bytes) -> list[str]:
        """Parse an input as the door would, within its limits and safe from its crashes."""
        try:
            return run_fenced(lambda: self._lines(what, data), self._limit(len(data)))
        except Rejected as error:
            if self._channel.name == "email" and what == self._take_body:
                return [_line(self._unreadable(data))]
            return [_line(Refused(rejected=error.code, text=error.text))]

    def _lines(self, what: Callable[[bytes], list[str]], data: bytes) -> list[str]:
        try:
            return what(data)
        except Rejected as error:
            return [_line(Refused(rejected=error.code, text=error.text))]
        except Retry as error:
            return [_line(Refused(rejected="try_again", text=str(error)))]
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a command shows no traceback
            text = f"{CODES['parser.bug']}: {type(error).__name__}"
            return [_line(Refused(rejected="parser.bug", text=text))]

    def _limit(self, size: int) -> Limit:
        return limit_of(size, self._parsers.cpu, self._parsers.memory_mb)

    def _unreadable(self, raw: bytes) -> Message:
        """Return the door's message for an unreadable mail."""
        return unreadable_message(
            raw,
            brand=self._settings.brand or self._context.brand,
            account=self._account,
            received_at=self._now,
            signing_key=self._context.signing_key,
        )

    def _take_body(self, data: bytes) -> list[str]:
        """Take a captured body apart, or one delivery as the archive keeps it."""
        hook: object = self._hook
        if not isinstance(hook, BodyParser):
            return [self._parsed(data)]
        try:
            return self._each(hook.take(data))
        except Rejected as error:
            try:
                return [self._parsed(data)]
            except Rejected:
                raise error from None

    def _parsed(self, raw: bytes, *, by_reference: bool = False) -> str:
        delivery = Delivery(
            raw=raw,
            account=self._account,
            received_at=self._now,
            hint=self._file if self._channel.hint_kind == "file_name" else None,
            by_reference=by_reference,
        )
        try:
            parsed = self._channel.parse(delivery, self._context)
        except MemoryError:
            raise
        except Exception as error:
            code = error.code if isinstance(error, Rejected) else "parser.bug"
            if self._channel.name != "email" or code not in UNREADABLE:
                raise
            return _line(repair_letters(self._unreadable(raw)))
        if parsed.notice and parsed.notice.bare:
            raise Rejected("notice.bare", "it names a message that ingest fetches from the vendor")
        return _line(repair_letters(parsed.message))

    def _receive_call(self, data: bytes) -> list[str]:
        call = request(data)
        if self._hook is None:
            return [self._parsed(call.body)]
        context = WebhookContext(now=self._now, fetch=_nowhere)
        return self._each(asyncio.run(self._hook.receive(call, self._settings, context)))

    def _each(self, taken: WebhookResult) -> list[str]:
        lines = []
        for reason in taken.ignored:
            text = f"no message: {reason.replace('_', ' ')}"
            lines.append(_line(Ignored(text=text, ignored=reason)))
        for raw in taken.deliveries:
            lines += self._lines(
                lambda body: [self._parsed(body, by_reference=taken.by_reference)], raw
            )
        return lines


def request(data: bytes) -> WebhookRequest:
    """Return the call in a raw HTTP request; line ends of its head may be LF or CRLF."""
    blank_lines = (b"\r\n\r\n", b"\n\n")
    ends = [(end, len(blank)) for blank in blank_lines if (end := data.find(blank)) >= 0]
    if not ends:
        raise Rejected("form.malformed", "no blank line between the request's head and its body")
    end, width = min(ends)
    lines = data[:end].decode("latin-1").splitlines()
    method, _, rest = lines[0].partition(" ")
    target = rest.partition(" ")[0]
    path, _, query = target.partition("?")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return WebhookRequest(
        method=method.upper(),
        path=path,
        headers=headers,
        body=data[end + width :],
        query=dict(parse_qsl(query, keep_blank_values=True)),
        target=target,
    )


def _instant(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise Rejected("form.malformed", f"--now {text!r} is not a time: {error}") from error
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


async def _nowhere(url: str) -> bytes:
    raise Retry(0, f"would fetch {url}: a trial asks nobody")


def _line(record: Record) -> str:
    return msgspec.json.encode(record).decode()
