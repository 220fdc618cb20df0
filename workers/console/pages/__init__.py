"""The pages of the console: one file for each.

A page gets the request of a signed-in person. It reads the store, the desk or Kafka, and returns a
template that the renderer fills with personal numbers masked.
Each page works without JavaScript; htmx only refreshes it. Read renderer.py first, then flow.py.
"""
