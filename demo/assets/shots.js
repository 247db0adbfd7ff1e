// The shot editor: examples one writes, moves, drops and adds. A hidden box holds all of them.
window.lab.shotEditor = function (element, props, watch, held) {
  const texts = props.value.words, most = props.value.most;
  let shots = props.value.shots.map((shot) => [...shot]), waiting;
  const sent = new Set(); // what comes back from Python is no news, and older than what is typed
  const make = (tag, options = {}) => Object.assign(document.createElement(tag), options);
  const list = make("ol", { className: "shots" });
  const count = make("p", { className: "src" }), add = make("button"), course = make("button");
  count.setAttribute("role", "status");

  function tell() {
    clearTimeout(waiting);
    sent.add(JSON.stringify(shots));
    window.lab.hold(held, shots);
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

  function field(shot, side, i) {
    const input = make("textarea", { value: shot[side], rows: 1, maxLength: 200 });
    input.setAttribute("aria-label", `${side ? texts.japanese : texts.english} ${i + 1}`);
    input.lang = side ? "ja" : "en";
    typing(input, () => (shot[side] = input.value.replaceAll("\n", " ")));
    return input;
  }

  function button(text, label, act) {
    const made = make("button", { type: "button", className: "tool", textContent: text });
    made.setAttribute("aria-label", label);
    made.title = label;
    made.addEventListener("click", act);
    return made;
  }

  function change(act, at, action) {
    act();
    draw();
    tell();
    const row = list.children[Math.min(at, shots.length - 1)];
    const next = row?.querySelector(`[data-do="${action}"]:not(:disabled)`) ?? row?.querySelector("[data-do]:not(:disabled)") ?? add;
    next.focus();
  }

  function row(shot, i) {
    const item = make("li"), fields = make("div", { className: "pair" }), row = make("div", { className: "row" });
    fields.append(field(shot, 0, i), field(shot, 1, i));
    const swap = (by) => () => change(() => shots.splice(i + by, 0, ...shots.splice(i, 1)), i + by, by < 0 ? "up" : "down");
    const tools = [
      ["up", "↑", swap(-1), i === 0],
      ["down", "↓", swap(1), i === shots.length - 1],
      ["drop", "×", () => change(() => shots.splice(i, 1), i, "drop"), false],
    ].map(([name, sign, act, disabled]) => {
      const made = button(sign, `${texts[name]} ${i + 1}`, act);
      made.dataset.do = name;
      made.disabled = disabled;
      return made;
    });
    row.append(...tools);
    item.append(fields, row);
    return item;
  }

  function draw() {
    list.replaceChildren(...shots.map(row));
    count.textContent = texts.count.replace("{n}", shots.length);
    add.disabled = shots.length >= most;
  }

  for (const [made, name, act] of [
    [add, "add", () => change(() => shots.push(["", ""]), shots.length, "drop")],
    [course, "course", () => change(() => (shots = props.value.course.map((shot) => [...shot])), 0, "up")],
  ]) {
    Object.assign(made, { type: "button", className: "tool", textContent: texts[name] });
    made.dataset.do = name;
    made.addEventListener("click", () => {
      act();
      if (name === "add") list.lastElementChild?.querySelector("textarea")?.focus();
    });
  }
  const buttons = make("div", { className: "row" });
  buttons.append(add, course);
  element.replaceChildren(count, list, buttons);
  draw();
  watch("value", () => {
    const given = JSON.stringify(props.value.shots);
    if (sent.has(given) || given === JSON.stringify(shots)) return;
    shots = props.value.shots.map((shot) => [...shot]);
    draw();
  });
};
