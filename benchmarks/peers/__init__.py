"""What one would pick in place of the product's workers: other queues, running the plain body."""

from benchmarks.peers.contestant import LIBRARIES, Peer

__all__ = ["LIBRARIES", "Peer"]
