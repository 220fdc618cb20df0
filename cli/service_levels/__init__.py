"""The commands `santral sla …` about service levels, and what `santral check` says of them.

They take the settings of calendars and service levels, and times. They print due times, without a
broker. Read command.py first.
"""
