// What the page does without the server: the frame's numbers, languages, copy and download, keys.
window.lab = {
  // where the lab is served: "/", or a path of a proxy
  get root() {
    return location.pathname.replace(/(ja\/?)?$/, "");
  },

  ready() {
    if (this.started) return;
    this.started = true;
    this.poll();
    setInterval(() => document.hidden || this.poll(), 3000);
    document.addEventListener("visibilitychange", () => document.hidden || this.poll());
    for (const type of ["keydown", "keypress"]) document.addEventListener(type, (event) => this.guard(event), true);
    for (const type of ["click", "auxclick"]) document.addEventListener(type, (event) => this.click(event));
  },

  // write JSON into a hidden Textbox: Gradio's own value in the page, no way round by the server
  hold(id, value) {
    const box = document.querySelector(`#${id} textarea`);
    box.value = JSON.stringify(value);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  },

  // the frame: which model, how much memory, who waits
  async poll() {
    const frame = document.querySelector("[data-frame]");
    if (!frame) return;
    const words = frame.dataset, at = (name) => frame.querySelector(`[data-${name}]`);
    let now;
    try {
      now = await (await fetch(this.root + "status")).json();
    } catch {
      at("model").textContent = words.away;
      return;
    }
    this.follow(now);
    const state = now.state === "ready" ? "" : words[now.state] ?? now.state;
    const name = now.model ? `${now.model} · ${now.precision} · ${now.device}` : "";
    at("model").textContent = [name, state, now.state === "failed" ? now.detail : ""].filter(Boolean).join(" · ");
    const gib = (bytes) => (bytes / 2 ** 30).toFixed(1);
    at("memory").textContent = `${gib(now.used)} / ${gib(now.total)} GiB`;
    at("bar").style.width = `${Math.min(100, (100 * now.used) / now.total)}%`;
    at("meter").setAttribute("aria-label", `${words.memory} ${gib(now.used)} / ${gib(now.total)} GiB`);
    at("waiting").textContent = words.waiting.replace("{n}", now.waiting);
  },

  // Enter never sends while an input method composes; 229 is what Safari gives at its end.
  // Gradio's text boxes send on keypress, so the keydown before it decides for both.
  guard(event) {
    if (event.key !== "Enter") return;
    if (event.type === "keydown") this.composing = event.isComposing || event.keyCode === 229;
    if (!this.composing && !event.isComposing) return;
    if (!event.target.closest("textarea, input")) return;
    event.stopImmediatePropagation();
    if (event.type === "keypress") event.preventDefault();
  },

  click(event) {
    const link = event.target.closest("a[data-lang]");
    if (link) {
      const tab = document.querySelector("#tabs button[role=tab][aria-selected=true]");
      const id = (tab?.id || "").replace(/-button$/, "").replace(/^tab-/, "");
      link.href = `${this.root}?lang=${link.dataset.lang}` + (id ? `&tab=${id}` : "");
    }
    const own = event.target.closest("a[href^='/']");
    if (own && !own.getAttribute("href").startsWith(this.root)) own.href = this.root + own.getAttribute("href").slice(1);
    const tool = event.target.closest("[data-code]");
    if (tool) this.code(tool);
  },

  // copy, .py and .ipynb of the code pane the button stands in
  async code(tool) {
    const pane = tool.closest(".code"), text = pane.querySelector("pre").textContent;
    const save = (body, type, ending) => {
      const url = URL.createObjectURL(new Blob([body], { type }));
      Object.assign(document.createElement("a"), { href: url, download: `${pane.dataset.name}.${ending}` }).click();
      URL.revokeObjectURL(url);
    };
    if (tool.dataset.code === "py") return save(text, "text/x-python", "py");
    if (tool.dataset.code === "ipynb") {
      const source = text.split("\n").map((line, i, all) => (i < all.length - 1 ? line + "\n" : line));
      const cell = { cell_type: "code", execution_count: null, id: "lab", metadata: {}, outputs: [], source };
      const kernel = { kernelspec: { display_name: "Python 3", language: "python", name: "python3" } };
      return save(JSON.stringify({ cells: [cell], metadata: kernel, nbformat: 4, nbformat_minor: 5 }, null, 1), "application/json", "ipynb");
    }
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(pane.querySelector("pre")); // no clipboard without TLS: select it
      document.execCommand("copy");
    }
    tool.textContent = tool.dataset.done;
    setTimeout(() => (tool.textContent = tool.dataset.label), 1500);
  },
};
