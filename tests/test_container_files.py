"""compose.yaml, .env.example, Dockerfile and the Space, read without an engine."""

import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.settings import Settings
from deploy import prepare
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
SETTINGS = {f"LAB_{f.name.upper()}": f for f in fields(Settings)}
HUGGING_FACE = {"HF_HOME", "HF_HUB_CACHE", "HF_ASSETS_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT"}


def test_the_example_names_every_setting_with_its_default() -> None:
    given = dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE, re.M))
    for name, field in SETTINGS.items():
        default = field.default
        if isinstance(default, bool):
            default = int(default)
        shown = "" if default is None or default == () else str(default)
        assert given.get(name) == shown, name


def test_the_example_names_every_variable_of_compose_and_no_other() -> None:
    text = "".join(
        (ROOT / name).read_text("utf-8")
        for name in ("compose.yaml", "deploy/grafana-port.yaml", "deploy/up.sh")
    )
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) | {
        name
        for where in (COMPOSE["x-lab"]["environment"], COMPOSE["x-lab"]["build"]["args"])
        for name, value in where.items()
        if value is None
    }
    listed = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.M))
    assert listed == used - {"COMPOSE_FILE", "UP_TIMEOUT_S"}
    assert not re.findall(r"^[^#\n]", EXAMPLE, re.M), "a copy of the example changes nothing"


def test_every_setting_reaches_the_lab() -> None:
    given = COMPOSE["x-lab"]["environment"]
    assert set(SETTINGS) <= set(given)
    assert set(given) - set(SETTINGS) == HUGGING_FACE | {"HF_TOKEN_PATH"}


def test_the_examples_own_default_lets_the_lab_start() -> None:
    """Inside it listens on all addresses, and LAB_NO_AUTH=0 there would end it: prepare decides."""
    assert COMPOSE["x-lab"]["environment"]["LAB_NO_AUTH"] == "1"
    assert SERVICES["prepare"]["environment"]["LAB_NO_AUTH"] == "${LAB_NO_AUTH:-}"


def test_only_the_lab_is_published_and_on_loopback() -> None:
    published = {name for name, service in SERVICES.items() if "ports" in service}
    assert published == {"lab", "lab-gpu"}
    [port] = SERVICES["lab"]["ports"]
    assert port["host_ip"] == "${LAB_HOST:-127.0.0.1}"
    overlay = yaml.safe_load((ROOT / "deploy" / "grafana-port.yaml").read_text("utf-8"))
    [port] = overlay["services"]["grafana"]["ports"]
    assert port["host_ip"] == "127.0.0.1"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_and_room_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    limits = service["deploy"]["resources"]["limits"]
    assert {"memory", "pids"} <= set(limits)
    assert service.get("read_only") or name in ("dcgm", "vllm")
    assert set(service.get("cap_add", ())) <= ({"CHOWN", "DAC_OVERRIDE", "FOWNER"} if name == "prepare" else set())  # fmt: skip  # noqa: E501


def test_profiles() -> None:
    by_profile = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert {name for name, of in by_profile.items() if of is None} == {
        *("prepare", "lab", "prometheus", "grafana")
    }
    for name in ("lab-gpu", "dcgm", "vllm"):
        [device] = SERVICES[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]


def test_the_grafana_password_is_a_file_that_was_made() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/lab/grafana_password"
    assert not any("PASSWORD" in key and not key.endswith("__FILE") for key in grafana)


@pytest.mark.parametrize(
    ("env", "has_auth", "refused"),
    [
        ({}, False, ""),
        ({"LAB_HOST": "127.0.0.1", "LAB_SHARE": "0"}, False, ""),
        ({"LAB_HOST": "0.0.0.0"}, False, "LAB_HOST=0.0.0.0 serves"),
        ({"LAB_SHARE": "1"}, False, "LAB_SHARE=1 serves"),
        ({"LAB_HOST": "0.0.0.0", "LAB_NO_AUTH": "0"}, False, "LAB_HOST=0.0.0.0 serves"),
        ({"LAB_HOST": "0.0.0.0"}, True, ""),
        ({"LAB_HOST": "0.0.0.0", "LAB_NO_AUTH": "1"}, False, ""),
    ],
)
def test_what_is_published_needs_a_password(
    env: dict[str, str], has_auth: bool, refused: str
) -> None:
    assert prepare.check_sharing(env, has_auth=has_auth).startswith(refused)
    assert bool(prepare.check_sharing(env, has_auth=has_auth)) == bool(refused)


def test_a_cache_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    owner = tmp_path.stat().st_uid
    assert prepare.check_cache(tmp_path, owner, owner) == ""
    assert (tmp_path / "hub").is_dir()
    if owner:  # a folder of root's is taken over
        assert f"LAB_UID={owner}" in prepare.check_cache(tmp_path, owner + 1, owner + 1)


def test_the_space_is_what_spaces_want(tmp_path: Path) -> None:
    front = yaml.safe_load((ROOT / "deploy/space/README.md").read_text("utf-8").split("---")[1])
    assert (front["sdk"], front["app_port"]) == ("docker", 7860)
    assert len(front["short_description"]) <= 60
    subprocess.run([ROOT / "deploy" / "space.sh", tmp_path], check=True)
    image = (tmp_path / "Dockerfile").read_text("utf-8").splitlines()
    assert image[-1] == "ENV LAB_NO_AUTH=1"
    assert "USER 1000:1000" in image
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", "\n".join(image), re.M):
        for name in source.split():
            assert list(tmp_path.glob(name)), name


def test_the_image_is_made_from_what_the_build_is_sent() -> None:
    sent = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert sent[0] == "*"
    assert "!.env" not in sent
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    assert lines.index("COPY pyproject.toml constraints.txt ./") < lines.index("COPY demo demo")
    assert not any(line.startswith("# syntax=") for line in lines)
