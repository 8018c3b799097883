"""Independent pieces of work, done on all cores; what comes out does not depend on how many there are."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

FEW = 24  # a piece takes some .3 s and a worker a second or two to start, so fewer are done sooner without any


def spread(task: Callable[[T], R], items: Iterable[T], *, workers: int | None = None, few: int = FEW) -> Iterator[R]:
    """Yield what `task` makes of each item, in their order.

    Parameters
    ----------
    task : callable
        Of one item; a function of a module, or a `functools.partial` of one, so that a process can be told of it.
    items : iterable
        Taken as they are needed, so that making them overlaps with the work on them.
    workers : int, optional
        Processes, at least 1; by default none besides this one for few items, else one a core.
    few : int
        Fewer items than this are few.
    """
    rest = iter(items)
    first = list(itertools.islice(rest, few))
    n = workers or (1 if len(first) < few else cores())
    every = itertools.chain(first, rest)
    if n == 1:
        yield from map(task, every)
        return
    # loky: no `if __name__ == "__main__"` is asked of a user's script, and no engine's threads are forked.
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=n, return_as="generator")(delayed(task)(item) for item in every)


def cores() -> int:
    """Return the cores that this process may use."""
    import joblib

    return int(joblib.cpu_count())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread here as in the workers: sums in another order differ in their last digit."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
