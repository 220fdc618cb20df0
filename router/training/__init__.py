"""Labelled lines -> a model file, and figures of how good it is.

It takes lines with labels, and lines without. It gives a model, and its evaluation on unseen
lines. It needs scikit-learn; no live process imports it.
Read train.py first.
"""
