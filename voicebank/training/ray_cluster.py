"""Joining a Ray cluster, which speaks in bulk and trains. Who speaks needs no PyTorch for it."""

from __future__ import annotations

import socket
from typing import Any

from voicebank.errors import BadData, needs_extra

CONNECTING_SECONDS = 10.0


def connect(address: str) -> None:
    """Join a Ray cluster, unless this process has joined one already.

    Args:
        address: of the cluster, such as ``10.0.0.1:6379``; ``auto`` for the one of this machine, ``local`` for a new
            one here that ends with this process.

    Raises:
        PluginError: Ray is not installed.
        BadData: there is no such cluster.
    """
    with needs_extra("ray"):
        import ray
    if ray.is_initialized():
        return
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:  # Ray itself tries for minutes
        try:
            socket.create_connection((host, int(port)), CONNECTING_SECONDS).close()
        except OSError as error:
            raise BadData(f"no Ray cluster at {address}: {error.strerror or error}") from error
    # What is sent are texts: a cluster of its own needs no third of the memory for them.
    own: dict[str, Any] = {"object_store_memory": 512 << 20, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **own)
    except (ConnectionError, ValueError, TimeoutError, RuntimeError) as error:
        raise BadData(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
