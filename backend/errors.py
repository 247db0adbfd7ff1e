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
