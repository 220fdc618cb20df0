"""The promises of every plug-in: one suite for each kind."""
