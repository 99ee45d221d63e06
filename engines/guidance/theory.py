"""What constant coefficients do to toy-1d, in closed form [ReCFG, Theorems 2 and 4, redone for a finite VP schedule].

q(x | c) = N(c, 1), q(x) = N(0, 2). With xb = x / alpha and u = (sigma / alpha)^2 the flow is linear,
    d xb / du = 1/2 [ gamma_1 (xb - c) / (1 + u) + gamma_0 xb / (2 + u) ],   h(u) = (1 + u)^(gamma_1/2) (2 + u)^(gamma_0/2)
and starts at U = sigma_T^2 / alpha_T^2 from x_T ~ N(0, 1), that is xb of variance 1 + U.
"""

import math

import numpy as np

from engines.diffusion.schedules import Schedule

NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)


def finite_t(c: float, gamma_1: float, gamma_0: float, schedule: Schedule) -> tuple[float, float]:
    """Mean and variance of the samples, from x_T ~ N(0, 1) with infinitely many steps.

    Var = h(0)^2 (1 + U) / h(U)^2;   mean = c h(0) int_0^U gamma_1 / (2 (1 + u) h(u)) du.
    """
    top = math.log1p(schedule.rho(schedule.last) ** 2)  # log(1 + U); the integral is smooth in z = log(1 + u)

    def log_h(z: np.ndarray | float) -> np.ndarray:
        return 0.5 * gamma_1 * np.asarray(z) + 0.5 * gamma_0 * np.log1p(np.exp(z))

    z = 0.5 * top * (NODES + 1)
    integral = 0.5 * top * np.sum(WEIGHTS * 0.5 * gamma_1 * np.exp(log_h(0.0) - log_h(z)))
    return float(c * integral), float(np.exp(2 * (log_h(0.0) - log_h(top)) + top))


def phi(gamma: float) -> float:
    """(gamma/2) 2^((1-gamma)/2) int_1^2 v^((gamma-1)/2) (v-1)^(-1/2) dv: the mean of CFG over c as T goes to infinity.

    phi(1) = 1, phi(3) = 2 [Theorem 2]. The substitution v = 1 + y^2 removes the endpoint's singularity.
    """
    y = 0.5 * (NODES + 1)
    return float(gamma / 2 * 2 ** ((1 - gamma) / 2) * np.sum(WEIGHTS * (1 + y * y) ** ((gamma - 1) / 2)))


def limit(c: float, gamma: float) -> tuple[float, float]:
    """Mean and variance of CFG as T goes to infinity: c phi(gamma), 2^(1 - gamma)."""
    return c * phi(gamma), 2.0 ** (1 - gamma)
