"""Vendors' webhooks, one file each; ingest/hook.py has the protocol."""
