"""What the solvers of samplers.py are called and how often they ask the network. No torch: the window reads this too."""

NAMES = ("ddim", "euler", "heun", "dpm-1", "dpm-2", "dpmpp-2m", "deis")
FLOW_NAMES = ("euler", "heun")  # what flow models have
ASKS_TWICE = ("heun", "dpm-2")  # in every step but the last


def evaluations(name: str, steps: int) -> int:
    """Network evaluations of one branch, as many as samplers.calls lists."""
    return 2 * steps - 1 if name in ASKS_TWICE else steps
