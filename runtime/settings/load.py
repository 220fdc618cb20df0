"""Reads one TOML file and the variables SANTRAL_* into a Settings, or raises all mistakes at once.

A command names the file. Each channel and action declares a Struct for its own tables, which
`section` checks. A variable overrides a key by its path, joined by two underscores, so
SANTRAL_KAFKA__BOOTSTRAP=broker:9092 sets `bootstrap` in `[kafka]`.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar, get_args, get_origin

import msgspec

from runtime.settings.archive_address import archive_problems
from runtime.settings.redis_addresses import redis_problems
from runtime.settings.reply_deadline import replies_problems
from runtime.settings.service_levels.build import service_level_problems
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem

R = TypeVar("R", bound=msgspec.Struct)
FILE = "santral.toml"
SIGNING_FILE = "signing.key"
PREFIX = "SANTRAL_"
_NOT_KEYS = {"SANTRAL_HOME", "SANTRAL_CONFIG", "SANTRAL_JARS", "SANTRAL_COMPILED"}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    sections: Mapping[str, type[msgspec.Struct]] | None = None,
) -> Settings:
    """Read the settings; raise ConfigError with every mistake found.

    `file` defaults to SANTRAL_CONFIG or ./santral.toml if that is there. `sections` maps
    `channels.email` and the like to the Struct of one account.
    """
    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    path, tree = _read(file, environ)
    _override(tree, environ, problems)
    _running(tree, environ)
    settings = section(Settings, tree, str(path), "", problems)
    for name, struct in (sections or {}).items():
        group, _, kind = name.partition(".")
        kinds = tree.get(group)
        accounts = kinds.get(kind) if isinstance(kinds, dict) else None
        for account, table in accounts.items() if isinstance(accounts, dict) else ():
            section(struct, table, str(path), f"{name}.{account}", problems)
    if settings is not None:
        problems += redis_problems(settings.redis) + archive_problems(settings.archive.url)
        problems += replies_problems(settings.replies) + service_level_problems(settings)
    if problems or settings is None:
        raise ConfigError(problems)
    return settings


def names_broker(file: Path | None = None, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the file or the environment gives Kafka's address; otherwise it is our guess."""
    environ = os.environ if environ is None else environ
    _, tree = _read(file, environ)
    _override(tree, environ, [])
    kafka = tree.get("kafka")
    return isinstance(kafka, dict) and "bootstrap" in kafka


def _read(file: Path | None, environ: Mapping[str, str]) -> tuple[Path, dict[str, object]]:
    """Return the settings file's path and its contents."""
    named = file or (Path(environ["SANTRAL_CONFIG"]) if environ.get("SANTRAL_CONFIG") else None)
    path = named or Path(FILE)
    if path.exists():
        try:
            return path, tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                [Problem(f"{path} is not TOML: {error}. Correct that line.")]
            ) from error
    if named:
        raise ConfigError([Problem(f"{path}: no such file. Give the right path by --config.")])
    return path, {}


def home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of everything local: SANTRAL_HOME, or var/ here."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("SANTRAL_HOME") or "var").absolute()


def _running(tree: dict[str, object], environ: Mapping[str, str]) -> None:
    """Fill in missing addresses and tokens from the profile that runs with this home."""
    path = Path(str(tree.get("home") or home(environ))) / "access.json"
    try:
        access = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return
    addresses = {
        "kafka": {"bootstrap": access.get("kafka")},
        "redis": {"url": access.get("redis")},
        "store": {"url": access.get("store")},
        "tokens": {**(access.get("tokens") or {}), "signing": _signing_key(path.parent)},
        "door": {"desk_url": access.get("console")},
        "console": {"door_url": access.get("door")},
    }
    for table, values in addresses.items():
        section_table = tree.setdefault(table, {})
        for key, value in (values or {}).items():
            if isinstance(section_table, dict) and value:
                section_table.setdefault(key, value)


def _signing_key(folder: Path) -> str:
    """Return the signing key that `santral up` made, or an empty one where there is none."""
    try:
        return (folder / SIGNING_FILE).read_text().strip()
    except OSError:
        return ""


def _override(tree: dict[str, object], environ: Mapping[str, str], problems: list[Problem]) -> None:
    if environ.get("SANTRAL_HOME"):
        tree["home"] = environ["SANTRAL_HOME"]
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in _NOT_KEYS:
            continue
        *tables, key = name.removeprefix(PREFIX).lower().split("__")
        branch: object = tree
        for table in tables:
            branch = branch.setdefault(table, {}) if isinstance(branch, dict) else None
        if not isinstance(branch, dict):
            problems.append(Problem(f"{name}: {'.'.join(tables)} is not a table. Unset it."))
        else:
            branch[key] = value


def section(
    struct: type[R], table: object, file: str, path: str, problems: list[Problem]
) -> R | None:
    """Return the Struct that a table holds, or None after adding what is wrong to `problems`."""
    where = f"{file}: [{path}]" if path else file
    if not isinstance(table, dict):
        problems.append(Problem(f"{where}: is {table!r}, not a table. Write [{path}]."))
        return None
    fields = {f.encode_name: f for f in msgspec.structs.fields(struct)}
    values: dict[str, object] = {}
    before = len(problems)
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            mend = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(fields)}."
            problems.append(Problem(f"{where}: unknown key {key!r}. {mend}"))
            continue
        values[key] = _value(fields[key].type, value, file, f"{path}.{key}".lstrip("."), problems)
    for name, field in fields.items():
        if field.required and name not in table:
            problems.append(Problem(f"{where}: {name!r} is missing. Add `{name} = …`."))
    return struct(**values) if len(problems) == before else None


def _value(kind: object, value: object, file: str, path: str, problems: list[Problem]) -> object:
    bounds, kind = kind, get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return section(kind, value, file, path, problems)
    if get_origin(kind) is dict and isinstance(value, dict):
        inner = get_args(kind)[1]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return {k: section(inner, v, file, f"{path}.{k}", problems) for k, v in value.items()}
    if kind is timedelta and isinstance(value, str) and (match := _DURATION.match(value)):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if get_origin(kind) is tuple and isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return msgspec.convert(value, bounds, strict=False)
    except msgspec.ValidationError as error:
        hint = " Write it like '90s', '5m', '4h' or '2d'." if kind is timedelta else ""
        table, _, key = path.rpartition(".")
        where = f"{file}: [{table}] {key}" if table else f"{file}: {key}"
        problems.append(Problem(f"{where}: {error}.{hint}"))
        return None
