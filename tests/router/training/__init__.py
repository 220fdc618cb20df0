"""Tests of router/training/."""
