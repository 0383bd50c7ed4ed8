"""What is kept, and what goes."""

import threading

from vae.bounded_cache import BoundedCache


def test_what_was_asked_for_longest_ago_goes_first():
    kept = BoundedCache(10)
    for name in "abc":
        kept.put(name, name.upper(), 3)
    assert kept.get("a") == "A" and kept.held == 9
    kept.put("d", "D", 3)
    assert [kept.get(name) for name in "abcd"] == ["A", None, "C", "D"] and kept.held == 9


def test_one_of_the_same_name_takes_its_place_and_one_too_large_is_not_kept():
    kept = BoundedCache(10)
    kept.put("a", 1, 4)
    kept.put("a", 2, 6)
    assert kept.get("a") == 2 and kept.held == 6
    assert kept.get_or_make("b", lambda: "large", 11) == "large"
    assert kept.get("b") is None and kept.get("a") == 2 and kept.held == 6


def test_threads_that_ask_at_once_get_the_one_value_that_the_first_of_them_made():
    kept, made, waiting = BoundedCache(10), [], threading.Barrier(8)

    def make() -> object:
        made.append(object())
        return made[-1]

    def ask() -> None:
        waiting.wait()
        found.append(kept.get_or_make("a", make, 1))

    found: list[object] = []
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and found == made * 8


def test_what_failed_is_tried_again():
    kept = BoundedCache(10)
    for _ in range(2):
        try:
            kept.get_or_make("a", lambda: 1 / 0, 1)
        except ZeroDivisionError:
            continue
    assert kept.get_or_make("a", lambda: "fine", 1) == "fine"


def test_room_is_made_before_a_value_is_made_and_not_for_one_too_large():
    kept, held = BoundedCache(10), []
    for name in "abc":
        kept.get_or_make(name, lambda: held.append(kept.held) or True, 4)
    assert held == [0, 4, 4] and kept.held == 8
    kept.get_or_make("d", lambda: held.append(kept.held) or True, 11)
    assert held[-1] == 8
