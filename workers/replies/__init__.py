"""The replies that we write to customers; the package sender sends them.

It takes messages, incidents and bounces. It gives acknowledgements and holding texts to replies.v1,
and an outcome for each bounced reply. The desk takes its answers and their checks from here.
Read compose.py first, then acknowledge.py.
"""
