"""`python -m bench.house [REVISION or FOLDER]`: print how readable a checkout is, as a table.

Without an argument it measures this folder. docs/acceptance/house.md keeps the figures.
"""

import sys

from bench.house.files import AREAS, checkout, python_files
from bench.house.measures import large_packages, page_row, rows


def main() -> None:
    """Print the table, and the packages with too many modules."""
    with checkout(sys.argv[1] if len(sys.argv) > 1 else ".") as root:
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
