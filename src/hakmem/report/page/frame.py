"""What every page has around its content: a head, styles, a line of links to its sections.

The content security policy in the head forbids every request and names the scripts that may run by their
hashes, so that neither a library nor a name in what is shown can do anything else.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources
from string import Template

from hakmem.report.page.markup import text


def framed(
    content: str,
    *,
    title: str,
    command: str,
    brand: str,
    sections: Iterable[tuple[str, str]],
    style: str,
    scripts: Sequence[str] = (),
) -> str:
    """A whole page as text, to be written as UTF-8.

    content: the body's HTML behind the line of links; one of its elements is `#verdict`.
    title: in words; it is escaped here.
    command: of `hakmem`, which made the page.
    brand: the word behind "HAKMEM".
    sections: the name and the id of each.
    style: CSS behind that of all pages.
    scripts: sources of those that may run, of which the content makes elements.
    """
    return Template(_read("frame.html")).substitute(
        policy=_policy(scripts),
        command=command,
        title=text(title),
        style=_read("style.css") + style,
        brand=brand,
        sections="".join(f'<a href="#{section}">{name}</a>' for name, section in sections),
        content=content,
    )


def _policy(scripts: Sequence[str]) -> str:
    """No requests at all, and no script but these."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if not scripts:
        return policy
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"{policy}; script-src {allowed}"


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
