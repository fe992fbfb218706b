// Draws the charts: panels one above the other on one time axis, by uPlot, in the page's colours.
(() => {
  "use strict";
  const drawn = new WeakMap(); // element -> { json, plots }
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const HEIGHTS = { price: 170, power: 150, level: 140 };

  function clock(zone) {
    const format = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
    return (at) => format.format(new Date(at * 1000));
  }

  // Grid at whole hours of the driver's own clock.
  function splits(spec, width) {
    const hours = (spec.to - spec.from) / 3600, room = Math.max(2, Math.floor(width / (width < 500 ? 62 : 80)));
    const step = [1, 2, 3, 4, 6, 12, 24].find((h) => hours / h <= room) || 24;
    const at = clock(spec.zone), found = [];
    for (let t = Math.ceil(spec.from / 900) * 900; t <= spec.to; t += 900) {
      const [hour, minute] = at(t).split(":").map(Number);
      if (minute === 0 && hour % step === 0) found.push(t);
    }
    return found;
  }

  function vertical(u, at, style, dash) {
    if (at === undefined || at < u.scales.x.min || at > u.scales.x.max) return;
    const x = Math.round(u.valToPos(at, "x", true));
    u.ctx.save();
    u.ctx.strokeStyle = style; u.ctx.lineWidth = 1.5 * devicePixelRatio;
    u.ctx.setLineDash((dash || []).map((n) => n * devicePixelRatio));
    u.ctx.beginPath(); u.ctx.moveTo(x, u.bbox.top); u.ctx.lineTo(x, u.bbox.top + u.bbox.height); u.ctx.stroke();
    u.ctx.restore();
  }

  function fills(u, panel) { // below the price steps, where it charges
    const { x, y } = panel.steps;
    u.ctx.save();
    u.ctx.fillStyle = colour("charge");
    const floor = u.bbox.top + u.bbox.height;
    for (let i = 0; i + 1 < x.length; i++) {
      const run = panel.fills.find(([from, to]) => x[i] < to && x[i + 1] > from);
      if (!run || y[i] === null) continue;
      const left = u.valToPos(Math.max(x[i], run[0]), "x", true), right = u.valToPos(Math.min(x[i + 1], run[1]), "x", true);
      const top = u.valToPos(y[i], "y", true);
      u.ctx.fillRect(Math.floor(left), Math.min(top, floor - 3), Math.ceil(right) - Math.floor(left), Math.max(3, floor - top));
    }
    u.ctx.restore();
  }

  function marks(u, panel) {
    for (const mark of panel.marks || []) {
      const style = colour(mark.good ? "good" : mark.good === false ? "bad" : "soft");
      vertical(u, mark.at, style);
      const x = u.valToPos(mark.at, "x", true), size = 5 * devicePixelRatio;
      u.ctx.save();
      u.ctx.fillStyle = style;
      u.ctx.beginPath();
      if (mark.goal === "start") { u.ctx.moveTo(x - size, u.bbox.top + 2 * size); u.ctx.lineTo(x + size, u.bbox.top + 2 * size); u.ctx.lineTo(x, u.bbox.top); }
      else u.ctx.rect(x - size * .8, u.bbox.top, size * 1.6, size * 1.6);
      u.ctx.fill();
      u.ctx.restore();
    }
  }

  function target(u, value) {
    const y = Math.round(u.valToPos(value, "y", true));
    u.ctx.save();
    u.ctx.strokeStyle = colour("target"); u.ctx.lineWidth = 1.2 * devicePixelRatio;
    u.ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    u.ctx.beginPath(); u.ctx.moveTo(u.bbox.left, y); u.ctx.lineTo(u.bbox.left + u.bbox.width, y); u.ctx.stroke();
    u.ctx.restore();
  }

  function data(panel) {
    if (panel.steps) return [panel.steps.x, panel.steps.y];
    return uPlot.join([[panel.line.x, panel.line.y], [panel.dashes.x, panel.dashes.y]]);
  }

  function series(panel) {
    if (panel.kind === "level") return [
      { stroke: colour("level"), width: 2.5, points: { show: false }, spanGaps: true },
      { stroke: colour("level"), width: 2, dash: [5, 5], points: { show: false }, spanGaps: true },
    ];
    const style = panel.kind === "power" ? "charge" : "price";
    return [{
      stroke: colour(style), width: panel.kind === "power" ? 2 : 1.75, fill: colour(panel.kind === "power" ? "charge-veil" : "price-veil"),
      paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
    }];
  }

  function range(panel) {
    if (panel.kind === "level") return [0, 100];
    const values = panel.steps.y.filter((v) => v !== null), top = Math.max(1, ...values), low = Math.min(0, ...values);
    return [low < 0 ? low * 1.1 : 0, top * 1.12];
  }

  function plot(element, spec, panel, isLast) {
    const width = Math.floor(element.clientWidth), soft = colour("soft"), grid = { stroke: colour("line"), width: 1 };
    const [low, high] = range(panel), at = clock(spec.zone), ticks = splits(spec, width);
    const font = "12px ui-sans-serif, system-ui, sans-serif";
    return new uPlot({
      width, height: HEIGHTS[panel.kind] + (isLast ? 24 : 0), padding: [10, 20, 0, 0],
      legend: { show: false }, cursor: { show: false },
      scales: { x: { time: true, range: () => [spec.from, spec.to] }, y: { range: () => [low, high] } },
      series: [{}, ...series(panel)],
      axes: [
        { show: true, size: isLast ? 30 : 6, stroke: soft, font, grid, ticks: { show: false }, splits: () => ticks,
          values: (_, all) => all.map((t) => (isLast ? at(t) : "")) },
        { size: 42, stroke: soft, font, grid: { ...grid, show: panel.kind !== "price" }, ticks: { show: false },
          splits: panel.kind === "level" ? () => [0, 50, 100] : undefined, space: 40 },
      ],
      hooks: {
        draw: [(u) => {
          if (panel.fills) fills(u, panel);
          if (panel.target !== undefined) target(u, panel.target);
          marks(u, panel);
          vertical(u, spec.ready, colour("target"), [2, 4]);
          vertical(u, spec.now, colour("ink"));
        }],
      },
    }, data(panel), element);
  }

  function draw(element) {
    const known = drawn.get(element);
    for (const one of known ? known.plots : []) one.destroy();
    element.replaceChildren();
    const spec = JSON.parse(element.dataset.chart), plots = [];
    spec.panels.forEach((panel, i) => {
      const title = document.createElement("div");
      title.className = "panel-title"; title.ariaHidden = "true"; title.textContent = `${panel.title} [${panel.unit}]`;
      element.append(title);
      plots.push(plot(element, spec, panel, i === spec.panels.length - 1));
    });
    drawn.set(element, { plots, width: element.clientWidth });
    element.dataset.drawn = "yes";
  }

  function all(isForced) {
    for (const element of document.querySelectorAll("[data-chart]")) {
      const known = drawn.get(element);
      if (isForced || !known || Math.abs(known.width - element.clientWidth) > 1) draw(element);
    }
  }

  document.addEventListener("sections", () => all(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(true));
  let timer = 0;
  addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(() => all(false), 120); });
  all(false);
})();
