"""Starting waiting jobs at once: DBOS's own queue workers, woken when there is something to start."""

import threading

from dbos import DBOS
from dbos import Queue as DbosQueue

from bot.engine.inside import queue_worker_thread


class Bell(threading.Event):
    """A stop signal whose ``wait`` also returns when somebody rings; ``set`` stops, as ever."""

    def __init__(self) -> None:
        super().__init__()
        self._rung = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self._rung.wait(timeout)
        self._rung.clear()
        return self.is_set()

    def set(self) -> None:
        super().set()
        self._rung.set()

    def ring(self) -> None:
        self._rung.set()


class Porter:
    """Starts one queue's jobs: looks every ``poll`` seconds of the queue, and at once when rung.

    DBOS's own threads only poll, so that a queue for one job at a time would start ten a second at best.
    """

    def __init__(self, dbos: DBOS, queue: DbosQueue) -> None:
        self._bell = Bell()
        self._thread = threading.Thread(
            target=queue_worker_thread, args=(self._bell, dbos, queue), name=f"queue-{queue.name}", daemon=True
        )
        self._thread.start()

    def ring(self) -> None:
        self._bell.ring()

    def leave(self) -> None:
        """Start no more jobs. Returns at once."""
        self._bell.set()

    def join(self) -> None:
        self._thread.join(timeout=10)
