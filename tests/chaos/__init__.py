"""Real processes that are killed, frozen and cut off, and the verdict on what they kept."""
