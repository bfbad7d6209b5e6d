"""Measurements of the whole library: ``python -m benchmarks``, run in ``tests/``. None of it is in the wheel.

``speed`` and ``training`` measure the clock, each engine (``engines``) in processes of its own (``processes`` starts
them, ``worker`` is what runs in them, ``steps`` its training steps), and write tables (``report``). The other modules
are a command each.
"""
