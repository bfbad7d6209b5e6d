"""Servers: voices for other programs, over HTTP (OpenAI's API) and over the Wyoming protocol (Home Assistant)."""
