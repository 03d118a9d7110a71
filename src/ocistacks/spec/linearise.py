"""C3 linearisation: one import order that respects every declared order (Python's own MRO rule)."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class OrderConflictError(ValueError):
    """No order respects all sequences; ``remaining`` is what of them could not be merged."""

    def __init__(self, remaining: Sequence[Sequence[str]]) -> None:
        super().__init__("no order respects all sequences")
        self.remaining = tuple(tuple(sequence) for sequence in remaining)


def merge(sequences: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the C3 merge of sequences of names: each one's order is kept, earlier ones win ties.

    For declared dependencies ``[A, B]`` the sequences are A and its own linearisation, B and its
    own, and ``[A, B]`` itself. Raises OrderConflictError where two sequences contradict each other
    or one of them names the same twice.
    """
    queues = [deque(sequence) for sequence in sequences if sequence]
    # How often each name stands behind the head of a sequence: counted once and kept up to date,
    # because chains may be long.
    waiting = Counter(name for queue in queues for name in list(queue)[1:])
    merged: list[str] = []
    while queues:
        head = next((queue[0] for queue in queues if not waiting[queue[0]]), None)
        if head is None:
            raise OrderConflictError(queues)
        merged.append(head)
        for queue in queues:
            if queue[0] == head:
                queue.popleft()
                if queue:
                    waiting[queue[0]] -= 1
        queues = [queue for queue in queues if queue]
    return tuple(merged)
