"""The types of the arrays that features, models and training exchange. Pure data."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]
"""Rows of a model, which its file keeps in 32 bits."""

Hashes = npt.NDArray[np.uint64]
"""Hashes, or characters that become hashes."""
