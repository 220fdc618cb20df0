"""Tests of runtime/settings/."""
