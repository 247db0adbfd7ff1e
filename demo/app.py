"""The app: own routes, the gate, and the page built once per language from one code."""

import asyncio
import contextlib
import importlib.util
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_HEARTBEAT_INTERVAL", "10")  # its own 15 s are what proxies allow
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

if importlib.util.find_spec("matplotlib") is None:
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # Gradio looks at each update

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.middleware.gzip import GZipMiddleware

from backend import api
from backend.lab import Lab
from backend.offline_search import shipped
from demo import theme
from demo.caching import Caching
from demo.capabilities import disable
from demo.endpoints import add_endpoints, person_of
from demo.event_stream import add_event_stream
from demo.follow import attach, class_bar, visibility
from demo.gate import Gate, told
from demo.identity import Identity
from demo.links import Fields, restored
from demo.live import add_live_route
from demo.page import Page, Unconfigured, spare_threads
from demo.sample_endpoints import add_sample_endpoints
from demo.search_endpoints import add_search_endpoints
from demo.sharing import Prefixed
from demo.tabs import (
    chat,
    decoding,
    diversity,
    generate,
    memory,
    monitor,
    prompt,
    search,
    shots,
    start,
)
from demo.teacher import add_teacher_routes
from demo.widgets.frame import header, status_json
from demo.words import LANGS, Words, words

# one line per tab: id, the course's section, its module
TABS: tuple[tuple[str, str, Callable[[Lab, Identity, Words], Fields]], ...] = (
    ("start", "0", start.build),
    ("generate", "1", generate.build),
    ("diversity", "1.1", diversity.build),
    ("decoding", "1.1", decoding.build),
    ("memory", "1.2", memory.build),
    ("prompt", "2", prompt.build),
    ("shots", "2.1", shots.build),
    ("chat", "2.2", chat.build),
    ("search", "2.3", search.build),
    ("monitor", "", monitor.build),
)
LOAD_AFTER_S = 3.0
LOOK_S = 0.005  # how often Gradio looks for new events
MOST_SESSIONS = 1000  # of each language, the ones used last; Gradio keeps ten thousand an hour


def build(lab: Lab, identity: Identity, words: Words) -> gr.Blocks:
    """Build the whole page in one language."""
    with Page(title=words("app.title"), fill_width=True, analytics_enabled=False) as page:
        page.space_id = None  # on a Space Gradio would fetch fonts and a header from elsewhere
        header(lab, words)
        labels = {
            tab_id: f"{section} {words(f'{tab_id}.tab')}".strip() for tab_id, section, _ in TABS
        }
        class_bar(words, labels)
        fields: dict[str, Fields] = {}
        items: list[gr.Tab] = []
        with gr.Tabs(selected="generate", elem_id="tabs") as tabs:
            for tab_id, _, build_tab in TABS:
                with gr.Tab(labels[tab_id], id=tab_id, elem_id=f"tab-{tab_id}") as tab:
                    fields[tab_id] = build_tab(lab, identity, words)
                items.append(tab)
                tab.select(
                    lambda tab_id=tab_id: lab.saw_tab(tab_id, words.lang),
                    api_visibility="private",
                    queue=False,
                    show_progress="hidden",
                )
        add_endpoints(lab, identity, words)
        add_sample_endpoints(lab, identity, words)
        add_search_endpoints(lab, identity, words)

        disable(page, lab, words)
        attach(page, lab, identity, words, tabs, items, fields)
        linked = [(t, name, c) for t, named in fields.items() for name, c in named.items()]

        def open_tab(request: gr.Request) -> list[object]:
            """Open the tab that the link names, with the link's settings."""
            asked = request.query_params
            tab_id = lab.classroom.opens(asked.get("tab", "generate"))
            lab.saw_tab(tab_id, words.lang)
            settings = (
                restored(component, asked[name]) if t == tab_id and name in asked else gr.skip()
                for t, name, component in linked
            )
            return [gr.Tabs(selected=tab_id), *visibility(lab), *settings]

        page.load(
            open_tab,
            outputs=[tabs, *items, *(component for _, _, component in linked)],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
    spare_threads(page)
    # Gradio starts 40 events at once and cannot end those in its own queue: let all wait in ours
    page.max_threads = 40 + 2 * (lab.settings.max_streams + lab.settings.max_queue)
    page.queue(default_concurrency_limit=None, max_size=None)
    page._queue.sleep_when_free = LOOK_S  # its own is a thousand times a second, per language
    return page


def create_app(lab: Lab) -> FastAPI:
    """Return the ASGI app over a lab; it does not load a model by itself until it is served."""
    identity = Identity(lab.settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # whoever waits for a load holds a thread; asyncio's own pool has six of them on two cores
        pool = ThreadPoolExecutor(32 + lab.settings.max_streams + lab.settings.max_queue)
        asyncio.get_running_loop().set_default_executor(pool)
        timer = threading.Timer(LOAD_AFTER_S, lab.start)
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, lab)
    add_teacher_routes(app, lab, identity)
    add_live_route(app, lab, identity)
    app.include_router(
        api.router(lab, person=partial(person_of, identity), tell=partial(told, lab))
    )
    for lang in reversed(LANGS):  # the longer path first
        page = build(lab, identity, words(lang))
        add_event_stream(app, page, "" if lang == "en" else f"/{lang}")
        gr.mount_gradio_app(
            app,
            page,
            path="/" if lang == "en" else f"/{lang}",
            theme=theme.THEME,
            css=theme.CSS,
            head=theme.head(lang),
            js=theme.on_load(lang),
            footer_links=["api"],
            run_history=False,
            show_error=False,
            ssr_mode=False,
            max_file_size="1mb",
        )
        page.state_holder.capacity = MOST_SESSIONS
        page.state_holder.blocks = Unconfigured(page)  # type: ignore[assignment]  # all it reads
    # the last one added is the first that a request passes
    app.add_middleware(Prefixed)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Caching)
    app.add_middleware(Gate, lab=lab, identity=identity)
    return app


def add_routes(app: FastAPI, lab: Lab) -> None:
    """Health, metrics, and the frame's numbers."""

    @app.get("/livez")
    async def livez() -> PlainTextResponse:
        """200 while the process lives."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 when requests can be answered, else 503 with the reason."""
        ready, reason = lab.ready()
        return JSONResponse({"ready": ready, "reason": reason}, 200 if ready else 503)

    @app.get("/corpus/{page_id}")
    async def corpus(page_id: str) -> PlainTextResponse:
        """A page that ships with the lab, as plain text: where an offline hit's link leads."""
        found = next((page for page in shipped().pages if page.id == page_id), None)
        text = f"{found.title}\n\n{found.text}\n" if found else "There is no such page.\n"
        return PlainTextResponse(text, 200 if found else 404)

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        """Prometheus text."""
        body, content_type = lab.metrics_text()
        return PlainTextResponse(body, headers={"Content-Type": content_type})

    @app.get("/status")
    async def status() -> JSONResponse:
        """The numbers of the page's frame, as JSON."""
        return JSONResponse(status_json(lab), headers={"Cache-Control": "no-store"})
