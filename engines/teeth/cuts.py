"""Labels of nodes by graph cuts: alpha expansion of the Potts energy [Boykov, Veksler, Zabih 2001], each move an exact minimum cut.

Energy = sum over nodes of cost[node, label] + sum over edges of weight where the two labels differ. scipy's maximum flow counts in integers: costs are
rounded to 1 / STEPS.
"""

import numpy as np

STEPS = 1000


def expand(label: np.ndarray, alpha: int, nodes: np.ndarray, cost: np.ndarray, edges: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Labels [N] of least energy among those where any of `nodes` may change to alpha and nothing else changes.

    cost [N, L], edges [E, 2], weights [E] >= 0. Where several cuts cost the same, the one in which most nodes change is taken.
    """
    index = np.full(len(label), -1)
    index[nodes] = np.arange(len(nodes))
    now = label[nodes]
    take, keep = cost[nodes, alpha].copy(), cost[nodes, now]
    ends = index[edges]
    inside, half = (ends >= 0).all(1), (ends >= 0).sum(1) == 1
    # an edge to a node that stays as it is
    within = np.where(ends[half, 0] >= 0, 0, 1)
    rows = np.flatnonzero(half)
    k, outer = ends[rows, within], label[edges[rows, 1 - within]]
    np.add.at(take, k, weights[half] * (outer != alpha))
    np.add.at(keep, k, weights[half] * (outer != now[k]))
    # both ends free: both keep a, only the second takes b, only the first takes c, both take 0; a + 0 <= b + c [Kolmogorov and Zabih 2004]
    i, j, w = ends[inside, 0], ends[inside, 1], weights[inside]
    a, b, c = w * (now[i] != now[j]), w * (now[i] != alpha), w * (now[j] != alpha)
    np.add.at(take, i, c - a)
    np.add.at(take, j, -c)
    base = np.minimum(take, keep)
    stay = _minimum_cut(len(nodes), i, j, b + c - a, take - base, keep - base)
    new = label.copy()
    new[nodes[~stay]] = alpha
    return new


def _minimum_cut(count: int, i: np.ndarray, j: np.ndarray, between: np.ndarray, take: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """[count] True for the nodes on the source's side. Cutting i -> j costs `between`, a node on the sink's side `take`, on the source's side `keep`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow
    source, sink, every = count, count + 1, np.arange(count)
    rows = np.concatenate([i, np.full(count, source), every])
    columns = np.concatenate([j, every, np.full(count, sink)])
    capacity = np.round(STEPS * np.concatenate([between, take, keep])).astype(np.int32)
    some = capacity > 0
    graph = coo_matrix((capacity[some], (rows[some], columns[some])), (count + 2, count + 2)).tocsr()
    residual = graph - maximum_flow(graph, source, sink, method="dinic").flow
    residual.data[residual.data < 0] = 0
    residual.eliminate_zeros()
    reached = np.zeros(count + 2, bool)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    return reached[:count]
