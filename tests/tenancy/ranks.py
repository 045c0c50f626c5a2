"""Whether two samples of times come from the same place: the rank test of Mann and Whitney."""

import math
from collections.abc import Sequence
from itertools import groupby


def rank_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p: how likely ranks this uneven are when there is no difference.

    By the normal approximation with the correction for ties, which is good from twenty samples
    on (H. B. Mann and D. R. Whitney, 1947).

    Args:
        first: At least twenty times.
        second: As many or more or fewer, of the other kind.
    """
    n, m = len(first), len(second)
    marked = sorted([(value, True) for value in first] + [(value, False) for value in second])
    rank_sum, ties, position = 0.0, 0.0, 0
    for _, group in groupby(marked, key=lambda pair: pair[0]):
        of_first = [is_first for _, is_first in group]
        size = len(of_first)
        rank_sum += sum(of_first) * (position + (size + 1) / 2)
        ties += size**3 - size
        position += size
    u = rank_sum - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance == 0:
        return 1.0
    z = max(abs(u - n * m / 2) - 0.5, 0.0) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))
