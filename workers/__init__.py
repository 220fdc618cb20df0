"""queue.<department>.v1 -> outcomes.v1: the desk, the replies, the records and the pages.

It takes items of departments, and what people do with them. It gives outcomes, answers to
customers, and the store.
Read desk/desk.py first, then deliveries/sender.py.
"""
