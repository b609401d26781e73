"""Prints labels by the extension labels.c, with the error of docs/guides/find-a-memory-error.md."""

import labels


def shelf(names):  # noqa: D103
    return [labels.upper(name) for name in names]


for label in shelf(["Ada", "Grace", "Лев Николаевич Толстой, «Война и мир», том первый", "Edsger"] * 20):
    print(label)
