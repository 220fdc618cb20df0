"""Reads the further payloads of a channel's folder, and changes single fields of a payload."""

import copy
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from tests.support.json_body import JsonBody
from tests.support.samples.registry import FOLDER


def read_file(channel: str, file_name: str) -> bytes:
    """Return the bytes of a file in a channel's folder."""
    return (FOLDER / channel / file_name).read_bytes()


def read_payload(channel: str, name: str) -> JsonBody:
    """Return the JSON of the file NAME.json in a channel's folder."""
    payload: JsonBody = json.loads(read_file(channel, f"{name}.json"))
    return payload


def read_form_payload(channel: str, name: str) -> dict[str, str]:
    """Return the fields of the file NAME.form in a channel's folder, as a vendor posts them."""
    form = read_file(channel, f"{name}.form")
    return dict(parse_qsl(form.decode("ascii"), keep_blank_values=True, strict_parsing=True))


def with_fields(payload: JsonBody, fields: Mapping[str, object]) -> JsonBody:
    """Return a copy of a payload with other values under some paths; raise KeyError.

    A path is "message.from.id", or "events.0.type" with the index of a list. Only the last name of
    a path may be new.
    """
    changed = copy.deepcopy(payload)
    for path, value in fields.items():
        parent, name = _parent_of(changed, path)
        parent[name] = value
    return changed


def without_fields(payload: JsonBody, *paths: str) -> JsonBody:
    """Return a copy of a payload that lacks the fields under some paths; raise KeyError."""
    changed = copy.deepcopy(payload)
    for path in paths:
        parent, name = _parent_of(changed, path)
        del parent[name]
    return changed


def _parent_of(payload: JsonBody, path: str) -> tuple[JsonBody, str]:
    """Return the object that has the last field of a path, and the name of that field."""
    *steps, name = path.split(".")
    parent: object = payload
    for step in steps:
        parent = parent[int(step)] if isinstance(parent, list) else _object(parent, path)[step]
    return _object(parent, path), name


def _object(value: object, path: str) -> JsonBody:
    assert isinstance(value, dict), f"no object has the field {path}"
    return value
