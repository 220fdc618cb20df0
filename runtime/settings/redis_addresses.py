"""The form of the addresses of `[redis]`, and the mistakes in them.

redis/primary_finder.py, stage/reach.py and `santral check` use it. It opens no connection.
"""

from urllib.parse import urlsplit

from runtime.log import redacted_url
from runtime.settings.structs import RedisSettings
from schemas.errors import Problem

Address = tuple[str, int]

REDIS_PORT, SENTINEL_PORT = 6379, 26379
_SCHEMES = ("redis", "rediss", "unix")


def split_address(text: str, port: int = REDIS_PORT) -> Address:
    """Return the host and port of HOST, HOST:PORT or SCHEME://HOST:PORT; raise ValueError."""
    parts = urlsplit(text if "://" in text else f"//{text}")
    if not parts.hostname or "@" in parts.netloc or parts.path.strip("/"):
        raise ValueError(f"{text!r} is not HOST:PORT")
    return parts.hostname, parts.port or port


def server_url(settings: RedisSettings, text: str) -> str:
    """Return the URL of one of `addresses`, with all of `[redis] url` but its host."""
    parts = urlsplit(settings.url)
    user, sign, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{sign}{_joined(split_address(text))}").geturl()


def sentinel_url(text: str) -> str:
    """Return the URL of one of `sentinels`: `rediss://` in it stays."""
    scheme = "rediss" if text.startswith("rediss://") else "redis"
    return f"{scheme}://{_joined(split_address(text, SENTINEL_PORT))}"


def servers(settings: RedisSettings) -> list[str]:
    """Return the URLs of the servers that a client asks first."""
    if settings.sentinels:
        return [sentinel_url(text) for text in settings.sentinels]
    return [server_url(settings, text) for text in settings.addresses] or [settings.url]


def describe(settings: RedisSettings) -> str:
    """Return the addresses for a person, without passwords."""
    if settings.sentinels:
        return f"{settings.service} by Sentinel at {', '.join(settings.sentinels)}"
    return ", ".join(settings.addresses) or redacted_url(settings.url)


def redis_problems(settings: RedisSettings) -> list[Problem]:
    """Return what is wrong with the addresses, with what to write instead."""
    problems = []
    if urlsplit(settings.url).scheme not in _SCHEMES:
        problems.append(
            Problem(
                f"[redis] url: {redacted_url(settings.url)!r} has an unknown scheme. Write "
                "redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix://PATH."
            )
        )
    if settings.sentinels and settings.addresses:
        problems.append(
            Problem("[redis]: `sentinels` and `addresses` exclude each other. Keep one of them.")
        )
    for key, texts in (("sentinels", settings.sentinels), ("addresses", settings.addresses)):
        for text in texts:
            try:
                split_address(text)
            except ValueError:
                problems.append(
                    Problem(
                        f"[redis] {key}: {redacted_url(text)!r} is not an address. Write HOST:PORT."
                    )
                )
    return problems


def _joined(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
