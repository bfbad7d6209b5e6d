"""Voices on the Hugging Face Hub."""
