"""Tests of router/backtest/."""
