"""The commands of `santral`, and the only package that imports every stage.

A person or a supervisor gives a command line. The command starts a stage or prints lines, and ends
with an exit code, which is 0 (all is well), 1 (a finding) or 2 (it can't answer). Each module is a
group of commands, and a command imports what it runs when it runs. Read main.py first, then
stages.py.
"""
