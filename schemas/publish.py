"""Writes schemas/published/: a JSON Schema for each topic's Struct, and asyncapi.yaml.

Run `python -m schemas.publish` after a Struct changed; a test fails when what is published is
not what the Structs say, or when it changed in a way that breaks a reader.
"""

import json
import sys
from pathlib import Path

import msgspec
import yaml

from schemas.base import JsonObject
from schemas.service_levels.versions import PolicyVersion
from schemas.topics import FIXED, AnyTopic, queue

PUBLISHED = Path(__file__).parent / "published"
WITHOUT_TOPIC: dict[str, type[msgspec.Struct]] = {"policy_version.v1": PolicyVersion}
"""Structs that have a schema before anything writes their topic, so that readers can prepare."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(topic: AnyTopic) -> JsonObject:
    """Return the JSON Schema 2020-12 of a topic's Struct, complete and without references."""
    return _schema_of(topic.struct, topic.ce_type)


def _schema_of(struct: type[msgspec.Struct], ce_type: str) -> JsonObject:
    schema: JsonObject = msgspec.json.schema(struct)
    return {"$schema": DIALECT, "$id": f"urn:santral:{ce_type}", **schema}


def schema_topics() -> dict[str, AnyTopic]:
    """Return a topic for every published Struct, by the name of the schema's file."""
    all_of = sorted((*FIXED, queue("billing")), key=lambda topic: topic.struct.__name__)
    return {topic.ce_type.removeprefix("santral."): topic for topic in all_of}


def _operation(topic: AnyTopic, channel: str) -> JsonObject:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{topic.carries}. Written by {topic.written_by}; read by {topic.read_by}.",
    }


def _channel(topic: AnyTopic) -> JsonObject:
    retention = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // 86_400_000} days"
    compaction = ", compacted" if topic.compact else ""
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. Kept {retention}{compaction}.",
        "messages": {"record": {"$ref": f"#/components/messages/{topic.ce_type}"}},
    }


def asyncapi() -> JsonObject:
    """Return the AsyncAPI 3.0 document of the event stream."""
    topics: dict[str, AnyTopic] = {t.name.split(".")[0]: t for t in FIXED}
    channels = {name: _channel(topic) for name, topic in topics.items()}
    example = queue("billing")
    channels["queue"] = {
        **_channel(example),
        "address": "queue.{department}.v1",
        "parameters": {"department": {"description": "a department's name, or triage"}},
    }
    topics["queue"] = example
    _, components = msgspec.json.schema_components(
        [topic.struct for topic in schema_topics().values()],
        ref_template="#/components/schemas/{name}",
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Santral event stream",
            "version": "1.0.0",
            "description": "Every topic of the pipeline. Records are CloudEvents 1.0 in binary "
            "mode, JSON; read them with isolation level read_committed. Unknown fields are to be "
            "ignored: adding a field is a compatible change.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {f"read_{n}": _operation(topics[n], n) for n in channels},
        "components": {
            "messages": {
                topic.ce_type: {
                    "name": topic.ce_type,
                    "title": topic.struct.__name__,
                    "summary": (topic.struct.__doc__ or "").strip().splitlines()[0],
                    "contentType": "application/json",
                    "headers": {"$ref": "#/components/schemas/CloudEvent"},
                    "payload": {"$ref": f"#/components/schemas/{topic.struct.__name__}"},
                }
                for topic in schema_topics().values()
            },
            "schemas": {"CloudEvent": _CLOUD_EVENT, **components},
        },
    }


_CLOUD_EVENT: JsonObject = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binary mode",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time"},
        "traceparent": {"type": "string", "description": "W3C Trace Context"},
    },
}


def files() -> dict[str, str]:
    """Return every published file's name and text."""
    schemas = {name: json_schema(topic) for name, topic in schema_topics().items()}
    schemas |= {
        name: _schema_of(struct, f"santral.{name}") for name, struct in WITHOUT_TOPIC.items()
    }
    texts = {
        f"{name}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }
    texts["asyncapi.yaml"] = yaml.safe_dump(
        asyncapi(), sort_keys=False, allow_unicode=True, width=100
    )
    return texts


def write(folder: Path = PUBLISHED) -> list[Path]:
    """Write the published files and return their paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, text in files().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


if __name__ == "__main__":
    sys.stdout.write("".join(f"{path}\n" for path in write()))
