"""The error tree, and the codes that Rejected may carry.

SantralError
 ├── Rejected(code)    never acceptable: it goes to dead.v1, and the stage continues
 ├── Retry(after)      not now: the offset stays, with another try after these seconds
 │    ├── RedisBehind  workers/desk_queue/values.py: Redis lacks earlier records of a partition
 │    ├── LockLost     workers/desk_queue/rebuild_lock.py: another process rebuilds the desk
 │    └── ServerAway   workers/actions/protocol.py: the server of a reply's account is out of reach
 ├── ConfigError       the configuration is wrong: all problems at once
 │    └── Forbidden    runtime/topics/creation.py: Kafka hides its topics' settings from this user
 ├── Unavailable       Santral lacks something that it needs: the text says what to do
 │    ├── Fenced       workers/recorder/sql.py: the store follows another log
 │    └── StoreAway    workers/console/api.py: the store gives no answer now
 ├── MediaPending      ingest/intake/media.py: the vendor still has the message's files
 ├── TakeFailed        ingest/door/webhook_calls.py: a bug stopped a call that is the vendor's
 ├── Crashed           ingest/parser_pool/client.py: a parser process ended during its task
 ├── TooSlow           ingest/parser_pool/client.py: a parser process exceeded its limit
 ├── _TooLarge         ingest/intake/virus_scan.py: the file is larger than the virus scanner takes
 ├── LeaseLost         workers/desk_queue/values.py: the lease ended, or another agent has the item
 │    ├── ItemClosing    the lease's agent closes the item just now
 │    └── AlreadyClosed  the lease closed the item before
 ├── ItemUnknown       workers/desk_queue/values.py: no such item waits at a desk
 └── Unconfirmed       workers/actions/protocol.py: the other side may have taken the reply, or not

Stages act on the first four, and the caller of a step catches its other errors. Three classes have
parents elsewhere: the HTTP client passes _Refused through (runtime/http/public_client.py), the
driver of the store _Late (runtime/postgres_connection.py), and UnsafeMail
(workers/actions/outgoing_mail.py) is a ValueError because its module imports nothing of the
project: its tests run it with other Pythons.

Any other exception is a bug. The stage counts it and logs its traceback. The bug costs the record
its extras, but never loses a customer's message. Pure.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from schemas.delays import OUTAGE_S

_DAY_S = 86_400.0

ERROR_TEXT_LIMIT = 300
"""Most characters of another system's error text in ours: a sentence, and never a page of HTML."""

CODES: dict[str, str] = {
    "record.undecodable": "a Kafka record is not the JSON of its topic's Struct",
    "record.too_large": "a message stays over the record limit after its text was cut",
    "record.misplaced": "a Kafka record has a key that is not its conversation",
    "mime.empty": "a mail without a single byte of header or body",
    "mime.undecodable": "the bytes are not a mail that a parser can read",
    "parser.bug": "a parser failed on the delivery; the log has the traceback",
    "parser.limit": "a parser exceeded its limit of time or memory, or crashed",
    "mail.too_large": "the mail is larger than the account accepts",
    "json.malformed": "the body is not JSON",
    "json.invalid": "the JSON does not have the expected fields or types",
    "body.too_large": "the body is larger than the limit",
    "account.unknown": "no such account is configured for this channel",
    "channel.unknown": "no such channel",
    "form.malformed": "expected a form body",
    "signature.missing": "the call has no signature",
    "signature.wrong": "the signature does not match the call",
    "signature.stale": "the signature is too old, or from the future",
    "signature.unset": "the account has no secret to verify the call with",
    "token.missing": "no access token was given",
    "token.wrong": "the access token is not valid here",
    "call.empty": "the transcript has no words",
    "call.undecodable": "the container of the transcript can't be opened",
    "call.unknown_form": "the transcript is not in a known format",
    "call.unsupported": "the vCon needs an extension that Santral does not know",
    "call.encrypted": "the vCon is encrypted, and Santral has no key for it",
    "call.no_transcript": "the call has no transcript",
    "call.failed": "the recogniser could not transcribe the call",
    "chat.bad_frame": "the chat frame does not follow the protocol",
    "chat.bad_session": "the chat session is unknown or its key is wrong",
    "delivery.ignored": "the vendor's call is genuine but carries no message",
    "notice.bare": "the notice only names a message, which ingest fetches from the vendor",
    "notice.unanswered": "the vendor never returned the message that it named",
    "media.gone": "the file no longer exists at the source",
    "media.refused": "the file's URL is not allowed",
    "media.too_large": "the file is larger than the limit",
    "attachment.invalid": "an attachment's content is not base64",
    "department.unknown": "no such department is configured",
    "participant.unconfirmed": "only a new participant wrote, and no agent has allowed an answer",
    "reply.no_address": "the customer left no address on this channel",
    "reply.no_server": "no server is configured to send this channel's answers",
    "reply.refused": "the other side refused the answer for good",
    "reply.forbidden": "the source does not take answers there",
    "reply.too_late": "the time for an answer at the source is over",
    "reply.too_long": "the answer is longer than the source allows",
    "reply.unsafe": "the answer can't be written safely: a quoted text would change its meaning",
    "reply.repeated": "this text is on its way already: a second answer needs an Idempotency-Key",
    "reply.too_many": "this item has more answers of a day than an item can have",
    "key.invalid": "the Idempotency-Key is not 1 to 128 visible ASCII characters",
    "key.reused": "this Idempotency-Key belongs to another text",
    "reply.bug": "a bug of Santral stopped the sending; the log has the traceback",
    "reply.loop": "the loop guard held the answer back",
    "message.unknown": "there is no such message",
    "incident.unknown": "there is no such incident",
    "incident.ended": "people merged or dismissed that incident",
    "router.bug": "a bug of Santral stopped the decision; the router's log has the traceback",
}
"""Every stable code with its sentence; counted in santral_messages_rejected_total."""


class SantralError(Exception):
    """The root of every error that Santral raises on purpose."""


class Rejected(SantralError):
    """This can never be accepted; `code` is one of CODES, `text` says what was wrong."""

    def __init__(self, code: str, text: str = "") -> None:
        if code not in CODES:
            raise ValueError(f"unknown rejection code {code!r}: add it to schemas/errors.py")
        super().__init__(f"{code}: {text or CODES[code]}")
        self.code = code
        self.text = text or CODES[code]


class Retry(SantralError):
    """Not now; try again after `after` seconds."""

    def __init__(self, after: float, text: str = "") -> None:
        super().__init__(text or f"try again after {after:g} s")
        self.after = after
        self.text = text or f"try again after {after:g} s"


def retries(group: BaseExceptionGroup[Retry]) -> list[Retry]:
    """Return the Retry errors within groups of groups, in their order."""
    errors: list[Retry] = []
    for error in group.exceptions:
        errors += retries(error) if isinstance(error, BaseExceptionGroup) else [error]
    return errors


def retry_after(header: str, now: datetime, default: float = OUTAGE_S) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), a day at most.

    It returns `default` if the header is missing or malformed.
    """
    header = header.strip()
    if header.isascii() and header.replace(".", "", 1).isdigit():
        return min(float(header), _DAY_S)
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return default
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), _DAY_S)


class Problem(str):
    """One mistake in a configuration: its place, the mistake, and the way to correct it."""

    __slots__ = ()


class ConfigError(SantralError):
    """The configuration is wrong; `problems` lists every mistake found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Unavailable(SantralError):
    """Something that Santral needs is missing; the text names it and says what to do."""
