"""Checks that names and sentences use the words of the field.

In come Python and Markdown files, out come findings with path, line and text.
`names.py` checks the names that the code defines, `prose.py` checks sentences, `python_text.py`
and `markdown.py` find the sentences of a file, `tree.py` lists the files. Read `tree.py` first.
"""
