"""The pages and the API for operations, departments and analysts.

It gets HTTP requests of people and programs.
It returns pages that htmx keeps fresh, and JSON.
Read app.py first, then api.py and pages/renderer.py.
"""
