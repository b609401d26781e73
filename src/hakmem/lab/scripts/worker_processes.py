"""multiprocessing: two forked workers count words in texts that they are sent, and send dicts back.

An operation is one text. The workers are children of the process that is started, and belong to the run.
"""

import multiprocessing
import random

from lab_protocol import Run, operations, size_of

_WORKERS = 2
_WORDS = 400
_STEMS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "iris", "jade")


def text(number: int) -> str:
    """The text of that number."""
    choice = random.Random(number)
    return " ".join(f"{stem}{choice.randrange(60)}" for stem in choice.choices(_STEMS, k=_WORDS))


def count_words(sent: str) -> dict[str, list[int]]:
    """Where each word stands."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(sent.split()):
        places.setdefault(word.capitalize(), []).append(place)
    return places


def main() -> None:
    """Has as many texts counted as the command line says."""
    count = operations()
    run = Run()
    total: dict[str, int] = {}
    context = multiprocessing.get_context("fork")
    with run.timed(), context.Pool(_WORKERS) as pool:
        for places in pool.imap(count_words, map(text, range(count)), chunksize=8):
            for word, found in places.items():
                total[word] = total.get(word, 0) + sum(found)
        pool.close()
        pool.join()
    run.point(size_of(total))
    run.check(sorted(total.items()))
    run.result(count)


if __name__ == "__main__":
    main()
