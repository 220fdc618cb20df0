"""Tests of runtime/archive/."""
