"""Writes docs/channels/NAME.md from the channels' own descriptions; `--check` lists old pages.

Pages of other names (email.md) are written by hand. Run from the project's folder.
"""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from ingest.registry import BEARER, CHANNELS, HOOKS
from workers.registry import for_channel

FOLDER = Path(__file__).parent.parent / "docs" / "channels"
BY_HAND = {"email", "index"}


def shown(kind: Any) -> str:
    """Return a setting's type as people read it."""
    kind = getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind
    text = str(kind) if hasattr(kind, "__args__") else getattr(kind, "__name__", None) or str(kind)
    text = re.sub(r"(?:typing|datetime|ingest\.[\w.]+)\.", "", str(text))
    return {"str": "text", "bool": "true or false", "int": "number", "float": "number",
            "timedelta": "time, like \"5m\""}.get(text, text.replace("|", "or"))  # fmt: skip


def default(field: Any) -> str:
    """Return a setting's default."""
    if field.default is not msgspec.NODEFAULT:
        return "" if field.default in ("", ()) else f"`{field.default}`"
    return ""


def table(struct: type[msgspec.Struct]) -> list[str]:
    """Return the settings of an account as a table."""
    return ["| setting | what | default |", "|---|---|---|", *rows(struct)]


def rows(struct: type[msgspec.Struct], above: str = "") -> list[str]:
    """Return a row a setting; those of a table within it bear its name before theirs."""
    lines = []
    for field in msgspec.structs.fields(struct):
        name, kind = above + field.name, field.type
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            lines.append(f"| `{name}` | {' '.join((inspect.getdoc(kind) or '').split())} | |")
            lines += rows(kind, f"{name}.")
        else:
            lines.append(f"| `{name}` | {shown(kind)} | {default(field)} |")
    return lines


def page(name: str) -> str:
    """Return the page of a channel."""
    channel: Any = CHANNELS[name]
    module = inspect.getdoc(sys.modules[type(channel).__module__]) or ""
    title, _, rest = module.partition("\n")
    what, _, source = " ".join(rest.split()).partition("Source: ")
    lines = [f"# {title.rstrip('.')}", "", what.strip(), ""]
    lines += ["## What it takes", getattr(channel, "takes", "messages") + ".", ""]
    ignores = getattr(channel, "ignores", "nothing")
    counted = (
        "If such a delivery arrives, `santral_deliveries_ignored_total` counts it with its reason; "
        "Santral requests none."
    )
    lines += ["## What it ignores", f"{ignores}. {counted}", ""]
    lines += ["## Connect it", f"Settings of `[channels.{name}.ACCOUNT]`. "
              + " ".join((inspect.getdoc(channel.account) or "").split()), ""]  # fmt: skip
    lines += [*table(channel.account), ""]
    ways = []
    if name in HOOKS:
        waits = (
            "the vendor repeats a call while Kafka is away"
            if HOOKS[name].patient
            else ("the vendor repeats little, so deliveries are kept on disk while Kafka is away")
        )
        ways.append(f"- calls come to `/v1/hooks/{name}/ACCOUNT`; `santral check` prints what "
                    f"to set up, with your address; {waits}")  # fmt: skip
    if name in BEARER.values():
        ways.append(f"- `POST /v1/hooks/{name}/ACCOUNT` with our door token as Bearer")
    if hasattr(channel, "source"):
        ways.append("- Santral polls it, or reads its stream, once the settings above are given")
    if ways:
        lines += ["### Ways in", *ways, ""]
    variable = f"SANTRAL_CHANNELS__{name.upper()}__ACCOUNT__…"
    lines += [f"Secrets are better given by environment: `{variable}`.",
              f"Try captured input with `santral parse {name} FILE…`.", ""]  # fmt: skip
    lines += ["## Answers", *answers(name), ""]
    if source:
        lines += ["## Source", source.removesuffix("Pure.").strip(), ""]
    return "\n".join(lines).rstrip() + "\n"


def answers(name: str) -> list[str]:
    """Return how a channel is answered."""
    action: Any = for_channel(name)
    if action is None:
        told = {"chat": "By the open page.", "api": "The caller reads them from `replies.v1`."}
        return [
            told.get(
                name, "This channel takes no answers; the desk shows that before anyone writes one."
            )
        ]
    lines = [f"By `{action.name}`. " + " ".join((inspect.getdoc(action.account) or "").split())]
    if action.shares:
        lines.append(f"\nTaken from the channel unless `[actions.{action.name}.ACCOUNT]` says "
                     f"otherwise: {', '.join(f'`{s}`' for s in action.shares)}.")  # fmt: skip
    return [*lines, "", *table(action.account)]


def index() -> str:
    """Return the list of all channels."""
    lines = ["# Channels", "", "| channel | takes | answers |", "|---|---|---|"]
    for name in sorted(CHANNELS):
        takes = getattr(CHANNELS[name], "takes", "")
        answered = "yes" if for_channel(name) or name in ("chat", "api") else "no"
        lines.append(f"| [{name}]({name}.md) | {takes} | {answered} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the pages, or say which are old."""
    check, old = "--check" in sys.argv, []
    pages = {n: page(n) for n in CHANNELS if n not in BY_HAND} | {"index": index()}
    for name, text in pages.items():
        path = FOLDER / f"{name}.md"
        if check and (not path.exists() or path.read_text() != text):
            old.append(path.name)
        elif not check:
            path.write_text(text)
    if old:
        sys.stderr.write(f"old: {', '.join(old)}: run `python deploy/channel_docs.py`\n")
    return bool(old)


if __name__ == "__main__":
    sys.exit(main())
