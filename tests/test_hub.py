"""Models from a hub: huggingface_hub's real client against a server that these tests start."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants, utils

from backend import hub
from backend.downloads import Downloads
from backend.errors import LabError
from backend.models import load
from backend.settings import Settings
from tests.conftest import WEIGHTS
from tests.hub_server import TOKEN, Hub, Repo

POCKET = "lab/pocket"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """pocket-chat as the hub has large models: its weights in shards, with an index."""
    from huggingface_hub import save_torch_state_dict
    from safetensors.torch import load_file

    folder = tmp_path_factory.mktemp("shards")
    whole = WEIGHTS / "chat" / "model.safetensors"
    save_torch_state_dict(load_file(whole), folder, max_shard_size="6MB")
    paths = [*folder.iterdir(), *whole.parent.iterdir()]
    return {one.name: one.read_bytes() for one in paths if one.is_file() and one != whole}


@pytest.fixture
def served(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    """A hub with the pocket model, and this process's huggingface_hub turned to it."""
    found = Hub(repos={POCKET: Repo(dict(files))})
    utils.close_session()
    with found.serve() as address:
        turn_to(address, tmp_path / "cache", monkeypatch)
        yield found
    utils.close_session()


def turn_to(address: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point huggingface_hub, which reads its variables when imported, to a hub and a cache."""
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    monkeypatch.setattr(hub, "CHUNK", 2**16)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(hub, "PAUSE_S", 0.0)


def large(files: dict[str, bytes]) -> list[str]:
    return sorted(name for name in files if name.endswith(".safetensors"))


def code(do: Callable[[], object]) -> str:
    with pytest.raises(LabError) as caught:
        do()
    return caught.value.code


class Recorder:
    """A watch that keeps what it is told, and stops where it shall."""

    def __init__(self, stop_at: float = float("inf")) -> None:
        self.told: list[int] = []
        self.stop_at = stop_at

    def at(self, n_bytes: int, *, elsewhere: bool = False) -> None:
        self.told.append(n_bytes)
        if n_bytes >= self.stop_at:
            raise hub.Stopped


def test_a_look_reads_no_weights(served: Hub, files: dict[str, bytes]) -> None:
    found = hub.look(POCKET)
    assert found.bytes == sum(len(data) for name, data in files.items() if name[-3:] != ".md")
    assert found.config["hidden_size"] == 192
    assert not any(path.endswith(".safetensors") for _, path, _ in served.asked)
    assert hub.folder(POCKET) is None
    assert hub.missing_bytes(found) == found.bytes - len(files["config.json"])


def test_a_download_is_the_files_and_loads(served: Hub, files: dict[str, bytes]) -> None:
    watch = Recorder()
    found = hub.download(hub.look(POCKET), watch)
    for name in (*large(files), "config.json", "tokenizer.json"):
        assert (found / name).read_bytes() == files[name]
    assert watch.told == sorted(watch.told)
    assert watch.told[-1] == hub.look(POCKET).bytes
    assert hub.folder(POCKET) == found
    asked = len(served.asked)
    info = load(POCKET, "fp32", Settings(threads=1)).info
    assert info.parameters == 3_049_920
    assert len(served.asked) == asked, "what is in the cache asks nobody"


@pytest.mark.parametrize("stop_at", [1_000_000, 7_000_000])
def test_a_stopped_download_goes_on_where_it_was(
    served: Hub, files: dict[str, bytes], stop_at: int
) -> None:
    found = hub.look(POCKET)
    with pytest.raises(hub.Stopped):
        hub.download(found, Recorder(stop_at))
    missing = hub.missing_bytes(found)
    assert found.bytes - missing >= stop_at
    assert hub.folder(POCKET) is None
    served.asked.clear()
    folder = hub.download(found)
    spans = {path.split("/")[-1]: span for verb, path, span in served.asked if verb == "GET"}
    left = {name: int(span[6:-1] or 0) for name, span in spans.items() if name in large(files)}
    assert sum(len(files[name]) - first for name, first in left.items()) == missing
    assert any(left.values()), "a part is gone on from"
    assert all((folder / name).read_bytes() == files[name] for name in large(files))


def test_a_cut_connection_is_gone_on_from_at_once(served: Hub, files: dict[str, bytes]) -> None:
    name = large(files)[0]
    served.faults[name] = ("cut", 2)
    folder = hub.get(POCKET)
    assert (folder / name).read_bytes() == files[name]
    spans = [span for _, path, span in served.asked if path.endswith(name) and span]
    assert len(spans) == 2
    assert served.sent[name] < 1.3 * len(files[name])


@pytest.mark.parametrize("fault", ["changed", "short"])
def test_a_broken_file_is_thrown_away(served: Hub, files: dict[str, bytes], fault: str) -> None:
    name = large(files)[1]
    served.faults[name] = (fault, 1)  # type: ignore[assignment]
    assert code(lambda: hub.get(POCKET)) == "hub_broken"
    assert hub.folder(POCKET) is None
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.part"))
    assert (hub.get(POCKET) / name).read_bytes() == files[name]


@pytest.mark.slow
def test_a_stall_is_said_and_what_came_is_kept(
    served: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = large(files)[0]
    served.faults[name] = ("stall", 100)
    with monkeypatch.context() as here:
        here.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
        assert code(lambda: hub.get(POCKET)) == "hub_stalled"
    found = hub.look(POCKET)
    assert hub.missing_bytes(found) < found.bytes - len(files[name]) // 3
    served.faults.clear()
    assert (hub.get(POCKET) / name).read_bytes() == files[name]


@pytest.mark.parametrize(
    ("access", "token", "expected"),
    [
        ("gated", "", "hub_gated"),
        ("private", "", "hub_missing"),
        ("open", "hf_wrong", "hub_token"),
        ("gated", TOKEN, None),
        ("private", TOKEN, None),
    ],
)
def test_who_may_not_is_told_before_weights_are_read(
    served: Hub,
    monkeypatch: pytest.MonkeyPatch,
    access: str,
    token: str,
    expected: str | None,
) -> None:
    served.repos[POCKET].access = access  # type: ignore[assignment]
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    if expected:
        assert code(lambda: hub.get(POCKET)) == expected
        assert not any(path.endswith(".safetensors") for _, path, _ in served.asked)
    else:
        assert hub.get(POCKET)


def test_what_the_hub_does_not_have(served: Hub, files: dict[str, bytes]) -> None:
    assert code(lambda: hub.get("lab/none")) == "hub_missing"
    assert code(lambda: hub.get("no/such/id")) == "hub_id"
    served.repos["lab/pickle"] = Repo({"config.json": b"{}", "pytorch_model.bin": b"x"})
    assert code(lambda: hub.get("lab/pickle")) == "hub_not_safetensors"
    served.repos["lab/bare"] = Repo({"model.safetensors": b"x"})
    assert code(lambda: hub.get("lab/bare")) == "hub_no_file"
    served.repos["lab/adapter"] = Repo({"config.json": b"{}", "adapter_model.safetensors": b"x"})
    assert code(lambda: hub.look("lab/adapter")) == "hub_no_file"
    part = {name: files[name] for name in files if name != large(files)[1]}
    served.repos["lab/part"] = Repo(part)
    assert code(lambda: hub.get("lab/part")) == "hub_no_file"


def test_no_network(served: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = hub.get(POCKET)
    with monkeypatch.context() as here:
        here.setattr(constants, "HF_HUB_OFFLINE", True)
        utils.close_session()
        assert hub.get(POCKET) == folder
        assert code(lambda: hub.get("lab/other")) == "hub_offline"
    for served.down, expected in ((503, "hub_server"), (429, "hub_busy")):
        assert code(lambda: hub.look(POCKET)) == expected
    turn_to("http://127.0.0.1:9", tmp_path / "cache", monkeypatch)
    assert hub.get(POCKET) == folder
    assert code(lambda: hub.get("lab/other")) == "hub_unreachable"


def test_a_full_disk_is_seen_before_and_during(
    served: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = hub.look(POCKET)
    with monkeypatch.context() as here:
        room = SimpleNamespace(free=hub.missing_bytes(found) - 1)
        here.setattr(hub.shutil, "disk_usage", lambda path: room)
        assert code(lambda: hub.download(found)) == "disk_full"
    assert not any(path.endswith(".safetensors") for _, path, _ in served.asked)

    class Refused(Recorder):
        def at(self, n_bytes: int, *, elsewhere: bool = False) -> None:
            if n_bytes > 3_000_000:
                raise OSError(self.stop_at, os.strerror(int(self.stop_at)))

    for why, expected in ((errno.ENOSPC, "disk_filled"), (errno.EROFS, "cache_denied")):
        assert code(lambda: hub.download(found, Refused(why))) == expected  # noqa: B023
    assert hub.missing_bytes(found) < found.bytes
    assert hub.download(found)


def test_two_threads_fetch_each_file_once(served: Hub, files: dict[str, bytes]) -> None:
    downloads = Downloads(Settings())
    got: list[Path] = []
    askers = [threading.Thread(target=lambda: got.append(downloads.get(POCKET))) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert len(set(got)) == 1
    assert len(got) == 4
    assert served.sent.items() >= {name: len(files[name]) for name in large(files)}.items()
    state = downloads.states()[0]
    assert (state.phase, state.error) == ("done", None)


def apart() -> subprocess.Popen[str]:
    """Get the model in a process of its own, which the environment points to the same hub."""
    env = {
        **os.environ,
        "HF_ENDPOINT": constants.ENDPOINT,
        "HF_HUB_CACHE": constants.HF_HUB_CACHE,
        "HF_HUB_OFFLINE": "0",
    }
    script = (
        f"import sys; from backend import hub; print(hub.get({POCKET!r}), 'torch' in sys.modules)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_processes_share_one_cache(served: Hub, files: dict[str, bytes]) -> None:
    for name in large(files):
        served.faults[name] = ("slow", 1)
    both = [apart() for _ in range(2)]
    said = [process.communicate(timeout=300)[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] == f"{hub.folder(POCKET)} False"
    assert {name: served.sent[name] for name in large(files)} == {
        name: len(files[name]) for name in large(files)
    }


@pytest.mark.slow
def test_what_a_killed_process_had_is_gone_on_from(served: Hub, files: dict[str, bytes]) -> None:
    first = next(file for file in hub.look(POCKET).files if file.sha256)
    served.faults[first.name] = ("stall", 1)
    process = apart()
    part = hub._part(hub.look(POCKET), first)
    while not part.exists() or part.stat().st_size < 2**20:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    served.asked.clear()
    assert (hub.get(POCKET) / first.name).read_bytes() == files[first.name]
    [span] = [span for verb, path, span in served.asked if verb == "GET" and first.name in path]
    assert int(span[6:-1]) >= 2**20
