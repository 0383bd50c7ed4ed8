"""What becomes of what visitors leave behind."""

import gc
import threading
import weakref

from ui.cache import memory


class Left:
    """Something of a session that refers to itself, so that only the garbage collector can free it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_session_left_is_freed_though_it_was_there_when_a_page_settled():
    left = Left()
    seen = weakref.ref(left)
    memory.settle()
    del left
    gc.collect()  # as Streamlit does after every click
    memory.settle()
    assert seen() is None


def test_memory_settles_once_when_visitors_have_left(monkeypatch):
    """Two leave at the same moment; the third leaves after the first two were seen to."""
    settled, began = threading.Semaphore(0), []
    monkeypatch.setattr(memory, "SECONDS_AFTER_LEAVING", 0.2)
    monkeypatch.setattr(memory, "settle", settled.release)
    timer = threading.Timer
    monkeypatch.setattr(threading, "Timer", lambda *asked: began.append(asked) or timer(*asked))
    memory._settle_soon("here")
    memory._settle_soon("here")
    assert settled.acquire(timeout=60) and len(began) == 1
    memory._settle_soon("here")
    assert settled.acquire(timeout=60) and len(began) == 2
