"""Pieces of HTML. Whatever comes from a suite goes through `text`, since a name may hold anything."""

import html
from collections.abc import Iterable
from typing import Final

from hakmem.report.sentence import shown

NOTHING: Final = '<span class="nothing">-</span>'


def text(value: object) -> str:
    """`value` as text, also inside an attribute's double quotes."""
    return html.escape(str(value))


def breakable(name: str) -> str:
    """A workload's name as text that may go on in a new line after a slash or an underscore."""
    return text(name).replace("/", "/<wbr>").replace("_", "_<wbr>")


def paragraphs(sentences: Iterable[str]) -> str:
    """A paragraph for each sentence that is not empty."""
    return "".join(f"<p>{text(sentence)}</p>" for sentence in sentences if sentence)


def items(sentences: Iterable[str]) -> str:
    """A list item for each sentence."""
    return "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)


def swatch(place: int) -> str:
    """The colour of the allocator at a place of the matrix; its name stands beside it."""
    return f'<span class="swatch" style="background:var(--allocator-{place})"></span>'


def allocator(name: str, place: int) -> str:
    """An allocator's name with its colour."""
    return f"{swatch(place)}{text(shown(name))}"


def hidden(words: str) -> str:
    """Words for readers who hear the page."""
    return f'<span class="unseen">{text(words)}</span>'
