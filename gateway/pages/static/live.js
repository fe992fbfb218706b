// Keeps the page fresh: looks again when the event stream says so, and every now and then; sections that changed are
// put in place of the old ones. What is being typed, open details and the focus stay.
(() => {
  "use strict";
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const heard = document.getElementById("heard");
  const shown = new Map(); // section id -> HTML as the server sent it
  for (const one of live.children) shown.set(one.id, one.outerHTML);
  let tag = null, busy = false, again = false, timer = 0;

  if (location.search.includes("done=")) history.replaceState(null, "", location.pathname);

  const isTyped = (section) => {
    const active = document.activeElement;
    return active && section.contains(active) && active.matches("input:not([type=checkbox]), select, textarea");
  };

  function exchange(old, fresh) {
    for (const details of old.querySelectorAll("details[open][id]")) {
      const same = fresh.querySelector("#" + CSS.escape(details.id));
      if (same) same.open = true;
    }
    for (const input of old.querySelectorAll("details[open] input[id]")) {
      const same = fresh.querySelector("#" + CSS.escape(input.id));
      if (same) { same.value = input.value; same.checked = input.checked; }
    }
    const active = document.activeElement;
    const focused = active && old.contains(active) ? active.id || null : null;
    const href = active && old.contains(active) ? active.getAttribute("href") : null;
    old.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    else if (href) fresh.querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  }

  function adopt(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-live]");
    if (!fresh) return location.reload();
    const sections = [...fresh.children];
    const wanted = new Set(sections.map((one) => one.id));
    for (const old of [...live.children]) if (!wanted.has(old.id)) { old.remove(); shown.delete(old.id); }
    let before = null;
    for (const section of sections) {
      const html = section.outerHTML, old = live.querySelector(":scope > #" + CSS.escape(section.id));
      let now = old;
      if (!old) { now = document.adoptNode(section); tell(now); }
      else if (shown.get(section.id) !== html && !isTyped(old)) {
        now = document.adoptNode(section);
        if (now.dataset.heard && now.dataset.heard !== old.dataset.heard) tell(now);
        exchange(old, now);
      }
      if (now !== old || !old) shown.set(now.id, html);
      const place = before ? before.nextElementSibling : live.firstElementChild;
      if (place !== now) live.insertBefore(now, place);
      before = now;
    }
    document.dispatchEvent(new Event("sections"));
  }

  const openedAt = Date.now(), news = document.getElementById("news");
  function tell(section) {
    if (news && Date.now() - openedAt > 6000) news.remove(); // it told of what is shown by now
    if (heard && section.dataset.heard) heard.textContent = section.dataset.heard;
  }

  async function look() {
    if (busy) { again = true; return; }
    busy = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(live.dataset.live, { headers: tag ? { "If-None-Match": tag } : {}, redirect: "manual" });
      if (answer.status === 401 || answer.status === 404 || answer.type === "opaqueredirect") return location.reload();
      if (answer.status === 200) { tag = answer.headers.get("ETag"); adopt(await answer.text()); }
    } catch { /* the next look may reach the server */ }
    busy = false;
    timer = setTimeout(look, 1000 * Number(live.dataset.seconds || 10));
    if (again) { again = false; setTimeout(look, 300); }
  }

  if (live.dataset.events) {
    const source = new EventSource(live.dataset.events);
    source.addEventListener("journey", look);
    source.addEventListener("session", look);
    addEventListener("pagehide", () => source.close());
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  timer = setTimeout(look, 1000 * Number(live.dataset.seconds || 10));
})();
