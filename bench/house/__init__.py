"""Measures what makes a checkout hard to read.

In comes a folder or a revision of git, out comes a table in Markdown for docs/acceptance/house.md.
`files.py` reads and formats the files, `measures.py` counts, and `repeats.py` finds lines that are
written twice. Read `measures.py` first.
"""
