"""How a source is named wherever its name is shown, stored or sent: its address without what is secret in it."""

import re
from typing import Final

HIDDEN: Final = "***"
_PART: Final = r"[^\s\"'<>]"
"""A character of an address inside a text."""
_AUTHORITY: Final = re.compile(rf"([a-z][a-z0-9+.-]*:/+)((?:(?![/?#]){_PART})*)", re.IGNORECASE)
_SLASH_IN_PASSWORD: Final = re.compile(rf"{_PART}*@")
"""After an authority such as `user:pa` of `user:pa/ss@host`, which is not one: the port is no number."""
_NO_PORT: Final = re.compile(r"(?:.*\])?[^\[\]]*:(?!\d*$)")
_SECRET: Final = re.compile(
    r"((?:token|passw|passphrase|secret|apikey|api[_-]key|signature|credential|auth|jwt)[\w.-]*"
    r"|(?<![a-z0-9])(?:pw|pwd|pass|key|sig|sid|session))"
    r"((?:%3d|=)\s*)(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>&;#?]*)",
    re.IGNORECASE,
)


def source_name(text: str) -> str:
    """Return what a source is called: its address without user name and password, secret parameters masked.

    Works on any text that holds addresses, such as the messages of a library, and on GStreamer pipelines.

    Args:
        text: What the user gave, or a message about it.

    Returns:
        The same where there is nothing to hide, as in paths and camera numbers.
    """
    return _SECRET.sub(rf"\1\2{HIDDEN}", _without_userinfo(text))


def holds_secret(text: str) -> bool:
    """Return whether `source_name` hides something of a text."""
    return source_name(text) != text


def _without_userinfo(text: str) -> str:
    parts, position = [], 0
    while (found := _AUTHORITY.search(text, position)) is not None:
        parts += [text[position : found.start()], found[1]]
        authority, position = found[2], found.end()
        if "@" not in authority and _NO_PORT.match(authority):
            longer = _SLASH_IN_PASSWORD.match(text, position)
            authority, position = (authority + "@", longer.end()) if longer else (authority, position)
        user, _, host = authority.rpartition("@")
        parts.append(host if user else authority)
    return "".join([*parts, text[position:]])
