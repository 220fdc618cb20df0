"""Tests of runtime/bus/."""
