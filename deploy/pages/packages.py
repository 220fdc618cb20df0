"""The map of the packages, from the first sentence of each package's docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

from deploy.pages.blocks import table

_TOPS = ("schemas", "ingest", "router", "workers", "runtime", "cli")


def write(root: Path, page: Path) -> str:
    """Return a table of all packages below `root`, with links for a page in the folder `page`."""
    rows = (_row(root, page, package) for top in _TOPS for package in _packages(root / top))
    return table(("package", "subject"), rows)


def _packages(folder: Path) -> Iterator[Path]:
    """Yield a package and those below it, each before its own."""
    if not (folder / "__init__.py").exists():
        return
    yield folder
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield from _packages(below)


def _row(root: Path, page: Path, package: Path) -> tuple[str, str]:
    name = package.relative_to(root).as_posix()
    depth = "../" * len(page.relative_to(root).parts)
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    return f"[{name}/]({depth}{name}/)", text.partition("\n\n")[0].replace("\n", " ")
