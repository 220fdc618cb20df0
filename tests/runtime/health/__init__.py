"""Tests of runtime/health/."""
