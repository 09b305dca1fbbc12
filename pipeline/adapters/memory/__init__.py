"""The ports kept in memory: the same promises, no world, and nothing left to chance.

Beside its port each has the few methods with which a test plays the other side: the sender of
deliveries, the clients at their sockets, the service that refuses.
"""

from __future__ import annotations

from pipeline.adapters.memory.bus import MemoryDeltaBus
from pipeline.adapters.memory.clock import MemoryClock
from pipeline.adapters.memory.queues import MemoryQueues
from pipeline.adapters.memory.sockets import MemorySockets
from pipeline.adapters.memory.table import MemoryConnectionTable

__all__ = ["MemoryClock", "MemoryConnectionTable", "MemoryDeltaBus", "MemoryQueues", "MemorySockets"]
