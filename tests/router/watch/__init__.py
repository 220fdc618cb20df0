"""Tests of router/text/."""
