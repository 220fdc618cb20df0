"""Tests of router/incidents/."""
