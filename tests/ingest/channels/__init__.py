"""One file for each channel: its samples, its calls, and its own behaviour."""
