"""The one error a person can mend. Anything else that is raised is a bug."""


class LabError(ValueError):
    """A wrong value or state that a person caused or can put right.

    `code` selects the translated text in demo/locales, which `values` (field, value, allowed, ...)
    fill; `message` and `hint` are the same in English for scripts and logs.
    """

    def __init__(self, code: str, message: str, hint: str = "", **values: object) -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.code = code
        self.message = message
        self.hint = hint
        self.values = values


def load_failed(model: str, precision: str, error: Exception) -> LabError:
    """Return what is told of a load that `error` ended; it holds none of that error's frames."""
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return LabError(
        "load_failed",
        f"{model} could not be loaded at {precision}: {reason}",
        "Check the name and the network, or choose another precision",
        model=model,
        precision=precision,
        reason=reason,
    )
