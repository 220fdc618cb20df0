"""A message's way through real processes, from outside."""
