"""Returns memory to the system after a flood, instead of keeping it in the process.

The C library (glibc) raises its threshold for separate allocations with every large block that a
process frees, up to 32 MB. The blocks of a flood would then stay in a heap full of holes. A stage
therefore fixes the threshold at its start. Source: mallopt(3).
"""

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 * 1024  # larger than one read of a connection


def return_large_memory() -> None:
    """Have large pieces given back when they are freed; another C library is left as it is."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
