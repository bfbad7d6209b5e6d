"""Speaking: voice folders, and text to sound."""
