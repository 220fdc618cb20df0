"""`python -m deploy.pages [--check]`: fill in the generated tables of docs/.

Run it in the project's folder. `--check` only compares; its exit code is 1 when a page is old.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.pages import channels, packages, settings
from deploy.pages.blocks import fill
from ingest.registry import CHANNELS

ROOT = Path(__file__).parents[2]
DOCS = Path("docs")
INDEX = DOCS / "channels/index.md"
ACCOUNTS = Path(__file__).parent / "example_accounts.toml"


def pages() -> dict[Path, str]:
    """Return the text that each page with a generated part should have, by its path below ROOT."""
    filled: dict[Path, Callable[[str], str]] = {
        DOCS / "channels" / f"{name}.md": partial(channels.write, name) for name in CHANNELS
    }
    filled[INDEX] = lambda _block: channels.index()
    filled[DOCS / "operations.md"] = settings.table_of
    filled[DOCS / "settings.md"] = lambda _block: settings.reference()
    filled[DOCS / "architecture.md"] = lambda _block: packages.write(ROOT, ROOT / DOCS)
    texts = {path: fill(_text(path), write) for path, write in filled.items()}
    texts[Path("santral.example.toml")] = settings.example(ACCOUNTS)
    return texts


def out_of_date() -> list[str]:
    """Return the paths of the pages whose generated part is old."""
    return [str(path) for path, text in pages().items() if _text(path) != text]


def main() -> int:
    """Write the pages, or name those that are old."""
    parser = argparse.ArgumentParser(prog="python -m deploy.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    old = out_of_date()
    if not parser.parse_args().check:
        for path, text in pages().items():
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    if old:
        sys.stderr.write(f"out of date: {', '.join(old)}. Run `python -m deploy.pages`.\n")
    return bool(old)


def _text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
