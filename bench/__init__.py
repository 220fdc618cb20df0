"""Measurements side by side in one run, on real Kafka: `make bench`, or `python -m bench NAME`.

Packages measure the doors, the stages, the faults of a cluster, the incidents, the words and the
readability. comparison/ runs programs by turns, and peers/ has the same task in other frameworks.
quality.py, replies.py and same_as.py are commands of their own, and support.py has the messages that
they share. Read __main__.py first.
"""
