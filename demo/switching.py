"""What the teacher does to the engine of a whole class: loads, unloads, limits, the next class."""

import logging
import threading

from starlette.datastructures import FormData

from backend import next_class as classes
from backend.errors import LabError, load_failed
from backend.lab import Lab
from backend.limits import RANGES, change
from backend.precision import precision as named
from demo.widgets.teacher_models import LoadState

log = logging.getLogger(__name__)


class Switch:
    """The load that was begun last, in a thread of its own: minutes, for a large model."""

    def __init__(self) -> None:
        self.state = LoadState()
        self._lock = threading.Lock()

    def load(self, lab: Lab, form: FormData, host: str) -> str:
        """Begin to load the form's model. Raises LabError while another is being loaded."""
        model, precision = text(form, "model").strip(), text(form, "precision") or "auto"
        model = model or lab.settings.model
        if precision != "auto":
            named(precision, cuda_bf16=None)
        with self._lock:
            if self.state.running:
                raise LabError(
                    "load_running", f"{self.state.model} is being loaded", model=self.state.model
                )
            self.state = LoadState(model=model, precision=precision, running=True)
        confirmed = text(form, "confirmed") == "1"
        thread = threading.Thread(target=self._load, args=(lab, confirmed), daemon=True)
        thread.start()
        return "loading"

    def _load(self, lab: Lab, confirmed: bool) -> None:
        model, precision = self.state.model, self.state.precision
        info, error = None, None
        try:
            info = lab.load_model(model, precision, confirmed=confirmed)
        except LabError as refused:
            error = refused
        except Exception as failure:
            log.exception("loading %s failed", model)
            error = load_failed(model, precision, failure)
        self.state = LoadState(model=model, precision=precision, info=info, error=error)


def unload(lab: Lab, form: FormData, host: str) -> str:
    """Unload the form's model. Raises LabError for the current one."""
    lab.engine.unload(text(form, "model"))
    return "unloaded"


def set_limits(lab: Lab, form: FormData, host: str) -> str:
    """Set the form's limits for all requests from now on. Raises LabError."""
    change(lab, {name: text(form, name) for name in RANGES})
    return "limited"


def next_class(lab: Lab, form: FormData, host: str) -> str:
    """End what runs and forget the class. Raises LabError where the box is not ticked."""
    if text(form, "sure") != "1":
        raise LabError("reset_unsure", "tick the box first: what runs would be ended")
    classes.begin(lab)
    return "reset"


def text(form: FormData, name: str) -> str:
    """Return a form's text; a file is none."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
