"""One process or several under torchrun: rank, size, device, and sums over all of them."""

import os
import sys
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


class Group:
    """The processes of this run; one process needs no network at all. Use as a context."""

    def __enter__(self) -> "Group":
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
        if self.size > 1:
            dist.init_process_group("nccl" if cuda else "gloo")
        return self

    def __exit__(self, *failure: object) -> None:
        if self.size > 1:
            if failure[0] is None:
                dist.barrier()  # a process that leaves while another still sums takes the connection with it
            dist.destroy_process_group()

    def sum(self, values: Iterable[Tensor]) -> None:
        """Adds each tensor over all processes, in place."""
        if self.size > 1:
            for value in values:
                dist.all_reduce(value)

    def average(self, values: Iterable[Tensor]) -> None:
        """Averages each tensor over all processes, in place."""
        if self.size > 1:
            for value in values:
                dist.all_reduce(value)
                value /= self.size

    def agree(self, value: float) -> float:
        """The mean of a number over all processes: what they decide by a clock, they must decide alike, or one waits for ever."""
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        self.average([shared])
        return float(shared)


def leave(status: int) -> None:
    """Ends a process of several at once, after its output is written; with one process it does nothing.

    Left to the interpreter, gloo's threads now and then abort a process that has done its work (seen one time in five
    on a busy machine, torch 2.13), and torchrun calls the whole run a failure.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
