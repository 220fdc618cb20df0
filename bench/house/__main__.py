"""`python -m bench.house [CHECKOUT]`: print how readable a checkout is, as a table in Markdown.

CHECKOUT is a folder or a revision of git; without it, the command measures this folder.
docs/acceptance/house.md keeps the figures.
"""

import argparse
from collections.abc import Sequence

from bench.house.files import AREAS, checkout, python_files
from bench.house.measures import large_packages, page_row, rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and the packages with too many modules."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.house",
        description="Print how readable a checkout is, as a table in Markdown.",
    )
    text = "a folder or a revision of git; without it, the command measures this folder"
    parser.add_argument("checkout", nargs="?", default=".", metavar="CHECKOUT", help=text)
    with checkout(parser.parse_args(arguments).checkout) as root:
        files = python_files(root)
        print("| measure | " + " | ".join(AREAS) + " |")
        print("|---|---|---|---|")
        for row in rows(root, files):
            print("| " + " | ".join(row) + " |")
        packages = large_packages(file for file in files if file.area == "production")
        print("\nLarge packages:", ", ".join(f"{name} {count}" for name, count in packages.items()))
        print(page_row(root))


if __name__ == "__main__":
    main()
