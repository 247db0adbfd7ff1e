"""Settings come from LAB_* alone, and a wrong one names itself."""

from pathlib import Path

import pytest

from backend.errors import LabError
from backend.settings import Settings


def test_defaults_are_the_contract() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 7860, "pocket-chat")
    assert (settings.max_streams, settings.max_queue, settings.max_new_tokens) == (32, 256, 512)
    assert settings.on_loopback


def test_values_are_read() -> None:
    env = {"LAB_PORT": "8000", "LAB_ALLOWED_MODELS": "a/b, c/d", "LAB_NO_AUTH": "1", "LAB_LANG": ""}
    settings = Settings.from_env(env)
    assert (settings.port, settings.no_auth, settings.lang) == (8000, True, "auto")
    assert settings.allowed_models == ("a/b", "c/d")


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("LAB_PORT", "x", "0 to 65535"),
        ("LAB_PORT", "70000", "0 to 65535"),
        ("LAB_PRECISION", "int5", "nf4-dq"),
        ("LAB_NO_AUTH", "yes", "0 or 1"),
        ("LAB_MAX_STREAMS", "0", "1 to 4096"),
        ("LAB_LANG", "fr", "auto, en, ja"),
        ("LAB_TEACHER_KEY_FILE", "/nowhere/key", "readable file"),
    ],
)
def test_wrong_value_names_variable_value_and_range(
    variable: str, value: str, allowed: str
) -> None:
    with pytest.raises(LabError) as caught:
        Settings.from_env({variable: value})
    message = str(caught.value)
    assert variable in message
    assert value in message
    assert allowed in message
    assert "\n" not in message


def test_a_file_setting_is_a_path(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    assert Settings.from_env({"LAB_TEACHER_KEY_FILE": str(key)}).teacher_key_file == key
