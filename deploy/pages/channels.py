"""The blocks of the channels' pages: what arrives, the settings, the usual failures. Pure."""

import msgspec

from deploy.pages.blocks import table
from deploy.pages.structs import Setting, plain, settings
from ingest.registry import BEARER, CHANNELS, WEBHOOKS
from ingest.source import PullChannel
from workers.actions.registry import for_channel

_DOOR = "https://DOOR/v1/hooks"
_BY_OTHERS = {
    "chat": "The open page shows the answers.",
    "api": "The caller reads the answers from the topic `replies.v1`.",
}
"""Channels whose answers leave without an action."""

_AGAIN = "the door answers 503, and the vendor repeats the call: nothing to do"
_SPOOLED = (
    "the vendor repeats little or never, so deliveries are kept on the disk and published when "
    "Kafka is back: nothing to do"
)


def write(channel: str, block: str) -> str:
    """Return one block of a channel's page."""
    return {
        "arrives": _arrives,
        "setup": _setup,
        "settings": _settings,
        "failures": _failures,
    }[block](channel)


def index() -> str:
    """Return the table of all channels."""
    rows = []
    for name in sorted(CHANNELS):
        answered = "yes" if for_channel(name) or name in _BY_OTHERS else "no"
        rows.append((f"[{name}]({name}.md)", CHANNELS[name].takes, _way(name), answered))
    return table(("channel", "takes", "comes by", "answers"), rows)


def _hooks(channel: str) -> list[str]:
    return [name for name, webhook in WEBHOOKS.items() if webhook.channel == channel]


def _pulls(channel: str) -> bool:
    return isinstance(CHANNELS[channel], PullChannel)


def _way(channel: str) -> str:
    ways = ["webhook"] if _hooks(channel) else []
    ways += ["reading"] if _pulls(channel) else []
    return ", ".join(ways) or "door"


def _arrives(channel: str) -> str:
    described = CHANNELS[channel]
    lines = [f"- Santral takes {described.takes}.", f"- It ignores {described.ignores}."]
    if _hooks(channel):
        lines.append("- `santral_deliveries_ignored_total` counts ignored calls by their reason.")
    return "\n".join(lines)


def _setup(channel: str) -> str:
    """Return the lines of `santral check` for an account with all its secrets."""
    lines = []
    for name in _hooks(channel):
        webhook = WEBHOOKS[name]
        line = webhook.setup(_filled(CHANNELS[channel].account), f"{_DOOR}/{name}/ACCOUNT")
        if line:
            lines.append(line)
    return "```text\n" + "\n".join(lines) + "\n```"


def _filled(account: type[msgspec.Struct]) -> msgspec.Struct:
    """Return an account in which every text is given, but for addresses with a default."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(account):
        kind = plain(field.type)
        if kind is str and field.default == "" and field.name not in ("url", "folder"):
            values[field.name] = f"<{field.name}>"
        elif kind == tuple[str, ...]:
            values[field.name] = (f"<{field.name}>",)
    return account(**values)


def _settings(channel: str) -> str:
    account = CHANNELS[channel].account
    lines = [f"`[channels.{channel}.ACCOUNT]`; ACCOUNT is a name of your choice."]
    secret = next((s.name for s in settings(account) if _is_secret(s)), None)
    if secret:
        variable = f"SANTRAL_CHANNELS__{channel.upper()}__ACCOUNT__{secret.upper()}".replace(
            ".", "__"
        )
        lines.append(f"Give secrets by environment, such as `{variable}`.")
    parts = [" ".join(lines), _table(account), _answers(channel)]
    return "\n\n".join(parts)


def _is_secret(setting: Setting) -> bool:
    words = ("secret", "token", "password", "key", "bearer")
    return setting.kind is str and any(word in setting.name for word in words)


def _table(account: type[msgspec.Struct]) -> str:
    rows = ((f"`{s.name}`", s.cell, s.meaning) for s in settings(account))
    return table(("setting", "default", "meaning"), rows)


def _answers(channel: str) -> str:
    action = for_channel(channel)
    if action is None:
        return _BY_OTHERS.get(channel, "This channel takes no answers, and the desk says so.")
    lines = [f"`[actions.{action.name}.ACCOUNT]` sends the answers."]
    if action.shares:
        shared = ", ".join(f"`{name}`" for name in action.shares)
        lines.append(f"It takes {shared} from the channel's account unless it has its own.")
    return " ".join(lines) + "\n\n" + _table(action.account)


def _failures(channel: str) -> str:
    rows = []
    hooks = _hooks(channel)
    if hooks:
        rows += [
            (
                "nothing arrives",
                "the vendor cannot reach the door, or does not have its address",
                "compare the vendor's address with the line of `santral check`",
            ),
            ("401 at the vendor", "the proof of its calls is wrong", "compare the secret"),
            ("404 at the vendor", "no account has the name in the address", "compare the name"),
            (
                "Kafka is away",
                "no broker answers",
                _AGAIN if all(WEBHOOKS[h].patient for h in hooks) else _SPOOLED,
            ),
        ]
    if channel in BEARER.values():
        rows.append(("401 for a program", "its Bearer is not the door's token", "`santral env`"))
    if _pulls(channel):
        rows += [
            (
                "`source.away` in the log of ingest",
                "the vendor is away, refuses the account, or asks us to wait",
                "read the reason there; the next try comes by itself",
            ),
            (
                "`santral_source_ready` is 0",
                "no pass has finished for ten minutes",
                "`/readyz?verbose` on the ops port has a line for each source",
            ),
        ]
    if for_channel(channel):
        rows += [
            (
                "an answer is `undeliverable`",
                "its code says why: `reply.refused`, `reply.too_late`, `unconfirmed` …",
                "read the outcome on the message's page; nothing is sent twice",
            ),
            (
                "answers wait",
                "the vendor's API is away or refuses the account",
                "`account.stuck` in the log of the replies worker has the reason",
            ),
        ]
    rows.append(
        (
            "one message is missing",
            "it was refused or ignored",
            f"`santral dead list`; try its bytes with `santral parse {channel} FILE…`",
        )
    )
    return table(("you see", "because", "do"), rows)
