// The editable words: a bar one drags, its number, the running total, and a guard on the sum.
window.lab.wordTable = function (element, props, trigger) {
  const texts = props.value.words, course = props.value.rows;
  let rows = course.map((row) => [...row]), waiting;
  const make = (tag, options = {}) => Object.assign(document.createElement(tag), options);
  const tell = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => trigger("input", { rows }), 60);
  };
  const box = make("section", { className: "wf edit" });
  const head = make("h4", { textContent: props.value.title }), list = make("ul");
  const sum = make("p", { className: "src sum" }), frame = make("div", { className: "wf-rows" });
  sum.setAttribute("role", "status");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  svg.append(line);
  svg.setAttribute("class", "wf-lines");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("preserveAspectRatio", "none");

  // what follows from the numbers: running totals, the line, the sum
  function follow() {
    let total = 0;
    const points = ["0,0"];
    rows.forEach(([, p], i) => {
      total += p;
      points.push(`${100 * total},${i + 0.5}`);
      list.children[i].querySelector(".cum").textContent = `Σ ${total.toFixed(2)}`;
    });
    svg.setAttribute("viewBox", `0 0 100 ${rows.length}`);
    svg.style.setProperty("--n", rows.length);
    line.setAttribute("points", points.join(" "));
    const right = Math.abs(total - 1) <= 0.005;
    sum.textContent = `${texts.sum} ${total.toFixed(3)} · ${right ? texts.sum_right : texts.sum_wrong}`;
    sum.classList.toggle("diff", !right);
  }

  function row([word, p], i) {
    const item = make("li", { className: "wf-row" });
    const name = make("input", { type: "text", value: word, maxLength: 40 });
    const bar = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: p });
    const number = make("input", { type: "number", min: 0, max: 1, step: 0.01, value: p });
    name.setAttribute("aria-label", `${texts.word} ${i + 1}`);
    for (const input of [bar, number]) input.setAttribute("aria-label", `${texts.p} ${word}`);
    const set = (value, other) => {
      const given = Number(value);
      rows[i][1] = Number.isFinite(given) ? Math.min(1, Math.max(0, given)) : 0;
      other.value = rows[i][1];
      bar.style.setProperty("--p", `${100 * rows[i][1]}%`);
      follow();
      tell();
    };
    bar.style.setProperty("--p", `${100 * p}%`);
    bar.addEventListener("input", () => set(bar.value, number));
    number.addEventListener("input", () => set(number.value, bar));
    name.addEventListener("input", () => {
      rows[i][0] = name.value;
      tell();
    });
    const running = make("span", { className: "cum", title: texts.running });
    item.append(name, bar, number, running);
    return item;
  }

  function draw() {
    list.replaceChildren(...rows.map(row));
    follow();
  }

  const buttons = make("div", { className: "row" });
  const button = (text, act) => {
    const made = make("button", { type: "button", className: "tool", textContent: text });
    made.addEventListener("click", () => {
      act();
      draw();
      tell();
    });
    buttons.append(made);
  };
  button(texts.make_one, () => {
    const total = rows.reduce((all, [, p]) => all + p, 0);
    if (total > 0) rows = rows.map(([word, p]) => [word, +(p / total).toFixed(4)]);
  });
  button(texts.reset, () => (rows = course.map((given) => [...given])));
  frame.append(svg, list);
  box.append(head, sum, frame, buttons);
  element.replaceChildren(box);
  draw();
};
