"""A text -> its language, and the labels that a trained model gives it. Pure.

It takes a text and a model file. It gives labels with their probabilities and the words that speak
for the best label.
Read model.py first; language.py has a model of its own in language.model.
"""
