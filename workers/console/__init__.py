"""The pages and the API for operations, departments and analysts.

It takes HTTP requests of people and programs. It gives pages that htmx keeps live, and JSON.
Read app.py first, then api.py and pages.py.
"""
