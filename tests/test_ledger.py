"""Who holds what: counted, measured, explained; and models that make room for one another."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, LlamaConfig

from backend import device_memory, residents
from backend.catalog import MODELS
from backend.device_memory import DeviceMemory
from backend.errors import LabError
from backend.lab import Lab
from backend.ledger import Component, Ledger
from backend.models import LoadedModel, measure
from backend.precision import PRECISIONS
from backend.settings import Settings
from backend.types import SamplingParams
from tests.test_scheduler import LONG, PROMPT, until

pytestmark = pytest.mark.slow

POCKET_BYTES = 12_199_808  # weights of one pocket model in fp32


def held(ledger: Ledger, component: Component) -> int:
    return sum(h.bytes for h in ledger.holdings if h.component == component)


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab whose models come and go."""
    lab = Lab(Settings(threads=1))
    lab.engine.model()
    yield lab
    lab.close()


@pytest.fixture
def two(own: Lab) -> Lab:
    """pocket-chat is current, pocket-base beside it."""
    own.engine.model("pocket-base")
    if own.status().current != "pocket-chat":
        own.load_model("pocket-chat", "fp32")
    own.engine.unload("pocket-dpo")
    return own


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set how many bytes are left on the CPU, and what others hold."""

    def set_free(n_bytes: int, others: int = 0) -> None:
        memory = DeviceMemory(
            device="cpu", total_bytes=10**9, used_bytes=10**9 - n_bytes,
            ours_bytes=10**9 - n_bytes - others,
        )  # fmt: skip
        monkeypatch.setattr(device_memory, "look", lambda device: memory)

    return set_free


def test_the_parts_add_up_to_what_the_process_holds(two: Lab) -> None:
    ledger = two.ledger()
    [cpu] = ledger.devices
    assert sum(h.bytes for h in ledger.holdings) == cpu.ours_bytes
    assert held(ledger, "weights") == 2 * POCKET_BYTES
    assert 0 < cpu.ours_bytes <= cpu.used_bytes < cpu.total_bytes
    assert all(h.peak_bytes >= h.bytes for h in ledger.holdings)
    other = [r.bytes for r in ledger.residuals if r.component == "other"]
    assert sum(other) == held(ledger, "other")
    assert other[0] > 100 * 2**20  # torch and the other libraries, measured before the first load


def test_the_estimate_is_what_was_counted(two: Lab) -> None:
    for resident in two.ledger().residents:
        assert resident.residual_bytes == 0
        assert resident.held_bytes == POCKET_BYTES


def test_a_cache_is_held_while_rows_run_and_remembered_after(two: Lab) -> None:
    steps = two.stream(PROMPT, LONG)
    next(steps)
    running = two.ledger()
    [user] = [r for r in running.residents if r.current]
    assert user.in_use == 1
    assert held(running, "kv_cache") == user.kv_cache_bytes > 0
    assert held(running, "activations") == user.logits_bytes > 0
    steps.close()
    assert until(lambda: held(two.ledger(), "kv_cache") == 0)
    [peak] = [
        h.peak_bytes
        for h in two.ledger().holdings
        if (h.component, h.model) == ("kv_cache", "pocket-chat")
    ]
    assert peak >= user.kv_cache_bytes


def test_nothing_is_read_where_it_cannot_fit(
    two: Lab, free: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = two.stream(PROMPT, LONG)
    next(steps)
    free(1000, others=7 * 10**8)

    def read(*args: object, **options: object) -> None:
        raise AssertionError("weights were read")

    with monkeypatch.context() as patched:
        patched.setattr(AutoModelForCausalLM, "from_pretrained", read)
        with pytest.raises(LabError) as raised:
            two.load_model("pocket-dpo", "fp32")
    error = raised.value
    assert error.code == "does_not_fit"
    assert error.values["free"] == "0.00 GiB"
    assert error.values["others"] == "0.65 GiB"
    assert "pocket-chat" in str(error.values["kept"])
    assert {m.model for m in two.status().models} == {"pocket-chat", "pocket-base"}
    assert two.status().current == "pocket-chat"
    info = two.engine.load("pocket-dpo", "fp32", confirmed=True)  # the teacher insists
    assert info.model == two.status().current == "pocket-dpo"
    resident = {r.model for r in two.ledger().residents}
    assert resident == {"pocket-dpo", "pocket-chat"}  # the one in use stayed
    steps.close()


def test_the_longest_idle_goes_first_and_only_as_many_as_needed(
    two: Lab, free: Callable[..., None]
) -> None:
    two.tokenize(PROMPT, "pocket-base")  # asked for after pocket-chat
    free(6 * 10**6)
    two.load_model("pocket-dpo", "fp32")
    assert {m.model for m in two.status().models} == {"pocket-base", "pocket-dpo"}


def test_a_learners_wish_never_takes_the_current_model(two: Lab, free: Callable[..., None]) -> None:
    two.engine.unload("pocket-base")
    free(1000)
    with pytest.raises(LabError) as raised:
        two.generate(PROMPT, SamplingParams(max_new_tokens=2), model="pocket-base")
    assert raised.value.code == "does_not_fit"
    assert {m.model for m in two.status().models} == {"pocket-chat"}


def test_a_failed_switch_brings_the_current_model_back(
    two: Lab, free: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    two.engine.unload("pocket-base")
    free(6 * 10**6)
    whole = residents.load

    def load(name: str, *args: Any, **options: Any) -> LoadedModel:
        loaded = whole(name, *args, **options)
        free(10**9)
        if name == "pocket-dpo":
            raise LabError("load_oom", "full")
        return loaded

    monkeypatch.setattr(residents, "load", load)
    before = two.status().oom_total
    with pytest.raises(LabError) as raised:
        two.load_model("pocket-dpo", "fp32")
    assert raised.value.code == "load_oom"
    assert two.status().oom_total == before + 1
    assert [m.model for m in two.status().models] == ["pocket-chat"]
    assert two.status().state == "ready"


def test_what_is_unloaded_stays_until_its_last_request_has_ended(two: Lab) -> None:
    steps = two.stream(PROMPT, LONG, model="pocket-base")
    next(steps)
    two.engine.unload("pocket-base")
    [leaving] = [r for r in two.ledger().residents if r.leaving]
    assert leaving.model == "pocket-base"
    assert leaving.weights_bytes == POCKET_BYTES
    assert next(steps).text is not None
    steps.close()
    assert until(lambda: not any(r.leaving for r in two.ledger().residents))


def test_a_containers_limit_is_the_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = device_memory.look("cpu").ours_bytes
    monkeypatch.setattr(device_memory, "CGROUP", tmp_path)
    for name, text in (
        ("memory.max", f"{ours + 500}"),
        ("memory.current", f"{ours + 400}"),
        ("memory.stat", "anon 7\ninactive_file 100"),
    ):
        (tmp_path / name).write_text(text + "\n")
    found = device_memory.look("cpu")
    assert found.total_bytes == ours + 500
    assert abs(found.used_bytes - ours - 300) < 50 * 2**20  # this process grows meanwhile
    (tmp_path / "memory.max").write_text("max\n")
    assert device_memory.look("cpu").total_bytes > ours + 500


def test_somebody_elses_process_is_seen() -> None:
    card = DeviceMemory(
        device="cuda", total_bytes=100, used_bytes=90, ours_bytes=30, allocated_bytes=10,
        reserved_bytes=20,
    )  # fmt: skip
    assert card.others_bytes == 60
    assert card.room_bytes == 20  # ten are free, ten reserved and empty


def test_several_cards_are_one_device_to_a_model_on_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(device: str) -> DeviceMemory:
        n = int(device.removeprefix("cuda:"))
        return DeviceMemory(device=device, total_bytes=100, used_bytes=40 + n, ours_bytes=30)

    monkeypatch.setattr(device_memory, "look", look)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    both = device_memory.together("cuda")
    assert (both.device, both.total_bytes, both.used_bytes, both.others_bytes) == (
        "cuda", 200, 81, 21,
    )  # fmt: skip
    assert device_memory.together("cuda:1").used_bytes == 41


@pytest.mark.parametrize("precision", ["int8", "nf4-dq"])
def test_scales_are_counted_before_a_forward_moves_them(own: Lab, precision: str) -> None:
    own.load_model("pocket-dpo", precision)
    [resident] = [r for r in own.ledger().residents if r.model == "pocket-dpo"]
    assert resident.quant_state_bytes > 0
    assert resident.residual_bytes == 0


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8", "nf4", "nf4-dq"])
def test_a_family_that_is_not_counted_is_counted_by_its_parameters(precision: str) -> None:
    spec = PRECISIONS[precision]
    config = AutoConfig.from_pretrained(MODELS["pocket-chat"].source)
    found = residents.estimated(config, spec)
    assert found is not None
    total = found.weights_bytes + found.quant_state_bytes
    rotary = 4 * config.head_dim  # buffers, which are no parameters
    assert sum(residents.parameter_bytes(config, spec)) == total - rotary


def test_gpt2_needs_what_it_then_holds() -> None:
    config = GPT2Config(n_layer=2, n_embd=64, n_head=2, vocab_size=100, n_positions=64)
    cpu, fp32 = torch.device("cpu"), PRECISIONS["fp32"]
    assert residents.estimated(config, fp32) is None
    weights, _ = measure(AutoModelForCausalLM.from_config(config))
    assert residents.needed_bytes(config, fp32, cpu) == weights


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_on_a_card_the_residual_is_small(precision: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    config = LlamaConfig(
        hidden_size=2048, intermediate_size=5632, num_hidden_layers=16, num_attention_heads=16,
        num_key_value_heads=16, head_dim=128, vocab_size=32000,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(MODELS["pocket-chat"].source).save_pretrained(tmp_path)
    lab = Lab(Settings(model=str(tmp_path), precision=precision))
    try:
        lab.generate(PROMPT, SamplingParams(max_new_tokens=4))
        assert until(lambda: not lab.status().kv_cache_bytes)
        ledger = lab.ledger()
        card = next(d for d in ledger.devices if d.device.startswith("cuda"))
        [resident] = ledger.residents
        assert resident.estimated is not None
        expected = resident.estimated.allocated_bytes
        assert abs(card.allocated_bytes - expected) < 0.02 * expected
        assert resident.load_peak_bytes <= resident.estimated.peak_bytes
    finally:
        lab.close()
