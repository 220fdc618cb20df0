"""The commands of `santral`, and the composition root: the only package that imports every stage.

In: a person's or a supervisor's command line. Out: a stage that runs, lines on standard output, an
exit code (0 all is well, 1 a finding, 2 it can't answer). Each module is one group of commands, and
a command imports what it runs when it runs. Read main.py first, then stages.py.
"""
