"""One least-squares step of a row of teeth that hold on to something and push each other: the step of the arch fit and of the network's refining.

    minimise  sum_i (s_i - p_i)^T W_i (s_i - p_i)  +  sum_pairs k (n^T (s_second - s_first) - wish)^2        over the steps s_i [3]
"""

from collections.abc import Iterable

import numpy as np

from engines.teeth.contacts import Contact


def step(shifts: dict[int, np.ndarray], weights: dict[int, np.ndarray], pulls: dict[int, np.ndarray], wishes: Iterable[tuple[Contact, float, float]],
         most_mm: float) -> None:
    """Moves the shifts [3] of the free teeth, in place. weights [3, 3] and pulls [3] (where each would step by itself, mm) by tooth; wishes: a contact, the
    mm by which its gap shall grow, the stiffness; most_mm: how far one tooth goes at most, for gaps and normals hold for small ways only. Teeth without a
    shift stand still."""
    place = {number: 3 * k for k, number in enumerate(shifts)}
    system, right = np.zeros((3 * len(place), 3 * len(place))), np.zeros(3 * len(place))
    for number, k in place.items():
        system[k:k + 3, k:k + 3] += weights[number]
        right[k:k + 3] += weights[number] @ pulls[number]
    for entry, wish, stiffness in wishes:
        slope = np.zeros(len(right))
        for number, sign in ((entry.first, -1), (entry.second, 1)):
            if number in place:
                slope[place[number]:place[number] + 3] += sign * entry.normal
        system += stiffness * np.outer(slope, slope)
        right += stiffness * wish * slope
    found = np.linalg.solve(system, right)
    for number, k in place.items():
        size = float(np.linalg.norm(found[k:k + 3]))
        shifts[number] = shifts[number] + found[k:k + 3] * min(1.0, most_mm / max(size, 1e-12))
