"""Tests of router/decision/."""
