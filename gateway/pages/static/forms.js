// Small helps for forms: the figure beside a slider, and the browser's own place for a charger.
(() => {
  "use strict";
  document.addEventListener("input", (event) => {
    const output = document.querySelector(`output[data-of="${CSS.escape(event.target.id || "-")}"]`);
    if (output) output.textContent = event.target.value;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-here]");
    if (!button) return;
    const form = button.closest("form"), said = form.querySelector("[data-said]");
    const tell = (words) => { said.hidden = false; said.textContent = words; };
    tell(button.dataset.waiting);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        form.elements.latitude.value = coords.latitude;
        form.elements.longitude.value = coords.longitude;
        form.requestSubmit();
      },
      () => { tell(button.dataset.denied); form.querySelector("details").open = true; },
      { enableHighAccuracy: true, timeout: 15000 },
    );
  });
})();
