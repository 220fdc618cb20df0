"""Valkey servers, and the bad states that a real Redis can have."""
