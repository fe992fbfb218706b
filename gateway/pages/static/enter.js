// A driver's link carries its token behind the #, where no server and no log sees it. It moves into a cookie here.
(() => {
  "use strict";
  async function enter() {
    const token = location.hash.slice(1);
    if (!token.startsWith("ncl_")) return;
    history.replaceState(null, "", location.pathname);
    const closed = document.getElementById("closed");
    if (closed) closed.querySelector("h1").textContent = closed.dataset.opening;
    const answer = await fetch("/driver/enter", { method: "POST", body: new URLSearchParams({ token }) });
    if (answer.ok || !closed) location.replace("/driver");
    else location.reload();
  }
  addEventListener("hashchange", enter);
  enter();
})();
