"""The OpenAI routes as a Ray Serve application: N replicas of one engine behind Ray's router.

    serve run backend.ray_serve:application replicas=2

A replica is a whole Lab in a process of its own, with its own line and model thread; a request
stays where it began. Limits per person are the page's, which asks for everybody: here are only
LAB_MAX_STREAMS and LAB_MAX_QUEUE of each replica. docs/scale.md says when to use it.
"""

from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve
from ray.serve import Application
from ray.serve.config import RequestRouterConfig

from backend import api
from backend.lab import Lab
from backend.settings import Settings

# a class that presses at once: by queue lengths, the default, one of two replicas got up to nine
# tenths of it, since all are sent before a length changes
IN_TURN = "ray.serve.experimental.round_robin_router.RoundRobinRouter"


class Arguments(BaseModel):
    """What follows `serve run backend.ray_serve:application`."""

    replicas: int = 1
    gpus: float = 0  # for each replica; without one it runs on the CPU
    cpus: float = 1  # that Ray sets aside for each


class Replica:
    """One engine with its routes. Ray sends requests once the model is loaded."""

    def __init__(self, settings: Settings) -> None:
        self._lab = Lab(settings)
        self._lab.start()
        self._lab.engine.model()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return what Ray serves; it asks when the constructor has ended."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(api.router(self._lab))
        return app

    def check_health(self) -> None:
        """Raise where the engine is dead: Ray asks every few seconds, and replaces it."""
        ready, reason = self._lab.ready()
        if not ready:
            raise RuntimeError(reason)


def application(arguments: Arguments) -> Application:
    """Return replicas with this process's LAB_* settings, on whatever machine they run."""
    settings = Settings.from_env()
    deployment = serve.deployment(serve.ingress()(Replica)).options(
        num_replicas=arguments.replicas,
        ray_actor_options={"num_cpus": arguments.cpus, "num_gpus": arguments.gpus},
        # who waits does so in a replica's line, which says "waiting" and refuses what is too many
        request_router_config=RequestRouterConfig(request_router_class=IN_TURN),
        max_ongoing_requests=settings.max_streams + settings.max_queue,
    )
    return deployment.bind(settings)
