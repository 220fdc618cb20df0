"""`python -m bench.same_as CHECKOUT`: does this checkout do the same as another one?

It decides 1,000 messages and trains a model with the commands of both checkouts, and reads the store,
the records of every topic and the archive that the other one writes. It needs no server. Only the
sentences of the reasons may differ. The exit code is 1 when something else does.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.checkouts import HERE, checkout_environment, santral_command

SEED = 20261127
MESSAGES = 1000

_WORDING = {"text_tr", "text_en"}
_MADE_AT = re.compile(rb'"made_at":"[^"]*"')
_WRITER = "bench/checkout_files.py"


def main() -> None:
    """Print a line for each comparison."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "pyproject.toml").is_file():
        raise SystemExit("give the folder of another checkout: python -m bench.same_as CHECKOUT")
    other = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "messages.jsonl").write_text(_json_lines(_messages()), encoding="utf-8")
        (folder / "labelled.jsonl").write_text(_json_lines(_labelled()), encoding="utf-8")
        for side in ("this", "other"):
            (folder / side).mkdir()
        differences = [
            comparison(other, folder) for comparison in (_decisions, _models, _written_files)
        ]
    sys.exit(any(differences))


def _decisions(other: Path, folder: Path) -> bool:
    """Compare the decisions on the same messages, and say whether one differs."""
    this, that = (_decided(checkout, folder) for checkout in (HERE, other))
    pairs = list(zip(this, that, strict=True))
    different = [number for number, (mine, theirs) in enumerate(pairs, 1) if mine != theirs]
    print(f"decisions: {len(pairs) - len(different)} of {len(pairs)} are equal")
    for number in different[:3]:
        mine, theirs = pairs[number - 1]
        keys = [key for key in mine | theirs if mine.get(key) != theirs.get(key)]
        print(f"  message {number}: {keys}")
    return bool(different) or not pairs


def _decided(checkout: Path, folder: Path) -> list[dict[str, Any]]:
    output = _santral(checkout, folder, "decide", str(folder / "messages.jsonl"))
    return [_without_wording(json.loads(line)) for line in output.splitlines()]


def _models(other: Path, folder: Path) -> bool:
    """Compare two models byte for byte but for the time at which they were made."""
    sizes = []
    contents = []
    for side, checkout in (("this", HERE), ("other", other)):
        path = folder / side / "model"
        data = str(folder / "labelled.jsonl")
        _santral(checkout, folder, "train", data, "--task", "department", "--out", str(path))
        content, times = _MADE_AT.subn(b"", path.read_bytes())
        if times != 1:
            raise SystemExit(f"{path} has {times} times at which it was made")
        contents.append(content)
        sizes.append(len(content))
    equal = contents[0] == contents[1]
    print(f"models: {'equal' if equal else 'different'}, {sizes[0]:,} and {sizes[1]:,} bytes")
    return not equal


def _written_files(other: Path, folder: Path) -> bool:
    """Let the other checkout write a store, records and an archive, and this one read them."""
    target = folder / "other" / "files"
    target.mkdir()
    script = other / _WRITER if (other / _WRITER).is_file() else HERE / _WRITER
    # -P, because a script's folder has packages of our names, such as bench/incidents.
    write = [sys.executable, "-P", str(script), "write", str(target)]
    subprocess.run(write, cwd=folder, env=checkout_environment(other, folder / "var"), check=True)
    reading = subprocess.run(
        [sys.executable, "-P", str(HERE / _WRITER), "read", str(target)],
        cwd=folder,
        env=checkout_environment(HERE, folder / "var"),
        capture_output=True,
        text=True,
    )
    print("files of the other checkout:", (reading.stdout or reading.stderr).strip())
    return reading.returncode != 0


def _santral(checkout: Path, folder: Path, *arguments: str) -> str:
    """Return what a command of a checkout prints."""
    result = subprocess.run(
        santral_command(checkout, *arguments),
        cwd=folder,
        env=checkout_environment(checkout, folder / "var"),
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise SystemExit(f"{checkout}: santral {arguments[0]}: {result.stderr.strip()}")
    return result.stdout


def _without_wording(value: Any) -> Any:
    match value:
        case dict():
            return {k: _without_wording(v) for k, v in value.items() if k not in _WORDING}
        case list():
            return [_without_wording(inner) for inner in value]
        case _:
            return value


def _samples() -> list[tuple[str, str]]:
    """Return department and text of each sample of the rules of this checkout."""
    samples = []
    for path in sorted((HERE / "router/packs/default").glob("*.toml")):
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", []):
            texts = [*rule.get("match", ()), *rule.get("no_match", ())]
            samples += [(path.stem, text) for text in texts]
    return samples


def _messages() -> Iterator[dict[str, str]]:
    """Yield invented messages of some hundred conversations, each of one to three samples."""
    random = Random(SEED)
    samples = _samples()
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    for number in range(MESSAGES):
        texts = [random.choice(samples)[1] for _ in range(random.randint(1, 3))]
        change: Callable[[str], str] = random.choice((str, str, str.upper, str.lower))
        yield {
            "id": f"sample-{number}",
            "text": change(" ".join(texts)),
            "subject": random.choice(("", "", random.choice(samples)[1])),
            "channel": random.choice(("api", "email", "whatsapp", "form")),
            "sender": f"customer{random.randrange(300)}@ornek.example",
            "sent_at": (start + timedelta(minutes=7 * number)).isoformat(),
            "conversation": f"conversation-{random.randrange(400)}",
        }


def _labelled() -> Iterator[dict[str, str]]:
    for department, text in _samples():
        yield {"text": text, "label": department}


def _json_lines(values: Iterator[dict[str, str]]) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


if __name__ == "__main__":
    main()
