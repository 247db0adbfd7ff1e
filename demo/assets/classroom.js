// What the teacher sets for the class arrives with /status: closed tabs, and a link to offer.
Object.assign(window.lab, {
  // the tab somebody is on; at first the one the page's link asks for
  here() {
    if (!this.opened) return new URLSearchParams(location.search).get("tab") ?? "generate";
    const panels = [...document.querySelectorAll("#tabs [role=tabpanel]")];
    return panels.find((panel) => panel.offsetParent)?.id.replace(/^tab-/, "") ?? "";
  },

  follow(now) {
    const bar = document.querySelector("[data-class]"), again = document.getElementById("class-follow");
    if (!bar || !again) return;
    const closed = now.closed.join(" ");
    if (closed !== (this.closed ?? "")) {
      const here = this.here();
      if (now.closed.includes(here) && (this.opened || location.search.includes("tab="))) this.sent = here;
      this.closed = closed;
      again.click();
    }
    this.opened = true;
    if (!now.closed.includes(this.sent)) this.sent = "";
    this.announce(bar, now);
    const tabs = JSON.parse(bar.dataset.tabs);
    this.tell(bar.querySelector("[data-class-closed]"), this.sent ? bar.dataset.closed.replace("{tab}", tabs[this.sent]) : "");
    const link = now.link && localStorage.getItem("lab-class-link") !== now.link.id ? now.link : null;
    const place = bar.querySelector("[data-class-link]");
    if (!this.tell(place, link ? bar.dataset.suggests.replace("{tab}", tabs[link.tab]) : "", link?.id) || !link) return;
    const done = () => {
      localStorage.setItem("lab-class-link", link.id);
      this.tell(place, "");
    };
    const make = (tag, options) => Object.assign(document.createElement(tag), options);
    // beside this page: what was typed here stays
    const open = make("a", { href: `${this.root}class?lang=${bar.dataset.lang}`, target: "_blank", rel: "noopener", textContent: bar.dataset.open });
    const hide = make("button", { type: "button", className: "tool", textContent: bar.dataset.hide });
    open.addEventListener("click", () => setTimeout(done));
    hide.addEventListener("click", done);
    place.append(open, hide);
  },

  // a switch of the model that answers is told while it loads, and for a minute after
  announce(bar, now) {
    const name = now.model ? `${now.model} (${now.precision})` : "";
    if (name && this.model && name !== this.model) this.switchedAt = Date.now();
    if (name) this.model = name;
    const fresh = this.switchedAt && Date.now() - this.switchedAt < 60_000;
    const text = now.switching ? bar.dataset.switching : fresh ? bar.dataset.switched : "";
    this.tell(bar.querySelector("[data-class-model]"), text.replace("{model}", now.switching || name));
  },

  // put a text into its place where it is new; true when it was
  tell(place, text, mark = "") {
    if (place.dataset.told === text + mark) return false;
    place.dataset.told = text + mark;
    place.replaceChildren(...(text ? [Object.assign(document.createElement("span"), { textContent: text })] : []));
    return true;
  },
});
// whoever chooses a tab has read why they were moved
document.addEventListener("click", (event) => {
  if (event.isTrusted && event.target.closest("#tabs .tab-wrapper button")) window.lab.sent = "";
});
