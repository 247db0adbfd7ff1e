"""Which models may be named where, and what `from_pretrained` takes for them. Imports no torch."""

from pathlib import Path

from backend.catalog import MODELS, POCKET
from backend.errors import LabError
from backend.settings import Settings


def allowed_source(name: str, settings: Settings) -> str:
    """Return what `from_pretrained` takes for a model named in a request. Raises LabError.

    A folder comes only from LAB_MODEL; a path in a request is refused everywhere.
    """
    if name == settings.model:
        return MODELS[name].source if name in MODELS else name
    if not isinstance(name, str) or not name or len(name) > 200:
        raise LabError(
            "model_unknown",
            f"model must be a name, got {name!r:.80}",
            field="model",
            value=str(name)[:80],
            allowed=", ".join(POCKET),
        )
    a_path = name.startswith((".", "/", "~")) or "\\" in name or ".." in name
    # "a/b" is a hub's id, but from_pretrained takes a folder of that name first
    if a_path or name.count("/") > 1 or ("/" in name and Path(name).is_dir()):
        raise LabError(
            "model_path",
            f"model must be a name, not a path, got {name!r:.80}",
            "The person who starts the lab can set LAB_MODEL to a folder",
            field="model",
            value=name[:80],
            allowed=", ".join(POCKET),
        )
    if name in POCKET:
        return MODELS[name].source
    if "/" not in name:
        raise LabError(
            "model_unknown",
            f"there is no model named {name!r}",
            f"Choose one of {', '.join(POCKET)}, or a hub id like organisation/name",
            field="model",
            value=name,
            allowed=", ".join(POCKET),
        )
    if not settings.on_loopback and name not in settings.allowed_models:
        allowed = ", ".join((settings.model, *POCKET, *settings.allowed_models))
        raise LabError(
            "model_not_allowed",
            f"{name} may not be loaded here",
            "The teacher can add it to LAB_ALLOWED_MODELS",
            field="model",
            value=name,
            allowed=allowed,
        )
    return name
