"""Choose ports on the loopback interface."""

from __future__ import annotations

import socket
import zlib
from pathlib import Path

from trimtab.kafka.embedded.errors import BrokerError, PortTakenError

__all__ = ["HOST", "answers", "choose_ports", "is_free"]

HOST = "127.0.0.1"
# Below the ports that systems hand out for outgoing connections: one of those could sit on ours at a restart,
# and a client that knocks on a closed port of that range can even connect to itself.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a broker could listen on ``port`` now."""
    with socket.socket() as probe:
        # As Java does: connections of the last broker that are still closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port: int, timeout_s: float = 1.0) -> bool:
    """Whether something accepts connections on ``port``."""
    try:
        socket.create_connection((HOST, port), timeout_s).close()
    except OSError:
        return False
    return True


def choose_ports(data_dir: Path, asked: int | None, remembered: tuple[int, int] | None) -> tuple[int, int]:
    """Ports for clients and for the controller: the asked one, else the remembered ones while free, else free ones.

    Raises
    ------
    PortTakenError
        If the asked port is in use.
    """
    if asked is not None and not is_free(asked):
        raise PortTakenError(
            f"port {asked} on {HOST} is taken by another program; stop that one, or give another port or none"
        )
    port, controller = remembered or (None, None)
    port = asked or _free(data_dir, port, avoid=controller)
    return port, _free(data_dir, controller, avoid=port)


def _free(data_dir: Path, preferred: int | None, avoid: int | None) -> int:
    if preferred is not None and preferred != avoid and is_free(preferred):
        return preferred
    # Starting at a place of the folder's own keeps brokers that start together apart.
    size = _LAST - _FIRST
    start = zlib.crc32(str(data_dir).encode()) % size
    for step in range(size):
        port = _FIRST + (start + step) % size
        if port != avoid and is_free(port):
            return port
    raise BrokerError(f"no port is free on {HOST} from {_FIRST} to {_LAST}; stop some programs that listen there")
