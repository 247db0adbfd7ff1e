"""What can go wrong with a remote server, each as a LabError of its own (DESIGN 4.2)."""

import json
import re

import httpx

from backend.errors import LabError
from backend.queueing import RETRY_S


def cannot(what: str, host: str) -> LabError:
    """Return the refusal of what needs a model in this process, or a server that takes `what`."""
    return LabError(
        "remote_cannot",
        f"{what} is not possible: this lab runs on the remote server {host}",
        field=what,
        host=host,
        status=400,
    )


def wrong_model(model: str, served: list[str], host: str) -> LabError:
    """Return what is said of a model that the server does not have."""
    has = ", ".join(served) or "?"
    return LabError(
        "remote_model",
        f"the remote server {host} has no model {model!r:.80}",
        f"It has {has}",
        field="model",
        value=model[:80],
        allowed=has,
        host=host,
        status=404,
    )


def refused(
    status: int, text: str, retry_after: str, *, model: str, served: list[str], host: str
) -> LabError:
    """Return what an HTTP status other than 200 means."""
    if status in (401, 403):  # its own words may repeat the key
        return LabError(
            "remote_key",
            f"the remote server {host} refuses the key ({status})",
            "The teacher can set LAB_ENGINE_KEY_FILE",
            host=host,
            value=status,
            status=502,
        )
    if status == 404 and model in served:  # it is the route that is missing
        return cannot(own_words(text), host)
    if status == 404:
        return wrong_model(model, served, host)
    if status == 429:
        after_s = int(retry_after) if re.fullmatch("[0-9]{1,4}", retry_after) else RETRY_S
        return LabError(
            "remote_busy",
            f"the remote server {host} has too much to do",
            f"Try again in {after_s} s",
            host=host,
            value=after_s,
            status=429,
            retry_after_s=after_s,
        )
    code, ours = ("remote_failed", 502) if status >= 500 else ("remote_refused", 400)
    verb = "failed" if status >= 500 else "refuses the request"
    said = own_words(text)
    return LabError(
        code,
        f"the remote server {host} {verb} ({status}): {said}",
        host=host,
        value=status,
        reason=said,
        status=ours,
    )


def own_words(text: str) -> str:
    """Return a server's message, short, from whatever it wraps it in."""
    try:
        found = json.loads(text)
        while isinstance(found, dict):
            found = found.get("error") or found.get("message") or found.get("detail") or ""
        text = str(found) or text
    except (ValueError, RecursionError):
        pass
    return " ".join(text.split())[:200] or "-"


def lost(error: httpx.HTTPError, host: str, silent_s: float) -> LabError:
    """Return what a failed connection means, before the answer or within it."""
    values = {"host": host, "reason": type(error).__name__}
    if isinstance(error, httpx.ReadTimeout):
        return LabError(
            "remote_silent",
            f"the remote server {host} has said nothing for {silent_s:g} s",
            "Try again; if it stays so, the teacher can look at the server",
            value=f"{silent_s:g}",
            status=504,
            **values,
        )
    if isinstance(error, (httpx.ReadError, httpx.RemoteProtocolError)):
        return broken(host, type(error).__name__)
    return LabError(
        "remote_unreachable",
        f"the remote server {host} cannot be reached ({type(error).__name__})",
        "Try again in a moment; the teacher can look at LAB_ENGINE_URL and the server",
        status=503,
        **values,
    )


def broken(host: str, reason: str) -> LabError:
    """Return what an answer without its end means."""
    return LabError(
        "remote_broken",
        f"the remote server {host} broke off in the middle ({reason})",
        "What came is kept; try again",
        host=host,
        reason=reason,
        status=502,
    )


def garbage(host: str, reason: str) -> LabError:
    """Return what an answer that is no stream of JSON events means."""
    return LabError(
        "remote_garbage",
        f"the remote server {host} answers with something that is no stream of events ({reason})",
        "The teacher can look at LAB_ENGINE_URL",
        host=host,
        reason=reason,
        status=502,
    )


def wrong_format(host: str, reason: str) -> LabError:
    """Return what events of another shape than the protocol's mean."""
    return LabError(
        "remote_format",
        f"the remote server {host} answers in another format than OpenAI's ({reason})",
        "The teacher can look at what serves there",
        host=host,
        reason=reason,
        status=502,
    )
