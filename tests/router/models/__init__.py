"""Tests of router/models/."""
