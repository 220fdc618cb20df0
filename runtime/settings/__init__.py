"""The settings: one TOML file, with secrets and overrides from the environment.

It takes a file and `SANTRAL_*`. It gives one frozen Struct, or every mistake in it at once.
Read structs.py first, then load.py.
"""
