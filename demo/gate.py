"""What every request passes: login, foreign pages, the reader's language, the person's cookie.

Plain ASGI, so that streams and their disconnects pass through untouched.
"""

from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api import refusal
from backend.errors import LabError
from backend.lab import Lab
from demo.identity import LANG, PERSON, Identity, reach, read_cookies
from demo.sharing import prefix_of
from demo.teacher import reader, scheme
from demo.words import choose_lang

OPEN = ("/livez", "/readyz", "/metrics")  # for probes and Prometheus: no text, no person in them
PAGES = {"/": "en", "/ja/": "ja", "/ja": "ja"}
YEAR_S = 365 * 24 * 3600


def told(lab: Lab, request: Request, error: LabError) -> str:
    """Say an error in the language of who asks."""
    return reader(request, lab).error(error)


class Gate:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp, *, lab: Lab, identity: Identity) -> None:
        self._app, self._lab, self._identity = app, lab, identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        if refused := self._refusal(Request(scope), path, headers):
            await refused(scope, receive, send)
            return
        cookies = read_cookies(headers.get("cookie", ""))
        address = (scope.get("client") or ("?", 0))[0]
        if path not in OPEN:
            key = headers.get("authorization", "")
            self._lab.saw_person(self._identity.person(cookies, address, key))
        page = scope["method"] in ("GET", "HEAD") and path in PAGES
        if not page:
            await self._app(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        asked = query.get("lang", [None])[-1]
        accept = headers.get("accept-language", "")
        # a path with a language of its own is a choice too: only `/` is open to the others
        cookie = cookies.get(LANG) if path == "/" else PAGES[path]
        lang = choose_lang(asked, cookie, accept, self._lab.settings.lang)
        fresh, within = [], reach(headers, tls=scheme(Request(scope)) == "https")
        if self._identity.is_new(cookies):
            fresh.append(f"{PERSON}={self._identity.new_person()}; Path=/; HttpOnly; {within}")
        if asked == lang:
            fresh.append(f"{LANG}={lang}; Path=/; Max-Age={YEAR_S}; {within}")
        if lang != PAGES[path] or path == "/ja":
            rest = urlencode({k: v for k, v in query.items() if k != "lang"}, doseq=True)
            target = ("/ja/" if lang == "ja" else "/") + ("?" + rest if rest else "")
            if lang == "en" and path != "/":  # without the cookie `/` would ask the browser again
                target = "/?" + ("&".join(filter(None, (rest, "lang=en"))))
            target = prefix_of(headers) + target
            response = RedirectResponse(target, 307, headers={"Vary": "Accept-Language, Cookie"})
            for cookie_text in fresh:
                response.headers.append("Set-Cookie", cookie_text)
            await response(scope, receive, send)
            return

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out["Cache-Control"] = "no-store"
                for cookie_text in fresh:
                    out.append("Set-Cookie", cookie_text)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._lab.start()  # the page is out: import torch and load behind it

        await self._app(scope, receive, send_with_cookies)

    def _refusal(self, request: Request, path: str, headers: Headers) -> Response | None:
        """Return a response for who may not pass; at the OpenAI routes in their form."""
        if path in OPEN:
            return None
        method, api = request.method, path.startswith("/v1/")
        if self._identity.needs_login and not self._identity.login_is_right(
            headers.get("authorization", "")
        ):
            if api:
                error = LabError("login_needed", "a key is needed, and this is none", status=401)
                return refusal(error, told(self._lab, request, error))
            challenge = {"WWW-Authenticate": 'Basic realm="LLM Tutorial Lab", charset="UTF-8"'}
            return PlainTextResponse("login needed\n", 401, headers=challenge)
        origin = headers.get("origin")
        host = headers.get("x-forwarded-host", headers.get("host", ""))
        if method not in ("GET", "HEAD") and origin and urlsplit(origin).netloc != host:
            if api:
                error = LabError("foreign_page", "another site's page asks", status=403)
                return refusal(error, told(self._lab, request, error))
            return PlainTextResponse("this request comes from another site's page\n", 403)
        return None
