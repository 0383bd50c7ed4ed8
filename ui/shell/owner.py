"""Who is at the screen: a visitor, or the owner, who may train, steer, rename and delete too.

Whoever sits at the server's own machine is its owner. A server that listens beyond it prints a link with a token, as Jupyter
does: who opens that link is the owner, for the session and, by a cookie, in other tabs of that browser until the server ends.
"""

from __future__ import annotations

import ipaddress
import secrets

import streamlit as st

from ui.shell import settings
from vae.errors import ExplorerError

TOKEN = secrets.token_urlsafe(24)
"""Of this process: a server that is started anew has another."""

OWNER, WORD, LOCALHOST = "is_owner", "token", "localhost"
SENTENCE = "Only the owner of this server may do this: open the link that it printed in the terminal where it was started."


class NotTheOwner(ExplorerError):
    """A visitor asked for what only the owner may do."""


def tells_visitors_apart() -> bool:
    """Whether there are visitors who are not the owner: the server listens beyond this machine, or is behind a proxy."""
    asked = settings.of_server()
    beyond = asked.behind_proxy or not is_loopback(st.get_option("server.address"))
    return beyond and not asked.visitors_may_train


def is_loopback(address: str | None) -> bool:
    """Whether a server that listens at this address hears this machine alone; at none, or at 0.0.0.0, it hears everybody."""
    try:
        return ipaddress.ip_address((address or "").strip("[]")).is_loopback
    except ValueError:  # a name, or nothing; which machines a name stands for is not asked
        return (address or "").lower() == LOCALHOST


def arrive() -> None:
    """Learn who is at the screen, once a page; the token leaves the address, so that no copied link holds it."""
    if not tells_visitors_apart():
        return
    announce()
    shown = (st.query_params.get(WORD), st.context.cookies.get(cookie_name()))
    if any(map(_is_token, shown)):
        st.session_state[OWNER] = True
    if WORD in st.query_params:
        del st.query_params[WORD]


def may_act() -> bool:
    """Whether who is at the screen may start, steer, rename or delete anything."""
    return not tells_visitors_apart() or st.session_state.get(OWNER, False)


def check() -> None:
    """Raise `NotTheOwner` where `may_act` says no."""
    if not may_act():
        raise NotTheOwner(SENTENCE)


def cookie() -> str:
    """What the owner's browser keeps, as `document.cookie` takes it; nothing for everybody else."""
    if not (tells_visitors_apart() and may_act()):
        return ""
    return f"{cookie_name()}={TOKEN}; path=/; SameSite=Strict"


def cookie_name() -> str:
    """Browsers share cookies between the ports of a machine."""
    return f"vae-owner-{st.get_option('server.port')}"


@st.cache_resource(show_spinner=False)
def announce() -> None:
    """Print the owner's link, once a server."""
    words = "Visitors of this server look and play. Who opens this link may train, steer, rename and delete too:"
    elsewhere = "" if _host() != LOCALHOST else "\n\n  On another machine put this one's address in the place of localhost."
    print(f"\n  {words}\n\n  {link()}{elsewhere}\n", flush=True)


def link() -> str:
    """The address of the first page with the token in it."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    place = f"{_host()}:{st.get_option('browser.serverPort')}"
    path = "/".join(filter(None, [place, (st.get_option("server.baseUrlPath") or "").strip("/")]))
    return f"{scheme}://{path}/?{WORD}={TOKEN}"


def _host() -> str:
    """By which name a browser reaches this server: the one that was set for that, or where it listens, if that is one place."""
    listens, named = st.get_option("server.address"), st.get_option("browser.serverAddress")
    if named != LOCALHOST or not listens or "://" in listens:
        return named
    try:
        address = ipaddress.ip_address(listens.strip("[]"))
    except ValueError:
        return listens
    if address.is_unspecified:
        return named
    return f"[{address}]" if address.version == 6 else str(address)


def _is_token(shown: object) -> bool:
    return isinstance(shown, str) and secrets.compare_digest(shown.encode(errors="replace"), TOKEN.encode())
