"""One file a channel: its samples, its calls, and what is its own."""
