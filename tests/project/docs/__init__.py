"""Checks of the README, the guides and their examples, commands and links."""
