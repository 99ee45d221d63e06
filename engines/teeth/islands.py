"""Labels of faces made tidy: no teeth along a border, no crumbs of one label inside another.

F faces, P pairs of faces that share an edge.
"""

import numpy as np

GUM = 0
CRUMB = 0.2  # a piece of a crown below this part of its largest piece is a crumb
GUM_CRUMB_MM2 = 1.5  # gum enclosed by crowns below this is one, unless it was painted


def tidy(labels: np.ndarray, pairs: np.ndarray, areas: np.ndarray, painted: np.ndarray | None = None) -> np.ndarray:
    """Labels [F] with the border straightened by half a face where two of three neighbours agree, and crumbs given to the label round them.
    pairs [P, 2], areas [F] mm^2; painted [F]: faces that stay as they are."""
    fixed = np.zeros(len(labels), bool) if painted is None else painted
    labels = straighten(labels, pairs, fixed)
    for _ in range(3):
        piece, of = pieces(labels, pairs)
        crumb = _crumbs(of, np.bincount(piece, areas, len(of)), np.bincount(piece, fixed, len(of)) > 0)
        if not crumb.any():
            break
        changed = _absorb(labels, pairs, piece, of, crumb)
        if (changed == labels).all():
            break
        labels = changed
    return labels


def straighten(labels: np.ndarray, pairs: np.ndarray, fixed: np.ndarray, rounds: int = 4) -> np.ndarray:
    """A face takes another label when at least two of its neighbours share it. Falling and rising numbers take turns, or two faces would swap for ever."""
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    for turn in range(2 * rounds):
        mixed = labels[one] != labels[other]
        face, seen = one[mixed], labels[other[mixed]]
        order = np.lexsort((seen, face))
        face, seen = face[order], seen[order]
        twice = np.flatnonzero((face[1:] == face[:-1]) & (seen[1:] == seen[:-1]))
        face, seen = face[twice], seen[twice]
        change = ~fixed[face] & ((seen < labels[face]) if turn % 2 == 0 else (seen > labels[face]))
        labels = labels.copy()
        labels[face[change]] = seen[change]
    return labels


def pieces(labels: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connected piece of every face [F] and the label of every piece."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    same = pairs[labels[pairs[:, 0]] == labels[pairs[:, 1]]]
    count, piece = connected_components(coo_matrix((np.ones(len(same)), same.T), (len(labels),) * 2), directed=False)
    of = np.zeros(count, labels.dtype)
    of[piece] = labels
    return piece, of


def _crumbs(of: np.ndarray, area: np.ndarray, painted: np.ndarray) -> np.ndarray:
    crumb = np.zeros(len(of), bool)
    for number in np.unique(of):
        mine = of == number
        crumb |= mine & (area < (GUM_CRUMB_MM2 if number == GUM else CRUMB * area[mine].max()))
    return crumb & ~painted


def _absorb(labels: np.ndarray, pairs: np.ndarray, piece: np.ndarray, of: np.ndarray, crumb: np.ndarray) -> np.ndarray:
    """Every crumb takes the label with which it shares most edges among pieces that stay; one that touches none becomes gum."""
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    border = crumb[piece[one]] & ~crumb[piece[other]] & (piece[one] != piece[other])
    keys, votes = np.unique(np.stack([piece[one[border]], labels[other[border]]], -1), axis=0, return_counts=True)
    new = np.where(crumb, GUM, of)
    best = np.lexsort((-keys[:, 1], votes))  # the last written wins: most votes
    new[keys[best, 0]] = keys[best, 1]
    return new[piece]
