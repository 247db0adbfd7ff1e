// Instruction and content in two colours under every prompt box of the lab (the course's 2).
// The rule: known wordings are the instruction, a template's fixed text too; the rest is content.
window.lab.parts = {
  boxes: ["prompt", "message", "question", "query", "content", "system", "template", "wish-1", "wish-2"].map((end) => `[id$="-${end}"]:not([id^="tab-"]) textarea`).join(),
  // what the boxes held when their lines were drawn
  drawn: new WeakMap(),
  rule: new RegExp(
    [
      "^[ \\t]*(?:Please |Translate\\b|Paraphrase\\b|短い文を)[^:：\\n]{0,60}[:：][ \\t]*", // a request up to its colon
      "^(?:English|Japanese|Context|Question|文脈|質問)[:：][ \\t]*", // a layout's labels
      "^(?:Answer with the help of the context\\.|文脈を使って答えてください。)$",
      "[ \\t]*(?:Answer at once\\.|Think step by step\\.|すぐに答えてください。|途中式を書いてください。)[ \\t]*$",
    ].join("|"),
    "gm",
  ),

  // a text as [kind, text] pairs, "i" instruction and "c" content
  split(text, kind) {
    if (kind === "system" || kind === "wish") return text ? [["i", text]] : [];
    const found = [];
    const add = (of, part) => part && found.push([part.trim() ? of : "i", part]);
    if (kind === "template") {
      for (const [part] of text.matchAll(/\{\{|\}\}|\{\w+\}|[^{}]+|[{}]/g)) add(/^\{\w+\}$/.test(part) ? "c" : "i", part);
      return found;
    }
    let at = 0;
    for (const hit of text.matchAll(this.rule)) {
      add("c", text.slice(at, hit.index));
      add("i", hit[0]);
      at = hit.index + hit[0].length;
    }
    add("c", text.slice(at));
    return found;
  },

  draw(box) {
    const host = box.closest("[id]"), words = window.partsWords;
    let line = host.querySelector(":scope > .parts");
    if (line && this.drawn.get(box) === box.value) return;
    this.drawn.set(box, box.value);
    if (!line) host.append((line = Object.assign(document.createElement("div"), { className: "parts" })));
    const found = this.split(box.value.slice(0, 2000), host.id.replace(/-\d$/, "").split("-").pop());
    const key = document.createElement("span"), text = document.createElement("code");
    key.className = "key";
    for (const [kind, word] of [["i", words.instruction], ["c", words.content]]) {
      const none = !found.some(([of]) => of === kind);
      key.append(Object.assign(document.createElement("b"), { className: kind, textContent: word }), none ? ` ${words.none} ` : " ");
    }
    for (const [kind, part] of found) text.append(Object.assign(document.createElement("span"), { className: kind, textContent: part }));
    line.replaceChildren(key, text);
  },

  look() {
    for (const box of document.querySelectorAll(this.boxes)) if (box.offsetParent) this.draw(box);
  },
};
document.addEventListener("input", (event) => event.target.matches?.(window.lab.parts.boxes) && window.lab.parts.draw(event.target));
// values also come from links, buttons and other tabs
setInterval(() => document.hidden || window.lab.parts.look(), 400);
