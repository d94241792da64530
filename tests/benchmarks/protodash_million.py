"""ProtoDash on a million samples, explained by themselves: ``python -m tests.benchmarks.protodash_million``.

With the Gaussian kernel this is half a trillion pairs: 988 CPU seconds and a peak of 0.90 GB (0.24 of it the samples)
were measured on two shared cores. ``--kernel linear`` takes seconds, ``--n`` makes it smaller, ``--explained`` explains
fewer samples, chosen from all.
"""

import argparse
import resource
import time

import numpy as np

from xrai_widgets.core import Step
from xrai_widgets.engines.explanations import protodash


class Printing(Step):
    """Prints how far it is."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: float, note: str = "", partial: object = None) -> None:
        """Print a line for every tenth."""
        if done >= self._next:
            print(f"  {done:4.0%}  {note}", flush=True)
            self._next = done + 0.1


def main() -> None:
    """Run it and print seconds, memory and the objective."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--explained", type=int, help="held-out samples to explain; by default the training samples")
    parser.add_argument("--d", type=int, default=30)
    parser.add_argument("--m", type=int, default=20)
    parser.add_argument("--kernel", choices=["gaussian", "linear"], default="gaussian")
    parser.add_argument("--memory", type=float, default=1.0, help="GB")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1.5, (12, given.d))
    samples = (centres[rng.integers(0, 12, given.n)] + rng.normal(size=(given.n, given.d))).clip(-9) + 9
    X = samples if given.explained is None else samples[: given.explained] + 0.01
    wall, cpu = time.perf_counter(), time.process_time()
    finding = protodash(
        X, samples, n_prototypes=given.m, kernel=given.kernel, memory_limit=given.memory, step=Printing()
    )
    print(f"{given.kernel}: {len(X):,} explained, chosen from {given.n:,} × {given.d}, {given.m} prototypes")
    print(f"wall {time.perf_counter() - wall:.1f} s, CPU {time.process_time() - cpu:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"peak of the process {peak:.2f} GB, {samples.nbytes / 1e9:.2f} GB of it the samples themselves")
    print(f"explained {finding.values['explained']:.4f}, prototypes {finding.arrays['indices'].tolist()}")


if __name__ == "__main__":
    main()
