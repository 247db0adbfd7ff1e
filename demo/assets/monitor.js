// The Monitor tab's live pieces: asked for every 1.5 s, only while the tab is seen.
(() => {
  const EVERY_MS = 1500;
  let asking = false;
  const seen = () => [...document.querySelectorAll("[data-live]")].filter((place) => place.offsetParent);
  async function look() {
    if (asking || document.hidden || !seen().length) return;
    asking = true;
    try {
      const answer = await fetch(`${window.lab.root}monitor/${document.documentElement.lang}`);
      if (!answer.ok) return;
      const now = await answer.json();
      for (const place of seen()) {
        const html = now[place.dataset.live];
        // what did not change stays, and so does a table that somebody scrolls by keyboard
        if (html === undefined || place.was === html || place.contains(document.activeElement)) continue;
        place.innerHTML = place.was = html;
      }
    } catch {
      // the frame says that the server is away
    } finally {
      asking = false;
    }
  }
  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("click", (event) => event.target.closest("[role=tab]") && setTimeout(look, 50));
})();
