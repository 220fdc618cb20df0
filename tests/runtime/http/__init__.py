"""Tests of runtime/http/."""
