"""Cloning: a base voice is fine-tuned to a speaker."""
