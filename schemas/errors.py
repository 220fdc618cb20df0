"""The error tree, and the codes that Rejected may carry.

SantralError
 ├── Rejected(code)     never acceptable: it goes to dead.v1, and the line moves on
 ├── Retry(after)       not now: the offset stays, with another try after these seconds
 ├── ConfigError        the configuration is wrong: all problems at once
 └── Unavailable        something Santral needs to start is missing: says what to do

Any other exception is a bug. The stage counts it and logs its traceback. The bug costs the record
its extras, but never loses a customer's message. Pure.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DAY_S = 86_400.0

CODES: dict[str, str] = {
    "record.undecodable": "a Kafka record is not the JSON of its topic's Struct",
    "record.too_large": "a message stays over the record limit after its text was cut",
    "record.misplaced": "a Kafka record stands under a key that is not its conversation",
    "mime.empty": "a mail without a single byte of header or body",
    "mime.undecodable": "no parser can make anything of the mail",
    "parser.bug": "a parser failed on the delivery; the log has the traceback",
    "parser.limit": "a parser exceeded its limit of time or memory, or crashed",
    "mail.too_large": "the mail is larger than the account accepts",
    "json.malformed": "the body is not JSON",
    "json.invalid": "the JSON does not have the shape that is asked for",
    "body.too_large": "the body is larger than the limit",
    "account.unknown": "no such account is configured for this channel",
    "channel.unknown": "no such channel",
    "form.malformed": "the body is not the form that is due",
    "signature.missing": "the call bears no signature",
    "signature.wrong": "the signature does not hold",
    "signature.stale": "the signature is too old, or from the future",
    "signature.unset": "the account has no secret to verify the call with",
    "token.missing": "no access token was given",
    "token.wrong": "the access token is not valid here",
    "call.empty": "a transcript without a word",
    "call.undecodable": "what a transcript is packed in can't be opened",
    "call.unknown_form": "no transcript of a known form",
    "call.unsupported": "a vCon that needs an extension which is not known here",
    "call.encrypted": "an encrypted vCon, and there is no key for it",
    "call.no_transcript": "a call without a transcript",
    "call.failed": "the recogniser could not transcribe the call",
    "chat.bad_frame": "a chat frame is not one of the protocol",
    "chat.bad_session": "the chat session is unknown or its key is wrong",
    "delivery.ignored": "proven to be the vendor's, and no message",
    "notice.bare": "it only names a message, which its vendor is asked for",
    "notice.unanswered": "a message that a vendor named was asked for in vain",
    "media.gone": "the source has the file no more",
    "media.refused": "the file's address is not one that may be asked",
    "media.too_large": "the file is larger than the limit",
    "attachment.invalid": "an attachment's content is not base64",
    "department.unknown": "no such department is configured",
    "participant.unconfirmed": "only a new participant wrote, and nobody said they may be answered",
    "reply.no_address": "the customer left no address on this channel",
    "reply.no_server": "no server is configured to send this channel's answers",
    "reply.refused": "the other side refused the answer for good",
    "reply.forbidden": "the source takes no answer there",
    "reply.too_late": "the time in which the source takes an answer is over",
    "reply.too_long": "the answer is longer than the source takes",
    "reply.unsafe": "the answer can't be written safely: a quoted text would change its meaning",
    "reply.bug": "a fault of ours while sending; the log has the traceback",
    "reply.loop": "the loop guard held the answer back",
    "message.unknown": "no such message is known",
    "incident.unknown": "no such incident is known",
    "incident.ended": "people merged or dismissed that incident",
    "router.bug": "a fault of ours while deciding; the router's log has the traceback",
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
    found: list[Retry] = []
    for error in group.exceptions:
        found += retries(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def retry_after(told: str, now: datetime, otherwise: float = 15) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), a day at most.

    `otherwise` stands where there is none, or none that can be read.
    """
    told = told.strip()
    if told.isascii() and told.replace(".", "", 1).isdigit():
        return min(float(told), _DAY_S)
    try:
        until = parsedate_to_datetime(told)
    except (ValueError, TypeError):
        return otherwise
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), _DAY_S)


class Problem(str):
    """One mistake in a configuration: place, what is wrong, how to mend it."""

    __slots__ = ()


class ConfigError(SantralError):
    """The configuration is wrong; `problems` lists every mistake found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Unavailable(SantralError):
    """Something outside is missing or in the way; the text says what and what to do."""
