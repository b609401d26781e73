"""JSON: documents of some 8 KiB are parsed, changed and written again; the last 100 stay in memory.

An operation is one document parsed and written.
"""

import json
import random
from collections import deque

from lab_protocol import Run, operations, size_of

_KEPT = 100
_TEXTS = 40


def document(choice: random.Random) -> str:
    """The text of one order with its customer, its lines and their remarks."""
    words = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "iris", "jade")
    return json.dumps(
        {
            "order": choice.randrange(10**9),
            "customer": {
                "name": " ".join(choice.choices(words, k=3)),
                "address": {"street": choice.choice(words), "number": choice.randrange(300), "zip": None},
                "tags": choice.sample(words, 4),
            },
            "lines": [
                {
                    "product": f"{choice.choice(words)}-{choice.randrange(10_000)}",
                    "count": choice.randrange(1, 1000),
                    "price": choice.randrange(1, 100_000) / 100,
                    "remark": " ".join(choice.choices(words, k=choice.randrange(12))),
                    "options": {word: choice.random() < 0.5 for word in choice.sample(words, 3)},
                }
                for _ in range(50)
            ],
        }
    )


def main() -> None:
    """Parses and writes as many documents as the command line says."""
    count = operations()
    run = Run()
    choice = random.Random(3)
    texts = [document(choice) for _ in range(_TEXTS)]
    kept: deque[object] = deque(maxlen=_KEPT)
    length = 0
    text = ""
    with run.timed():
        for number in range(count):
            order = json.loads(texts[number % _TEXTS])
            order["order"] += number
            order["lines"] = [line for line in order["lines"] if (line["count"] + number) % 5]
            order["total"] = sum(int(line["count"] * line["price"] * 100) for line in order["lines"])
            text = json.dumps(order, indent=1 if number % 8 == 0 else None)
            length += len(text)
            kept.append(order)
    run.point(size_of(*kept, *texts))
    run.check(length, text)
    run.result(count)


if __name__ == "__main__":
    main()
