"""The ledger on the teacher's page: a device as a bar, its parts in a table, the rest explained."""

from html import escape

from backend.device_memory import DeviceMemory
from backend.ledger import Component, Ledger
from demo.widgets.memory_stack import size
from demo.widgets.teacher_card import card
from demo.words import Words

COMPONENTS: tuple[Component, ...] = (
    "weights", "quant_state", "kv_cache", "activations", "other",
)  # fmt: skip


def ledger_card(ledger: Ledger, words: Words) -> str:
    """Show who holds what of every device."""
    parts = "".join(_device(ledger, device, words) for device in ledger.devices)
    badge = f'<span class="badge">{escape(words("badge.measured"))}</span>'
    body = f'<div id="ledger-now" data-live>{parts}</div>'
    return card("ledger", words("teacher.ledger"), words("teacher.ledger_text"), body, badge)


def _device(ledger: Ledger, device: DeviceMemory, words: Words) -> str:
    held, most = dict.fromkeys(COMPONENTS, 0), dict.fromkeys(COMPONENTS, 0)
    for holding in ledger.holdings:
        if holding.device == device.device:
            held[holding.component] += holding.bytes
            most[holding.component] += holding.peak_bytes
    label = words(
        "teacher.device",
        device=device.device.upper(),
        total=size(device.total_bytes),
        ours=size(device.ours_bytes),
        others=size(device.others_bytes),
        free=size(device.total_bytes - device.used_bytes),
    )
    widths: list[tuple[str, int]] = [*held.items(), ("others", device.others_bytes)]
    bar = "".join(
        f'<i class="{name}" style="width:{100 * n / device.total_bytes:.2f}%"></i>'
        for name, n in widths
    )
    heads = "".join(
        f'<th scope="col">{escape(words(f"teacher.{name}"))}</th>'
        for name in ("component", "now", "most")
    )
    rows = "".join(
        f'<tr><th scope="row"><i class="key {name}"></i>{escape(words(f"teacher.part_{name}"))}'
        f"</th><td>{size(held[name])}</td><td>{size(most[name])}</td></tr>"
        for name in COMPONENTS
    )
    rows += (
        f'<tr><th scope="row"><i class="key others"></i>{escape(words("teacher.part_others"))}</th>'
        f"<td>{size(device.others_bytes)}</td><td>–</td></tr>"
    )
    return (
        f"<p>{escape(label)}</p>"
        f'<div class="held" role="img" aria-label="{escape(label)}">{bar}</div>'
        f'<table class="held-parts"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f"{_residuals(ledger, device, words)}"
    )


def _residuals(ledger: Ledger, device: DeviceMemory, words: Words) -> str:
    """Say in words and bytes what the parts that no estimate knows are made of."""
    found = [r for r in ledger.residuals if r.device == device.device and r.bytes]
    items = "".join(
        f"<li>{escape(words(f'teacher.part_{r.component}'))}: "
        f"{escape(words(f'teacher.why_{r.reason}', size=size(r.bytes)))}</li>"
        for r in found
    )
    return f'<ul class="why">{items}</ul>' if items else ""
