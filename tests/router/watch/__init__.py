"""Tests of router/watch/."""
