"use strict";
// Draws what stands in the element #data: learning curves and the searches of learning rates. No library, no network.
// What is shown stands in the address, #scale=log&by=second&off=Adam, so that a link shows the same.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const optimizers = data.optimizers;
  const FEW = 6; // Of more the bands would hide the lines.
  const MARGIN = { top: 12, right: 16, bottom: 46, left: 66 };
  const state = { scale: data.positive[data.shown] ? "log" : "linear", by: "step", loss: data.losses[data.shown], off: new Set() };

  // Elements. Text is only ever set as text: names are whatever somebody called their optimizers.
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(NAMESPACE, tag), attributes, children);

  const text = (value) => {
    if (value === null) return "not finite";
    const size = Math.abs(value);
    return size && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
  };
  const tickText = (value) => {
    const size = Math.abs(value);
    if (size && (size < 1e-3 || size >= 1e5)) return value.toExponential().replace("e+", "e");
    return String(Number(value.toPrecision(6)));
  };

  // Scales: a range of values onto a range of pixels, with the values that get a tick.
  const rounded = (low, high, count) => {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(Number((i * step).toPrecision(12)));
    return ticks;
  };
  const decades = (low, high, count) => {
    const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    if (last - first > 2 * count) return rounded(first, last, count).filter(Number.isInteger).map((i) => Number(`1e${i}`));
    for (const factors of [[1], [1, 3], [1, 2, 5]]) {
      const ticks = [];
      for (let i = first; i <= last; i++) ticks.push(...factors.map((factor) => Number(`${factor}e${i}`)));
      const inside = ticks.filter((tick) => tick >= low && tick <= high);
      if (inside.length >= 3) return inside.length > 2 * count ? inside.filter((_, i) => i % 2 === 0) : inside;
    }
    return rounded(low, high, count);
  };
  const scale = (low, high, from, to, logarithmic, count) => {
    if (!(high > low)) [low, high] = logarithmic ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
    const of = logarithmic ? Math.log10 : Number;
    const position = (value) => from + ((of(value) - of(low)) / (of(high) - of(low))) * (to - from);
    const ticks = (logarithmic ? decades : rounded)(low, high, count).filter((tick) => tick >= low && tick <= high);
    return { low, high, position, ticks };
  };

  // The frame, grid and axes of a plot that is as wide as its place.
  const frame = (place, { x, y, xLabel, yLabel, width, height, logarithmic, label }) => {
    const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
    const clip = `clip-${place.id}`;
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", tabindex: 0, "aria-label": label, "data-scale": logarithmic ? "log" : "linear" });
    root.append(svg("clipPath", { id: clip }, svg("rect", { x: left, y: top - 1, width: right - left, height: bottom - top + 2 })));
    for (const tick of y.ticks) {
      const at = y.position(tick);
      root.append(svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }));
      root.append(svg("text", { class: "y-tick", x: left - 8, y: at + 4, "text-anchor": "end", "data-value": tick, "data-at": at }, tickText(tick)));
    }
    for (const tick of x.ticks) {
      const at = x.position(tick);
      root.append(svg("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }));
      root.append(svg("text", { class: "x-tick", x: at, y: bottom + 19, "text-anchor": "middle", "data-value": tick, "data-at": at }, tickText(tick)));
    }
    root.append(svg("rect", { class: "frame", x: left, y: top, width: right - left, height: bottom - top }));
    root.append(svg("text", { class: "label", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, xLabel));
    root.append(svg("text", { class: "label", transform: `translate(15 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, yLabel));
    const inner = svg("g", { "clip-path": `url(#${clip})` });
    root.append(inner);
    const tip = html("div", { class: "tip", role: "status", hidden: "" });
    place.replaceChildren(root, tip);
    return { root, inner, tip, left, right, top, bottom };
  };
  const sizes = (place) => {
    const width = Math.max(280, place.clientWidth);
    return { width, height: Math.round(Math.min(470, Math.max(270, width * 0.5))) };
  };
  const showTip = (tip, width, at, title, rows) => {
    const lines = rows.map(([color, name, value]) => {
      const dot = html("i");
      dot.style.background = color;
      return html("tr", {}, html("td", {}, dot, name), html("td", {}, value));
    });
    tip.replaceChildren(html("b", {}, title), html("table", {}, ...lines));
    tip.hidden = false;
    const onTheRight = at < width / 2;
    tip.style.left = onTheRight ? `${at + 14}px` : "auto";
    tip.style.right = onTheRight ? "auto" : `${width - at + 14}px`;
  };
  const pointer = (root, move, leave) => {
    const at = (event) => {
      const box = root.getBoundingClientRect();
      const ratio = root.viewBox.baseVal.width / (box.width || 1);
      move((event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio);
    };
    root.addEventListener("pointermove", at);
    root.addEventListener("pointerdown", at);
    root.addEventListener("pointerleave", leave);
    root.addEventListener("blur", leave);
  };

  // Keeps an optimizer that diverges from squeezing the others into a line.
  const heights = (values, starts, logarithmic) => {
    const shown = values.filter((value) => value !== null && (!logarithmic || value > 0));
    if (!shown.length) return logarithmic ? [0.1, 1] : [0, 1];
    const [low, top] = [Math.min(...shown), Math.max(...shown)];
    const start = Math.max(...starts.filter((value) => value !== null), low);
    const high = Math.min(top, logarithmic ? start * 10 : start + 2 * (start - low || 1));
    const room = logarithmic ? (high / low) ** 0.04 : (high - low) * 0.04;
    return logarithmic ? [low / room, high * room] : [low - room, high + room];
  };

  // A loss that is nowhere above 0 has no logarithm to show.
  const hasLogarithm = () => data.some_positive[data.losses.indexOf(state.loss)];
  const isLogarithmic = () => state.scale === "log" && hasLogarithm();

  const curvesPlace = document.getElementById("curves");
  const tuningPlace = document.getElementById("tuning");

  function drawCurves() {
    const place = curvesPlace;
    const kind = data.losses.indexOf(state.loss);
    const logarithmic = isLogarithmic();
    const bySecond = state.by === "second";
    const series = optimizers.filter((o) => !state.off.has(o.name)).map((o) => {
      const curve = o.curves[kind];
      return { ...o, ...curve, along: curve.steps.map((step) => (bySecond ? step * o.seconds_per_step : step)) };
    });
    const { width, height } = sizes(place);
    const [low, high] = heights(series.flatMap((s) => s.mean), series.map((s) => s.curves[0].mean[0]), logarithmic);
    const end = Math.max(...series.map((s) => s.along[s.along.length - 1]), 0) || 1;
    const begin = Math.min(...series.map((s) => s.along[0]), end);
    const x = scale(begin, end, MARGIN.left, width - MARGIN.right, false, Math.max(3, width / 110));
    const y = scale(low, high, height - MARGIN.bottom, MARGIN.top, logarithmic, 6);
    const { root, inner, tip, top, bottom, left, right } = frame(place, {
      x, y, width, height, logarithmic, xLabel: bySecond ? "seconds" : "step", yLabel: state.loss, label: `Learning curves: ${state.loss}`,
    });
    root.dataset.by = state.by;
    const isShown = (value) => value !== null && (!logarithmic || value > 0);
    // Far outside pixels are no longer exact.
    const at = (value) => Math.min(1e5, Math.max(-1e5, y.position(Math.max(value, logarithmic ? y.low / 1e3 : -Infinity)))).toFixed(2);
    const runs = (s, isIn) => {
      const found = [];
      s.along.forEach((_, i) => {
        if (!isIn(i)) return;
        if (i && isIn(i - 1)) found[found.length - 1].push(i);
        else found.push([i]);
      });
      return found;
    };
    if (series.length <= FEW) {
      for (const s of series) {
        const d = runs(s, (i) => isShown(s.mean[i]) && s.high[i] !== null).map((run) => {
          const points = [...run.map((i) => [i, s.high[i]]), ...run.reverse().map((i) => [i, s.low[i]])];
          return `M${points.map(([i, value]) => `${x.position(s.along[i]).toFixed(2)},${at(value)}`).join("L")}Z`;
        });
        inner.append(svg("path", { class: "band", d: d.join(""), fill: s.color, "data-name": s.name }));
      }
    }
    for (const s of [...series].reverse().sort((a, b) => a.learned - b.learned)) {
      const d = runs(s, (i) => isShown(s.mean[i])).map((run) => `M${run.map((i) => `${x.position(s.along[i]).toFixed(2)},${at(s.mean[i])}`).join("L")}`);
      inner.append(svg("path", {
        class: "curve", d: d.join(""), stroke: s.color, "stroke-width": s.learned ? 2.4 : 1.7, "stroke-dasharray": s.learned ? null : "6 4", "data-name": s.name,
      }));
    }
    const cursor = svg("g");
    root.append(cursor);
    const leave = () => { tip.hidden = true; cursor.replaceChildren(); };
    const show = (value) => {
      // Those that are still running then, at the step that is nearest.
      const reach = (end - begin) / 200;
      const found = series.filter((s) => value <= s.along[s.along.length - 1] + reach && value >= s.along[0] - reach).map((s) => {
        let i = s.along.findIndex((other) => other >= value);
        if (i < 0) i = s.along.length - 1;
        if (i > 0 && value - s.along[i - 1] < s.along[i] - value) i -= 1;
        return { s, i, value: s.mean[i] };
      });
      if (!found.length) return leave();
      found.sort((a, b) => (a.value === null) - (b.value === null) || a.value - b.value);
      const where = bySecond ? value : found[0].s.along[found[0].i];
      const pixel = x.position(where);
      cursor.replaceChildren(svg("line", { class: "cursor", x1: pixel, x2: pixel, y1: top, y2: bottom }));
      for (const { s, i, value: mean } of found) {
        if (isShown(mean) && mean <= y.high) cursor.append(svg("circle", { class: "dot", cx: x.position(s.along[i]), cy: y.position(mean), r: 4.5, fill: s.color }));
      }
      showTip(tip, place.clientWidth, (pixel * place.clientWidth) / width, bySecond ? `${text(where)} s` : `step ${where}`, found.map(({ s, i, value: mean }) => {
        const half = s.high[i] === null || mean === null ? 0 : s.high[i] - mean;
        return [s.color, s.name, text(mean) + (half > 0 ? ` ± ${Number(half.toPrecision(2))}` : "")];
      }));
      root.dataset.hovered = where;
    };
    pointer(root, (px) => {
      if (px < left - 10 || px > right + 10) return leave();
      show(begin + ((Math.min(right, Math.max(left, px)) - left) / (right - left)) * (end - begin));
    }, leave);
    root.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!way || !series.length) return;
      event.preventDefault();
      const steps = series[0].along;
      const now = Number(root.dataset.hovered ?? begin);
      const i = steps.findIndex((step) => step >= now - 1e-12);
      show(steps[Math.min(steps.length - 1, Math.max(0, (i < 0 ? steps.length - 1 : i) + way))]);
    });
  }

  function drawTuning() {
    const place = tuningPlace;
    if (!place) return;
    const logarithmic = isLogarithmic();
    const searches = data.tuning.filter((search) => !state.off.has(optimizers[search.optimizer].name));
    const { width, height } = sizes(place);
    const means = searches.flatMap((search) => search.trials.map((trial) => trial.mean));
    const rates = searches.flatMap((search) => search.trials.map((trial) => trial.rate));
    const [low, high] = heights(means, [data.start], logarithmic);
    const [first, last] = rates.length ? [Math.min(...rates), Math.max(...rates)] : [0.001, 1];
    const x = scale(first / 1.3, last * 1.3, MARGIN.left, width - MARGIN.right, true, Math.max(3, width / 110));
    const y = scale(low, high, height - MARGIN.bottom, MARGIN.top, logarithmic, 6);
    const { root, inner, tip } = frame(place, {
      x, y, width, height, logarithmic, xLabel: "learning rate", yLabel: "mean loss at the end", label: "Losses over learning rates",
    });
    const points = [];
    for (const search of searches) {
      const { color, name } = optimizers[search.optimizer];
      const inside = ({ mean }) => mean !== null && (!logarithmic || mean > 0);
      const shown = search.trials.filter(inside);
      const at = ({ rate, mean }) => [x.position(rate), Math.max(-1e5, y.position(mean))];
      inner.append(svg("path", { class: "curve", stroke: color, "stroke-width": 1.6, "data-name": name, d: shown.length ? `M${shown.map((t) => at(t).map((p) => p.toFixed(2)).join(",")).join("L")}` : "" }));
      for (const trial of search.trials) {
        const [px, py] = inside(trial) && trial.mean <= y.high ? at(trial) : [x.position(trial.rate), MARGIN.top + 9];
        points.push({ trial, color, name, px, py });
        if (inside(trial) && trial.mean <= y.high) root.append(svg("circle", { class: "dot", cx: px, cy: py, r: 4, fill: color }));
        // Diverged, or far above all else: a cross at the upper edge.
        else root.append(svg("path", { d: `M${px - 4},${py - 4}l8,8m0,-8l-8,8`, stroke: color, "stroke-width": 1.8, class: "diverged" }));
        if (trial.rate === search.chosen) root.append(svg("circle", { class: "chosen", cx: px, cy: py, r: 8, fill: "none", stroke: color, "stroke-width": 2, "data-name": name, "data-rate": trial.rate }));
      }
    }
    const ring = svg("g");
    root.append(ring);
    const leave = () => { tip.hidden = true; ring.replaceChildren(); };
    pointer(root, (px, py) => {
      const distance = (p) => Math.hypot(p.px - px, p.py - py);
      const near = points.reduce((best, p) => (!best || distance(p) < distance(best) ? p : best), null);
      if (!near || distance(near) > 40) return leave();
      ring.replaceChildren(svg("circle", { cx: near.px, cy: near.py, r: 6, fill: near.color }));
      showTip(tip, place.clientWidth, (near.px * place.clientWidth) / width, `learning rate ${text(near.trial.rate)}`, [
        [near.color, near.name, ""], [ "transparent", "mean", text(near.trial.mean)], ["transparent", "median", text(near.trial.median)], ["transparent", "draws", String(near.trial.draws)],
      ]);
    }, leave);
  }

  // What is chosen: buttons, legend, address.
  const controls = document.getElementById("controls");
  function choice(name, label, values) {
    const shownScale = isLogarithmic() ? "log" : "linear";
    const buttons = values.map((value) => html("button", {
      type: "button", "data-choice": `${name}=${value}`, "aria-pressed": String((name === "scale" ? shownScale : state[name]) === value), onclick: () => change({ [name]: value }),
      disabled: name === "scale" && value === "log" && !hasLogarithm() ? "" : null,
    }, value));
    return html("div", { class: "choice" }, label, html("span", {}, ...buttons));
  }
  function drawControls() {
    controls.replaceChildren(
      choice("scale", "Scale", ["log", "linear"]), choice("by", "By", ["step", "second"]),
      ...(data.losses.length > 1 ? [choice("loss", "Of", data.losses)] : []),
    );
    fillLegend(document.getElementById("legend"), optimizers);
    if (tuningPlace) fillLegend(document.getElementById("tuning-legend"), data.tuning.map((search) => optimizers[search.optimizer]));
  }
  function fillLegend(place, named) {
    place.replaceChildren(...named.map((o) => html("button", {
      type: "button", "aria-pressed": String(!state.off.has(o.name)), "data-name": o.name, title: "Show or hide",
      onclick: () => {
        const off = new Set(state.off);
        if (!off.delete(o.name)) off.add(o.name);
        change({ off });
      },
    }, svg("svg", { width: 28, height: 10, "aria-hidden": "true" }, svg("line", {
      x1: 1, x2: 27, y1: 5, y2: 5, stroke: o.color, "stroke-width": o.learned ? 2.8 : 2, "stroke-dasharray": o.learned ? null : "6 4",
    })), o.name)));
  }
  function draw() {
    drawControls();
    drawCurves();
    drawTuning();
    document.documentElement.dataset.drawn = "true";
  }
  function change(what) {
    const placeOf = (button) => `${button?.parentElement?.id} ${button?.dataset?.choice ?? button?.dataset?.name}`;
    const focused = placeOf(document.activeElement);
    Object.assign(state, what);
    const address = new URLSearchParams({ scale: state.scale, by: state.by, ...(data.losses.length > 1 ? { loss: state.loss } : {}) });
    for (const name of state.off) address.append("off", name);
    history.replaceState(null, "", `#${address}`);
    draw();
    // The buttons are new ones.
    for (const button of document.querySelectorAll("button")) {
      if (placeOf(button) === focused) button.focus();
    }
  }
  function readAddress() {
    const address = new URLSearchParams(location.hash.slice(1));
    const known = { scale: ["log", "linear"], by: ["step", "second"], loss: data.losses };
    for (const [name, values] of Object.entries(known)) {
      if (values.includes(address.get(name))) state[name] = address.get(name);
    }
    state.off = new Set(address.getAll("off").filter((name) => optimizers.some((o) => o.name === name)));
  }

  readAddress();
  draw();
  window.addEventListener("hashchange", () => { readAddress(); draw(); });
  let drawnAt = curvesPlace.clientWidth;
  new ResizeObserver(() => {
    if (curvesPlace.clientWidth === drawnAt) return;
    drawnAt = curvesPlace.clientWidth;
    draw();
  }).observe(curvesPlace);
})();
