// The teacher's page without reloads: forms go behind it, what changes is put in every two seconds.
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shade = () => document.documentElement.classList.toggle("dark", dark.matches);
  shade();
  dark.addEventListener("change", shade);

  function renew(html, told) {
    const page = new DOMParser().parseFromString(html, "text/html");
    if (!page.querySelector("[data-live]")) return location.reload(); // the key is asked for again
    const focused = document.activeElement?.id;
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const old = document.getElementById(fresh.id);
      if (old && old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML;
    }
    if (told) {
      const said = page.getElementById("said"), place = document.getElementById("said");
      for (const name of ["role", "class"]) place.setAttribute(name, said.getAttribute(name));
      place.textContent = said.textContent;
    }
    // what was pressed may be gone, as Withdraw is: then what came of it is next
    if (focused && document.activeElement?.id !== focused) document.getElementById(document.getElementById(focused) ? focused : "said").focus();
  }

  async function ask(address, options) {
    const answer = await fetch(address, options);
    if (answer.status >= 500) throw new Error(`${answer.status}`); // a proxy's word for a lab that is away
    return answer;
  }

  function away() {
    const said = document.getElementById("said");
    said.setAttribute("role", "alert");
    said.className = "say bad";
    said.textContent = said.dataset.away;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!document.querySelector("[data-live]")) return;
    event.preventDefault();
    let answer, html;
    try {
      answer = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      html = await answer.text();
    } catch {
      return away();
    }
    renew(html, true);
    if (answer.ok && ["suggest", "reset-form", "hub-form"].includes(form.id)) form.reset();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.select(); // no clipboard without TLS
      document.execCommand("copy");
    }
    document.getElementById("said").textContent = button.dataset.done;
  });

  setInterval(async () => {
    if (document.hidden || !document.querySelector("[data-live]")) return;
    try {
      renew(await (await ask(location.pathname.replace(/\/teacher.*/, "/teacher") + `?lang=${document.documentElement.lang}`)).text());
    } catch {
      // the lab does not answer: what is shown stays
    }
  }, 2000);
}
