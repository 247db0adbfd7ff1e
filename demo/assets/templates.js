// The message editor: roles and contents one writes, moves, drops and adds. A hidden box holds all.
window.lab.messageEditor = function (element, props, watch, held) {
  const texts = props.value.words, most = props.value.most, roles = props.value.roles;
  let messages = props.value.messages.map((message) => [...message]), waiting;
  const sent = new Set(); // what comes back from Python is no news, and older than what is typed
  const make = (tag, options = {}) => Object.assign(document.createElement(tag), options);
  const list = make("ol", { className: "messages" }), add = make("button");

  function tell() {
    clearTimeout(waiting);
    sent.add(JSON.stringify(messages));
    window.lab.hold(held, messages);
  }

  // what is typed is told after a pause, or on leaving the field: before a button is pressed
  function typing(input, take) {
    input.addEventListener("input", () => {
      take();
      clearTimeout(waiting);
      waiting = setTimeout(tell, 400);
    });
    input.addEventListener("change", tell);
  }

  function change(act, at, action) {
    act();
    draw();
    tell();
    const row = list.children[Math.max(0, Math.min(at, messages.length - 1))];
    (row?.querySelector(`[data-do="${action}"]:not(:disabled)`) ?? row?.querySelector("[data-do]:not(:disabled)") ?? add).focus();
  }

  function row(message, i) {
    const item = make("li", { className: message[0] }), role = make("select"), content = make("textarea");
    role.append(...roles.map((name) => make("option", { value: name, textContent: name })));
    role.value = message[0];
    role.setAttribute("aria-label", `${texts.role} ${i + 1}`);
    role.addEventListener("change", () => {
      message[0] = item.className = role.value;
      tell();
    });
    Object.assign(content, { value: message[1], rows: 1, maxLength: 500 });
    content.setAttribute("aria-label", `${texts.content} ${i + 1}`);
    typing(content, () => (message[1] = content.value));
    const swap = (by) => () => change(() => messages.splice(i + by, 0, ...messages.splice(i, 1)), i + by, by < 0 ? "up" : "down");
    const tools = make("div", { className: "row" });
    for (const [name, sign, act, off] of [
      ["up", "↑", swap(-1), i === 0],
      ["down", "↓", swap(1), i === messages.length - 1],
      ["drop", "×", () => change(() => messages.splice(i, 1), i, "drop"), messages.length === 1],
    ]) {
      const made = make("button", { type: "button", className: "tool", textContent: sign, disabled: off, title: texts[name] });
      made.dataset.do = name;
      made.setAttribute("aria-label", `${texts[name]} ${i + 1}`);
      made.addEventListener("click", act);
      tools.append(made);
    }
    item.append(role, content, tools);
    return item;
  }

  function draw() {
    list.replaceChildren(...messages.map(row));
    add.disabled = messages.length >= most;
  }

  Object.assign(add, { type: "button", className: "tool", textContent: texts.add });
  add.dataset.do = "add";
  add.addEventListener("click", () => {
    const last = messages.at(-1)?.[0];
    change(() => messages.push([last === "user" ? "assistant" : "user", ""]), messages.length, "drop");
    list.lastElementChild?.querySelector("textarea")?.focus();
  });
  element.replaceChildren(list, add);
  draw();
  watch("value", () => {
    const given = JSON.stringify(props.value.messages);
    if (sent.has(given) || given === JSON.stringify(messages)) return;
    messages = props.value.messages.map((message) => [...message]);
    draw();
  });
};
