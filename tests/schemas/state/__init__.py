"""Tests of schemas/state/."""
