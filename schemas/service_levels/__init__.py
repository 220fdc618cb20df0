"""Service levels: the hours in which people work, and the times promised to customers.

It takes calendars with explicit dates, instants and durations. It gives due times.
Nothing here reads a clock, a setting or a list of holidays.
Read calendar.py first.
"""
