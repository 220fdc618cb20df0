"""Tests of `santral up`."""
