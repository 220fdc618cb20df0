"""Memory that goes back to the system after a flood, instead of staying with the process.

Before: a stage starts. After: what is large is allocated by itself. The C library (glibc) raises
its threshold for that with every large piece that is freed, up to 32 MB; then what callers held
stays in a heap full of holes. Source: mallopt(3).
"""

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 * 1024  # what one read of a connection brings is not large


def return_large_memory() -> None:
    """Have large pieces given back when they are freed; another C library is left as it is."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
