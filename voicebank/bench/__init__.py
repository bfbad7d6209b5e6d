"""Measuring speed, side by side with other systems. Every measurement runs in a process of its own.

``texts`` is what is spoken, ``engines`` who speaks, ``worker`` the process that measures one of them, ``run`` starts
the processes and takes the medians, ``report`` writes them down; ``training`` measures training steps instead.
"""

from voicebank.bench.run import bench, bench_training

__all__ = ["bench", "bench_training"]
