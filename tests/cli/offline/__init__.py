"""Tests of cli/offline/."""
