"""HTML as a tree of elements, so that everything that is shown is escaped by the standard library."""

import base64
import hashlib
import string
from collections.abc import Sequence
from importlib.resources import files
from typing import Final
from xml.etree import ElementTree

from mer.text import printable

Element = ElementTree.Element
Child = Element | str

_PARTS: Final = files("realtime.output")
_SCRIPTS: Final = ("report/page.js",)
_STYLES: Final = ("report/page.css",)


def tag(name: str, *children: Child, **attributes: str | float) -> Element:
    """Return an element.

    Args:
        name: Of the element.
        children: Elements and texts in order.
        attributes: `class_` is written class, `aria_label` aria-label.
    """
    element = Element(name, {_attribute(key): _number(value) for key, value in attributes.items()})
    extend(element, *children)
    return element


def extend(element: Element, *children: Child) -> None:
    """Append elements and texts to an element."""
    for child in children:
        if isinstance(child, Element):
            element.append(child)
            continue
        child = printable(child, keep="\n")
        if not len(element):
            element.text = (element.text or "") + child
        else:
            element[-1].tail = (element[-1].tail or "") + child


def page(
    title: str,
    *body: Child,
    scripts: Sequence[str] = _SCRIPTS,
    styles: Sequence[str] = _STYLES,
    connect: str = "'none'",
) -> bytes:
    """Return a page that needs no other file and may fetch none.

    Its policy allows one script, named by its hash: even text that escaped its escaping could not run.

    Args:
        title: Plain text.
        body: What `<main>` and the header hold.
        scripts: Files below `realtime/output` that become its script, in this order.
        styles: The same for its style sheet.
        connect: What its script may exchange data with, in the words of a content security policy.
    """
    script = _joined(scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html = string.Template(_joined(["report/page.html"])).substitute(
        title=_html(tag("title", title)),
        digest=digest,
        connect=connect,
        style=_joined(styles),
        script=script,
        body="\n".join(_html(child) if isinstance(child, Element) else child for child in body),
    )
    return html.encode("utf-8", "replace")  # file names may hold bytes that are no text


def _joined(names: Sequence[str]) -> str:
    return "\n".join(_PARTS.joinpath(name).read_text(encoding="utf-8") for name in names)


def _html(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode", method="html")


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _number(value: str | float) -> str:
    return printable(value, keep="\n") if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
