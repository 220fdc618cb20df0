"""queue.<department>.v1 -> outcomes.v1: the desk, what is sent, what is recorded and shown."""
