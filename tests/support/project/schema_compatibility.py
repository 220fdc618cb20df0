"""The rule by which a published schema may change: old readers and writers still fit."""

from collections.abc import Iterator, Mapping

from tests.support.json_body import JsonBody


def incompatible_changes(old: JsonBody, new: JsonBody) -> list[str]:
    """Return the changes of a schema that break a reader or a writer of the old one."""
    return list(_definition_changes(old.get("$defs", {}), new.get("$defs", {})))


def _definition_changes(old: Mapping[str, JsonBody], new: Mapping[str, JsonBody]) -> Iterator[str]:
    for name, schema in old.items():
        if name not in new:
            yield f"{name} is gone"
            continue
        if set(schema.get("required", ())) != set(new[name].get("required", ())):
            yield f"{name}: other required fields"
        fields = new[name].get("properties", {})
        for field, previous in schema.get("properties", {}).items():
            if field not in fields:
                yield f"{name}.{field} is gone"
            elif not _is_opened_list(previous, fields[field]):
                yield from _field_changes(f"{name}.{field}", previous, fields[field])


def _is_opened_list(old: JsonBody, new: JsonBody) -> bool:
    """Say whether a list of words became any word, which every reader must take from then on."""
    return "enum" in old and "enum" not in new and new.get("type") == "string"


def _field_changes(path: str, old: JsonBody, new: JsonBody) -> Iterator[str]:
    for key in ("type", "$ref", "format"):
        if old.get(key) != new.get(key):
            yield f"{path}: {key} was {old.get(key)}"
    if set(map(str, old.get("enum", ()))) - set(map(str, new.get("enum", ()))):
        yield f"{path}: a value is gone"
