"""The teacher's page: the key, models, tabs, the class's link, votes, limits. No Gradio.

Plain forms: each is one POST that only the teacher may send and that answers with the page again;
assets/teacher.js sends them behind the page and renews what changes every two seconds.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from backend.errors import LabError
from backend.lab import Lab
from backend.settings import LOOPBACK
from demo.downloading import DOWNLOADS
from demo.identity import LANG, TEACHER, Identity
from demo.sharing import prefix_of
from demo.switching import Switch, next_class, set_limits, text, unload
from demo.widgets.teacher_page import key_page, teacher_page
from demo.words import Words, choose_lang, words

HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'"}


def add_teacher_routes(app: FastAPI, lab: Lab, identity: Identity) -> None:
    """Add the teacher's page, what it does, and the link that leads to the current suggestion."""
    switch = Switch()
    acts = {**ACTS, **DOWNLOADS, "load": switch.load}

    def page(request: Request, status: int = 200, problem: str = "") -> HTMLResponse:
        said = reader(request, lab)
        if not known(request, identity):
            return answer(key_page(said, problem), request, status)
        done = f"teacher.said_{request.query_params.get('said', '')}"
        html = teacher_page(
            lab,
            said,
            load=switch.state,
            site=f"{scheme(request)}://{host(request)}{prefix_of(request.headers)}",
            problem=problem,
            done=said(done) if not problem and said.has(done) else "",
            alone=not lab.settings.on_loopback and is_loopback(host(request)),
        )
        return answer(html, request, status)

    @app.get("/teacher")
    async def teacher(request: Request) -> HTMLResponse:
        """The teacher's page; for anybody else, where the key is entered."""
        return page(request)

    @app.post("/teacher")
    async def enter_key(request: Request) -> Response:
        """Check the key (form field `key`) and keep it in a cookie."""
        cookie = identity.teacher_cookie(text(await request.form(), "key"))
        said = reader(request, lab)
        if not cookie:
            return answer(key_page(said, said("teacher.wrong")), request, 403)
        response = RedirectResponse(f"/teacher?lang={said.lang}", 303)
        tls = scheme(request) == "https"
        response.set_cookie(TEACHER, cookie, httponly=True, samesite="strict", secure=tls)
        return response

    @app.post("/teacher/{act}")
    async def change(act: str, request: Request) -> Response:
        """Do one of `acts`; a refusal says why, on the page."""
        said = reader(request, lab)
        if not known(request, identity):
            refusal = LabError("teacher_class", "only the teacher may do this")
            return page(request, 403, said.error(refusal))
        if act not in acts:
            return Response(status_code=404)
        try:
            here = host(request) + prefix_of(request.headers)
            # in a thread: one that unloads waits for a load under way
            done = await asyncio.to_thread(acts[act], lab, await request.form(), here)
        except LabError as error:
            return page(request, 400, said.error(error))
        return RedirectResponse(f"/teacher?lang={said.lang}&said={done}", 303)

    @app.get("/class")
    async def suggested(request: Request) -> RedirectResponse:
        """Lead to the suggested tab with its settings; without a suggestion, to the lab."""
        link, lang = lab.classroom.link, request.query_params.get("lang")
        query = f"?{link.query}" if link else ""
        target = "/ja/" if lang == "ja" else "/"
        return RedirectResponse(target + query, 307, headers={"Cache-Control": "no-store"})


def answer(html: str, request: Request, status: int) -> HTMLResponse:
    """Return a page whose links and forms begin with the path a proxy serves the lab at."""
    prefix = prefix_of(request.headers)
    return HTMLResponse(html.replace('="/', f'="{prefix}/'), status, headers=HEADERS)


def set_tab(lab: Lab, form: FormData, host: str) -> str:
    """Open or close the tab named in the form."""
    is_open = text(form, "open") == "1"
    lab.classroom.set_open(text(form, "tab"), is_open)
    return "opened" if is_open else "closed"


def suggest(lab: Lab, form: FormData, host: str) -> str:
    """Suggest the form's tab or link to the class."""
    lab.classroom.suggest(text(form, "tab"), text(form, "link"), host=host)
    return "suggested"


def withdraw(lab: Lab, form: FormData, host: str) -> str:
    """Suggest nothing any more."""
    lab.classroom.withdraw()
    return "withdrawn"


def clear(lab: Lab, form: FormData, host: str) -> str:
    """Forget the votes on the form's question, or on all."""
    lab.classroom.clear(text(form, "question"))
    return "cleared"


ACTS: dict[str, Callable[[Lab, FormData, str], str]] = {
    "tab": set_tab,
    "link": suggest,
    "withdraw": withdraw,
    "clear": clear,
    "unload": unload,
    "limits": set_limits,
    "reset": next_class,
}


def reader(request: Request, lab: Lab) -> Words:
    """Return the strings in the language of who asks."""
    accept = request.headers.get("accept-language", "")
    asked, remembered = request.query_params.get("lang"), request.cookies.get(LANG)
    return words(choose_lang(asked, remembered, accept, lab.settings.lang))


def known(request: Request, identity: Identity) -> bool:
    """True where the teacher asks."""
    return identity.is_teacher(request.cookies, request.headers.get("host", ""))


def host(request: Request) -> str:
    """Return the lab's address as the browser names it."""
    return request.headers.get("x-forwarded-host", request.headers.get("host", ""))


def scheme(request: Request) -> str:
    """Return http or https, as the browser sees it."""
    forwarded = request.headers.get("x-forwarded-proto", "")
    return forwarded if forwarded in ("http", "https") else request.url.scheme


def is_loopback(netloc: str) -> bool:
    """True for an address that only this machine understands."""
    return (urlsplit(f"//{netloc}").hostname or "") in LOOPBACK
