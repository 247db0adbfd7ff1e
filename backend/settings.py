"""Settings: one frozen dataclass, read once from LAB_* (DESIGN 4.2); a wrong value names itself."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from backend.errors import LabError

PRECISION_NAMES = ("fp32", "fp16", "bf16", "int8", "fp4", "nf4", "nf4-dq")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _text(value: str) -> str:
    return value.strip()


def _path(value: str) -> Path:
    path = Path(value).expanduser()
    if not path.is_file():
        raise ValueError
    return path


def _url(value: str) -> str:
    """Return the address of an OpenAI-compatible server with its `/v1`, which may be left out."""
    parts = urlsplit(value.strip().rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    path = parts.path if re.search(r"/v\d+$", parts.path) else f"{parts.path}/v1"
    return parts._replace(path=path).geturl()


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError
        return value

    return read


def _flag(value: str) -> bool:
    return {"0": False, "1": True}[value]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not low <= int(value) <= high:
            raise ValueError
        return int(value)

    return read


def _setting(default: Any, read: Callable[[str], Any], allowed: str, says: str) -> Any:
    return field(default=default, metadata={"read": read, "allowed": allowed, "says": says})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the process was started with. The README's table is made from this class."""

    host: str = _setting("127.0.0.1", _text, "a host name or address", "address to listen on")
    port: int = _setting(7860, _whole(0, 65535), "0 to 65535", "port to listen on")
    model: str = _setting(
        "pocket-chat", _text, "pocket-chat, pocket-base, a hub id or a folder", "model loaded first"
    )
    precision: str = _setting(
        "auto",
        _one_of("auto", *PRECISION_NAMES),
        "auto, " + ", ".join(PRECISION_NAMES),
        "auto: fp32 on CPU; on CUDA bf16 where supported, else fp16",
    )
    device: str = _setting(
        "auto", _one_of("auto", "cpu", "cuda"), "auto, cpu, cuda", "where models run"
    )
    threads: int = _setting(
        0, _whole(0, 1024), "0 to 1024", "CPU threads; 0: one for small models, else torch's choice"
    )
    allowed_models: tuple[str, ...] = _setting(
        (), _names, "hub ids separated by commas", "hub ids that may be loaded (on loopback: any)"
    )
    max_streams: int = _setting(32, _whole(1, 4096), "1 to 4096", "rows decoded together")
    max_queue: int = _setting(256, _whole(0, 100_000), "0 to 100000", "requests that may wait")
    max_new_tokens: int = _setting(512, _whole(1, 1_000_000), "1 to 1000000", "longest answer")
    kv_cache_bytes: int = _setting(
        0,
        _whole(0, 2**50),
        "0 or more",
        "limit of the KV cache; 0: 60 % of what is free, 1 GiB on CPU",
    )
    auth_file: Path | None = _setting(
        None, _path, "a readable file", "user:password lines for the page"
    )
    teacher_key_file: Path | None = _setting(None, _path, "a readable file", "the teacher's key")
    share: bool = _setting(False, _flag, "0 or 1", "1: a public link through Gradio's tunnel")
    no_auth: bool = _setting(False, _flag, "0 or 1", "1: serve beyond loopback without a password")
    engine_url: str = _setting(
        "",
        _url,
        "an http or https address",
        "OpenAI-compatible server that the models are on; empty: this process",
    )
    engine_key_file: Path | None = _setting(
        None, _path, "a readable file", "the key of that server"
    )
    search: Literal["auto", "web", "offline"] = _setting(
        "auto",
        _one_of("auto", "web", "offline"),
        "auto, web, offline",
        "what searches ask; auto: the web where a learner chooses it, else our own pages",
    )
    lang: str = _setting(
        "auto", _one_of("auto", "en", "ja"), "auto, en, ja", "language of the page"
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read LAB_* from `env` (the process's own by default); empty means the default.

        Raises LabError naming the variable, its value and what is allowed.
        """
        env = os.environ if env is None else env
        values = {}
        for f in fields(cls):
            variable = f"LAB_{f.name.upper()}"
            raw = env.get(variable, "").strip()
            if not raw:
                continue
            try:
                values[f.name] = f.metadata["read"](raw)
            except (ValueError, KeyError):
                allowed = f.metadata["allowed"]
                message = f"{variable}={raw} is not allowed; allowed: {allowed}"
                raise LabError(
                    "setting", message, field=variable, value=raw, allowed=allowed
                ) from None
        return cls(**values)

    @property
    def on_loopback(self) -> bool:
        """For this machine alone: without a teacher key, the only user is the teacher."""
        return self.host in LOOPBACK and not self.share

    @property
    def open_to_all(self) -> bool:
        """Served to other machines without a password."""
        return self.no_auth and self.auth_file is None and not self.on_loopback

    @property
    def engine_host(self) -> str:
        """The remote server's host and port, without any password; empty where there is none."""
        parts = urlsplit(self.engine_url)
        return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
