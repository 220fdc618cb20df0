"""The rules for access tokens, which are long and different, and for the signing key.

`santral check`, `up` and the stages that need tokens refuse to start with others. A
stranger can guess a short token. Two equal tokens give each holder the other's rights. With an
empty signing key anybody can compute the keys of chat sessions.
"""

import msgspec

from runtime.settings.structs import TokensSettings
from schemas.errors import ConfigError, Problem

MIN_TOKEN_CHARS = 24
_NEW = "`openssl rand -hex 24` makes one"


def token_problems(tokens: TokensSettings) -> list[Problem]:
    """Return the faults of the tokens that are set; an unset one opens nothing."""
    set_tokens = {name: token for name, token in msgspec.structs.asdict(tokens).items() if token}
    problems = [
        Problem(
            f"[tokens] {name} has {len(token)} characters, {MIN_TOKEN_CHARS} are needed. Set "
            f"SANTRAL_TOKENS__{name.upper()} to a longer one: {_NEW}."
        )
        for name, token in set_tokens.items()
        if len(token) < MIN_TOKEN_CHARS
    ]
    first: dict[str, str] = {}
    for name, token in set_tokens.items():
        if token in first:
            problems.append(
                Problem(
                    f"[tokens] {name} is the same as {first[token]}. Give each its own: {_NEW}."
                )
            )
        first.setdefault(token, name)
    return problems


def signing_problems(tokens: TokensSettings) -> list[Problem]:
    """Return the fault of a missing signing key."""
    if tokens.signing:
        return []
    text = "[tokens] signing is empty: chats and mails could be forged. Set SANTRAL_TOKENS__SIGNING"
    return [Problem(f"{text} to one key for all stages: {_NEW}.")]


def check_tokens(tokens: TokensSettings) -> None:
    """Raise ConfigError unless a stage may start with these tokens."""
    problems = token_problems(tokens) + signing_problems(tokens)
    if problems:
        raise ConfigError(problems)
