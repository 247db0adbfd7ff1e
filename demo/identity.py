"""Who somebody is, and what they may do (DESIGN 4.2).

A person is a signed random cookie, since a class shares one address. The signing key is made anew
with each process: a restart makes new persons, and asks the teacher for the key again.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from backend.settings import LOOPBACK, Settings

PERSON, TEACHER, LANG = "lab_person", "lab_teacher", "lab_lang"


class Identity:
    """Signs and reads the cookies of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signing_key = secrets.token_bytes(32)
        key_file, auth_file = settings.teacher_key_file, settings.auth_file
        self._teacher_key = key_file.read_text("utf-8").strip() if key_file else ""
        lines = auth_file.read_text("utf-8").splitlines() if auth_file else []
        self._logins = {line.strip() for line in lines if ":" in line and line[0] != "#"}

    def _sign(self, value: str) -> str:
        digest = hmac.new(self._signing_key, value.encode(), hashlib.sha256).hexdigest()
        return f"{value}.{digest}"

    def _read(self, signed: str) -> str:
        value, _, _ = signed.rpartition(".")
        return value if hmac.compare_digest(self._sign(value).encode(), signed.encode()) else ""

    def new_person(self) -> str:
        """Return the cookie of a person not seen before."""
        return self._sign(secrets.token_hex(8))

    def person(self, cookies: Mapping[str, str], address: str, authorization: str = "") -> str:
        """Return who asks: the cookie's person, else the key's, else the address.

        A person's own cookie is a key too: a script with it shares the limits of the page.
        """
        key = bearer(authorization)
        return (
            self._read(cookies.get(PERSON, ""))
            or self._read(key)
            or (f"key {hashlib.sha256(key.encode()).hexdigest()[:16]}" if key else "")
            or f"address {address}"
        )

    def is_new(self, cookies: Mapping[str, str]) -> bool:
        """True for a browser without a person's cookie of this process."""
        return not self._read(cookies.get(PERSON, ""))

    def teacher_cookie(self, key: str) -> str:
        """Return the teacher's cookie for the right key, else an empty string."""
        wanted = self._teacher_key
        right = wanted and hmac.compare_digest(key.strip().encode(), wanted.encode())
        return self._sign("teacher") if right else ""

    def own_key(self, cookies: Mapping[str, str]) -> str:
        """Return the key of a person's scripts, empty where the cookie is nobody's."""
        signed = cookies.get(PERSON, "")
        return signed if self._read(signed) else ""

    def is_teacher(self, cookies: Mapping[str, str], host: str, authorization: str = "") -> bool:
        """True for the teacher. On loopback without a key, that is whoever sits at the machine.

        `host` is the Host header: a page elsewhere whose name was pointed at loopback has another.
        """
        if self._teacher_key:
            by_key = self.teacher_cookie(bearer(authorization))
            return bool(by_key) or self._read(cookies.get(TEACHER, "")) == "teacher"
        name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
        return self._settings.on_loopback and name in LOOPBACK

    @property
    def needs_login(self) -> bool:
        """True where LAB_AUTH_FILE is set."""
        return self._settings.auth_file is not None

    def login_is_right(self, authorization: str) -> bool:
        """Check an Authorization header, HTTP Basic or a bearer's key, against LAB_AUTH_FILE.

        A key is `user:password` as in the file, the teacher's, or a person's own.
        """
        scheme, _, encoded = authorization.partition(" ")
        if key := bearer(authorization):
            known = self._is_login(key.encode("latin-1", "replace"))
            return bool(known or self.teacher_cookie(key) or self._read(key))
        if scheme.lower() != "basic":
            return False
        try:
            login = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        return self._is_login(login)

    def _is_login(self, login: bytes) -> bool:
        # compare with all, so that the time says nothing
        return any([hmac.compare_digest(login, known.encode()) for known in self._logins])


def bearer(authorization: str) -> str:
    """Return the key of an Authorization header, empty where it has none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def reach(headers: Mapping[str, str], *, tls: bool) -> str:
    """Return a cookie's attributes: what the browser sends it with.

    In another site's frame, as a Space is shown, a browser keeps only what is that frame's own
    (https://huggingface.co/docs/hub/spaces-cookie-limitations).
    """
    if not tls:
        return "SameSite=Lax"
    framed = headers.get("sec-fetch-dest") == "iframe"
    return "SameSite=None; Secure; Partitioned" if framed else "SameSite=Lax; Secure"


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a Cookie header; a broken one has none."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
