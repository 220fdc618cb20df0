"""The outside world -> messages.v1."""
