"""Reads Slack's markup, mrkdwn. Pure.

Source: docs.slack.dev, formatting message text.
"""

import html
import re

_REFERENCE = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


def read_markup(text: str) -> str:
    """Return a text as Slack shows it, with links in full and people by their ids."""
    return html.unescape(_REFERENCE.sub(_read_reference, text))


def _read_reference(match: re.Match[str]) -> str:
    """Return a reference to a person, a channel, a group or an address as text."""
    sigil, target, label = match[1], match[2], match[3]
    if sigil in ("@", "#"):
        return f"{sigil}{label or target}"
    if sigil == "!":
        return f"@{label or target}"
    target = target.removeprefix("mailto:").removeprefix("tel:")
    return target if not label or label == target else f"{label} ({target})"
