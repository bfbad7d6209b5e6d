"""Bulk speech: many texts to many sound files, over all cores of a machine or over a Ray cluster."""
