"""The tables of our pages that repeat what the code says.

It takes the pages of docs/, and the descriptions in Structs, registries and docstrings. It gives
the same pages with their tables filled in, or the names of those that are out of date.
Read __main__.py first.
"""
