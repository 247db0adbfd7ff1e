"""The Hugging Face folders: resolved as the library does, deleted by id, no secret shown."""

import os
from pathlib import Path

import pytest

from backend import hub_cache
from backend.errors import LabError

COMMIT = "a" * 40


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with two models as huggingface_hub lays them out: blobs, snapshots with links."""
    for name, amount in (("small", 10), ("large", 5000)):
        repo = tmp_path / f"models--lab--{name}"
        (repo / "blobs").mkdir(parents=True)
        (repo / "blobs" / "b1").write_bytes(b"x" * amount)
        (repo / "snapshots" / COMMIT).mkdir(parents=True)
        (repo / "snapshots" / COMMIT / "model.safetensors").symlink_to(repo / "blobs" / "b1")
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text(COMMIT)
    return tmp_path


def test_the_largest_is_first_with_its_bytes(cache: Path) -> None:
    found = hub_cache.cached(cache)
    assert [(repo.id, repo.bytes, repo.files) for repo in found] == [
        ("lab/large", 5000, 1),
        ("lab/small", 10, 1),
    ]


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert hub_cache.cached(tmp_path / "nowhere") == []


def test_deleting_frees_the_bytes_and_nothing_else(cache: Path) -> None:
    assert hub_cache.delete("lab/large", in_use=[], folder=cache) == 5000
    assert [repo.id for repo in hub_cache.cached(cache)] == ["lab/small"]


@pytest.mark.parametrize("name", ["", "lab/none", "../small", "models--lab--small", "/"])
def test_only_what_is_listed_is_deleted(cache: Path, name: str) -> None:
    with pytest.raises(LabError) as caught:
        hub_cache.delete(name, in_use=[], folder=cache)
    assert caught.value.code == "cache_unknown"
    assert len(hub_cache.cached(cache)) == 2


def test_a_loaded_model_stays(cache: Path) -> None:
    with pytest.raises(LabError) as caught:
        hub_cache.delete("lab/small", in_use=["lab/small"], folder=cache)
    assert caught.value.code == "cache_in_use"
    assert len(hub_cache.cached(cache)) == 2


def test_moving_the_home_after_logging_in_logs_out() -> None:
    before, after, kept = [resolved for _, resolved in hub_cache.moved()]
    assert before.logged_in
    assert before.token == "~/.cache/huggingface/token"
    assert not after.logged_in
    assert after.token == "~/shared/huggingface/token"
    assert kept.logged_in
    assert kept.hub == "~/shared/huggingface/hub"


def test_the_token_follows_the_home_and_not_the_cache() -> None:
    found = hub_cache.under("/mnt/models", "/fast/hub")
    assert found.hub == "/fast/hub"
    assert found.token == "/mnt/models/token"
    assert not found.logged_in


def test_a_typed_folder_cannot_read_a_variable_of_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = hub_cache.under("/x/$HF_TOKEN")
    assert "hf_secret" not in repr(found)
    assert not found.logged_in


@pytest.mark.parametrize("path", ["a\0b", "x" * 501])
def test_a_folder_that_no_shell_takes_is_refused(path: str) -> None:
    with pytest.raises(LabError):
        hub_cache.under(path)


def test_folders_are_those_of_the_library() -> None:
    from huggingface_hub import constants

    paths = {folder.variable: folder.path for folder in hub_cache.folders()}
    assert paths["HF_HUB_CACHE"] == Path(constants.HF_HUB_CACHE)
    assert paths["HF_TOKEN_PATH"] == Path(constants.HF_TOKEN_PATH)


def test_where_the_token_is_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert hub_cache.token_source() == "none"
    (tmp_path / "token").write_text("hf_secret")
    assert hub_cache.token_source() == "file"
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert hub_cache.token_source() == "environment"


def test_a_tree_counts_its_files_and_not_what_links_point_at(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 7)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_bytes(b"x" * 5)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    link = os.lstat(tmp_path / "link").st_size
    assert hub_cache.tree_bytes(tmp_path) == 12 + link
    assert hub_cache.tree_bytes(tmp_path / "a") == 7
    assert hub_cache.tree_bytes(tmp_path / "none") == 0
