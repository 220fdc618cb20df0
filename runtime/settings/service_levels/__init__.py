"""The settings of service levels: `[calendars.NAME]` and `[sla.NAME]`.

It takes the tables of the settings file, and a date. It gives calendars with explicit dates and the
service levels that use them, or every mistake in them.
holiday_dates.py alone knows the library of public holidays.
Read tables.py first, then build.py.
"""
