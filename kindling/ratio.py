"""A ratio for photos that have no well-lit partner: --ratio auto.

The original takes the ratio either as 5 or from the well-lit photo, as mean(L_high / (L_low + 0.0001)). Here the
illumination of the absent partner is replaced by the level that well-lit photos have.
"""

import numpy as np

from kindling.tiling import decompose, inside

LEVEL = 0.5


def auto_ratio(read, grid, backend) -> float:
    total = count = 0
    for row, (held, _, L) in zip(grid.rows, decompose(read, grid, backend), strict=True):
        part = L[inside(row, held)].astype(np.float64)
        total += (LEVEL / (part + 1e-4)).sum()
        count += part.size
    return total / count
