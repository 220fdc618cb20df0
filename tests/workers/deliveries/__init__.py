"""Tests of workers/deliveries/."""
