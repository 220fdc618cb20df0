"""Tests of schemas/text/."""
