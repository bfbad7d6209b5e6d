"""One module for each tab: ``build`` makes its components and joins them to their events."""
