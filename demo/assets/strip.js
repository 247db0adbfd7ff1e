// The token strip: chips tinted by probability; one opens its alternatives; any of them can be
// continued from. Everything from a model enters by textContent.
window.lab.strip = function (element, props, trigger, watch) {
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  // null: a server that does not say
  const percent = (p) =>
    p === null ? "?" : p < 1e-4 ? "< 0.01 %" : (p >= 0.0995 ? (100 * p).toFixed(1) : (100 * p).toPrecision(2)) + " %";
  const named = (id) => (id < 0 ? "" : `id ${id} · `); // below 0: a server that gives no ids
  let open = -1, text = "", tokens = []; // what has been read of props.value.tokens, and what it says

  // one JSON object a line, more of them while a run goes on
  function read() {
    const now = props.value.tokens;
    if (!now.startsWith(text)) [text, tokens] = ["", []];
    for (const line of now.slice(text.length).split("\n")) if (line) tokens.push(JSON.parse(line));
    text = now;
    return tokens;
  }

  function chip(token, index, words) {
    const node = make(token.prompt ? "span" : "button", "t");
    const space = props.value.marks ? "▁" : " ";
    const shown = token.special ? token.piece : token.byte ? token.piece : token.shown.replaceAll(" ", space);
    node.textContent = shown;
    if (token.special) node.classList.add("sp");
    if (token.byte) node.classList.add("b");
    if (token.prompt) node.classList.add("p");
    else {
      node.type = "button";
      node.dataset.i = index;
      if (token.p !== null) node.style.setProperty("--a", token.p.toFixed(3));
      if (token.p !== null && token.p < 0.1) node.classList.add("low");
      node.setAttribute("aria-label", `${shown} ${percent(token.p)}`);
      node.setAttribute("aria-expanded", index === open);
      node.tabIndex = index === Math.max(open, props.value.start) ? 0 : -1;
    }
    node.title = `${named(token.id)}${token.piece} · ${words.bytes} ${token.data}`;
    return node;
  }

  function bars(token, index, words) {
    const pop = make("div", "pop");
    pop.setAttribute("role", "region");
    const head = make("div", "h");
    head.append(make("h3", "", words.title.replace("{n}", index - props.value.start + 1)));
    head.append(make("span", "badge", words.measured));
    head.append(make("span", "src", `${words.chosen} ${named(token.id)}${token.piece} · ${words.bytes} ${token.data}`));
    pop.append(head);
    const rows = token.alternatives.map(([id, piece, raw, prob, cut]) => ({ id, piece, raw, prob, cut }));
    const top = Math.max(...rows.map((c) => c.raw), token.p);
    if (!rows.some((c) => c.id === token.id)) rows.push({ id: token.id, piece: token.piece, raw: token.p, prob: token.prob, cut: "" });
    for (const c of rows) {
      const row = make("div", "bar" + (c.id === token.id ? " on" : "") + (c.cut ? " cut" : ""));
      const bar = make("i");
      bar.style.width = `${(100 * c.raw) / top}%`;
      const tail = make("span", "n", percent(c.raw));
      const right = make("span", "do"), removed = c.cut && words.removed.replace("{by}", words[c.cut] || c.cut);
      row.append(make("code", "", c.piece), bar, tail, right);
      tail.title = removed || (c.prob === null ? "" : `${words.after} ${percent(c.prob)}`);
      if (c.id !== token.id && props.value.done && props.value.forks) {
        const go = make("button", "", words.fork);
        go.type = "button";
        go.dataset.fork = c.id;
        go.setAttribute("aria-label", `${words.fork}: ${c.piece}`);
        right.append(go);
      }
      if (removed) right.append(make("span", "src", removed));
      pop.append(row);
    }
    if (rows.some((c) => c.prob !== null && Math.abs(c.prob - c.raw) > 0.0005)) {
      const after = rows.filter((c) => !c.cut).map((c) => `${c.piece} ${percent(c.prob)}`).join("  ");
      pop.append(make("div", "src", `${words.after} ${after}`));
    }
    return pop;
  }

  function draw() {
    const value = props.value, focused = element.contains(document.activeElement) && document.activeElement.dataset.i;
    if (!value || typeof value.tokens !== "string") return;
    const tokens = read();
    if (value.run !== element.dataset.run) open = -1;
    element.dataset.run = value.run;
    const strip = make("div", "strip");
    strip.setAttribute("role", "group");
    strip.setAttribute("aria-label", value.words.strip);
    tokens.forEach((token, index) => {
      strip.append(chip(token, index, value.words));
      if (!token.special && token.shown.includes("\n")) strip.append(make("br"));
      if (index === open) strip.append(bars(token, index, value.words));
    });
    if (!tokens.length) strip.append(make("span", "src", value.words.empty));
    const nodes = [strip];
    if (value.branches.length > 1) {
      const list = make("ol", "branches");
      value.branches.forEach((text, n) => {
        const item = make("li"), pick = make("button", "tool", `${n + 1}`);
        pick.type = "button";
        pick.dataset.branch = n;
        pick.setAttribute("aria-pressed", n === value.branch);
        pick.setAttribute("aria-label", value.words.branch.replace("{n}", n + 1));
        if (n === value.branch) pick.textContent += " ●";
        item.append(pick, make("span", "", text));
        list.append(item);
      });
      nodes.push(list);
    }
    element.replaceChildren(...nodes);
    if (focused) element.querySelector(`[data-i="${focused}"]`)?.focus({ preventScroll: true });
  }

  element.addEventListener("click", (event) => {
    const fork = event.target.closest("[data-fork]"), branch = event.target.closest("[data-branch]");
    const token = event.target.closest("[data-i]");
    if (fork) trigger("select", { kind: "fork", index: open - props.value.start, token: +fork.dataset.fork });
    else if (branch) trigger("select", { kind: "branch", index: +branch.dataset.branch, token: 0 });
    else if (token) {
      open = open === +token.dataset.i ? -1 : +token.dataset.i;
      draw();
      element.querySelector(`[data-i="${token.dataset.i}"]`)?.focus({ preventScroll: true });
    }
  });
  element.addEventListener("keydown", (event) => {
    const token = event.target.closest("[data-i]"), steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === "Escape" && open >= 0) {
      const was = open;
      open = -1;
      draw();
      element.querySelector(`[data-i="${was}"]`)?.focus();
    }
    if (!token || !(event.key in steps)) return;
    event.preventDefault();
    const next = element.querySelector(`[data-i="${+token.dataset.i + steps[event.key]}"]`);
    if (next) {
      token.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  });
  watch("value", draw);
  draw();
};
