// Line charts: hover to read, drag to zoom, double-click to see all, chips to hide lines.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const DASH = {solid: "", dash: "7 4", dot: "1.5 4"};

function el(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

function node(tag, kind, parent, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

function figures(number, digits) {
  return number.toFixed(digits).replace("-", "\u2212");
}

// Round steps of 1, 2, 2.5 or 5 that give about `count` ticks.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 2.5, 5, 10].map(k => k * power).find(k => k >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-6); k * step <= high + 1e-6 * step; k++)
    found.push({at: k * step, text: figures(k * step, digits)});
  return found;
}

class Chart {
  constructor(figure, spec, scenarios) {
    Object.assign(this, {figure, spec, scenarios, hidden: new Set(), zoom: null, dots: []});
    node("figcaption", "title", figure, spec.title);
    this.chips();
    this.box = node("div", "plot", figure);
    this.tip = node("div", "tip", figure);
    this.tip.setAttribute("role", "status");
    if (spec.note) node("p", "note", figure, spec.note);
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.draw();
  }

  chips() {
    const bar = node("div", "chips", this.figure);
    const add = (text, key, mark) => {
      const chip = node("button", "chip", bar);
      chip.type = "button";
      chip.setAttribute("aria-pressed", "true");
      chip.title = "Show or hide";
      chip.appendChild(mark);
      chip.append(text);
      chip.onclick = () => {
        if (!this.hidden.delete(key)) this.hidden.add(key);
        chip.setAttribute("aria-pressed", String(!this.hidden.has(key)));
        this.draw();
      };
    };
    const many = new Set(this.spec.series.map(s => s.scenario)).size > 1;
    if (many) this.scenarios.forEach((scenario, i) => {
      const dot = node("span", "dot");
      dot.style.background = scenario.color;
      add(scenario.name, i, dot);
    });
    const kinds = new Map(this.spec.series.map(s => [s.kind, s.dash]));
    if (kinds.size > 1) kinds.forEach((dash, kind) => {
      const sample = el("svg", {width: 26, height: 8, "aria-hidden": "true"});
      el("line", {x1: 1, x2: 25, y1: 4, y2: 4, stroke: "#1f2933", "stroke-width": 2,
        "stroke-linecap": "round", "stroke-dasharray": DASH[dash]}, sample);
      add(kind, kind, sample);
    });
    this.reset = node("button", "chip reset", bar, "Show all");
    this.reset.type = "button";
    this.reset.onclick = () => { this.zoom = null; this.draw(); };
  }

  shown() {
    return this.spec.series.filter(s => !this.hidden.has(s.scenario) && !this.hidden.has(s.kind));
  }

  // Range of the axes: what is shown, a little more, from zero where nothing is negative.
  range() {
    if (this.zoom) return this.zoom;
    let [x0, x1, y0, y1] = [Infinity, -Infinity, 0, -Infinity];
    for (const s of this.spec.series) for (let i = 0; i < s.x.length; i++) {
      x0 = Math.min(x0, s.x[i]); x1 = Math.max(x1, s.x[i]);
      y0 = Math.min(y0, s.y[i]); y1 = Math.max(y1, s.y[i]);
    }
    const pad = this.spec.time ? 0 : 0.06 * (x1 - x0);
    return {x0: x0 - pad, x1: x1 + pad, y0: y0 < 0 ? y0 * 1.08 : 0, y1: y1 * 1.08};
  }

  draw() {
    const width = Math.max(this.box.clientWidth, 260), height = Math.round(
      Math.min(Math.max(width * 0.68, 230), 360));
    const r = this.range(), m = {left: 52, right: 12, top: 8, bottom: 42};
    this.map = {
      r, m, width, height,
      x: v => m.left + (v - r.x0) / (r.x1 - r.x0) * (width - m.left - m.right),
      y: v => height - m.bottom - (v - r.y0) / (r.y1 - r.y0) * (height - m.top - m.bottom),
      vx: p => r.x0 + (p - m.left) / (width - m.left - m.right) * (r.x1 - r.x0),
      vy: p => r.y0 + (height - m.bottom - p) / (height - m.top - m.bottom) * (r.y1 - r.y0),
    };
    this.reset.hidden = !this.zoom;
    this.box.textContent = "";
    const svg = this.svg = el("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": this.spec.label, tabindex: 0}, this.box);
    this.axes(svg);
    const name = "clip" + this.spec.id;
    const clip = el("clipPath", {id: name}, svg);
    el("rect", {x: m.left, y: m.top, width: width - m.left - m.right,
      height: height - m.top - m.bottom}, clip);
    this.layer = el("g", {"clip-path": `url(#${name})`}, svg);
    this.marks();
    for (const s of this.shown()) this.line(s);
    this.points();
    this.hair = el("g", {}, svg);
    this.cursor = el("line", {y1: m.top, y2: height - m.bottom, stroke: "#52606d",
      "stroke-width": 1, visibility: "hidden"}, this.layer);
    this.dots = this.scenarios.map(s => el("circle", {r: 6, fill: s.color, stroke: "#fff",
      "stroke-width": 2, visibility: "hidden"}, this.layer));
    this.listen(svg);
    if (this.times) this.at(this.times);
  }

  axes(svg) {
    const {r, m, width, height, x, y} = this.map, style = {fill: "#52606d", "font-size": 12};
    for (const t of ticks(r.x0, r.x1, Math.max(3, width / 90))) {
      el("line", {x1: x(t.at), x2: x(t.at), y1: m.top, y2: height - m.bottom, stroke: "#e4e7eb"},
        svg);
      el("text", {...style, x: x(t.at), y: height - m.bottom + 16, "text-anchor": "middle"}, svg,
        t.text);
    }
    for (const t of ticks(r.y0, r.y1, height / 55)) {
      el("line", {x1: m.left, x2: width - m.right, y1: y(t.at), y2: y(t.at), stroke: "#e4e7eb"},
        svg);
      el("text", {...style, x: m.left - 6, y: y(t.at) + 4, "text-anchor": "end"}, svg, t.text);
    }
    const base = {stroke: "#52606d", fill: "none"};
    el("path", {...base, d: `M${m.left},${m.top}V${height - m.bottom}H${width - m.right}`}, svg);
    el("text", {fill: "#1f2933", "font-size": 13, x: (m.left + width - m.right) / 2,
      y: height - 6, "text-anchor": "middle"}, svg, this.spec.x);
    el("text", {fill: "#1f2933", "font-size": 13, "text-anchor": "middle",
      transform: `translate(13,${(m.top + height - m.bottom) / 2}) rotate(-90)`}, svg, this.spec.y);
  }

  line(s) {
    const {x, y} = this.map;
    const d = s.x.map((v, i) => `${i ? "L" : "M"}${x(v).toFixed(1)},${y(s.y[i]).toFixed(1)}`);
    el("path", {d: d.join(""), fill: "none", stroke: this.scenarios[s.scenario].color,
      "stroke-width": s.thin ? 1.5 : 2.2, "stroke-dasharray": DASH[s.dash],
      "stroke-linejoin": "round", "stroke-linecap": "round", class: "series"}, this.layer);
  }

  // Dashed lines at end-diastole and end-systole of a chart over time with one scenario.
  marks() {
    const {m, height, x} = this.map;
    for (const mark of this.spec.marks || []) {
      el("line", {x1: x(mark.x), x2: x(mark.x), y1: m.top, y2: height - m.bottom,
        stroke: "#9aa5b1", "stroke-dasharray": "4 3"}, this.layer);
      el("text", {x: x(mark.x) + 4, y: m.top + 12, "font-size": 11, fill: "#52606d"}, this.layer,
        mark.text);
    }
  }

  points() {
    const {x, y} = this.map;
    for (const p of this.spec.points || []) if (!this.hidden.has(p.scenario)) {
      const ink = this.scenarios[p.scenario].color;
      el("circle", {cx: x(p.x), cy: y(p.y), r: 4, fill: p.open ? "#fff" : ink, stroke: ink,
        "stroke-width": 1.6}, this.layer);
    }
  }

  // Move the points of a loop, or the cursor over time, to one time for each scenario.
  at(times) {
    this.times = times;
    const {x, y} = this.map;
    if (this.spec.time) {
      const known = times.filter(t => t !== null), same = known.every(t => t === known[0]);
      this.cursor.setAttribute("visibility", same ? "visible" : "hidden");
      this.cursor.setAttribute("x1", x(known[0]));
      this.cursor.setAttribute("x2", x(known[0]));
      return;
    }
    for (const s of this.spec.series) if (s.t && times[s.scenario] !== null) {
      const dot = this.dots[s.scenario], i = nearest(s.t, times[s.scenario]);
      const off = this.hidden.has(s.scenario) || this.hidden.has(s.kind);
      dot.setAttribute("visibility", off ? "hidden" : "visible");
      dot.setAttribute("cx", x(s.x[i]));
      dot.setAttribute("cy", y(s.y[i]));
    }
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left) * this.map.width / box.width,
      (event.clientY - box.top) * this.map.height / box.height];
  }

  listen(svg) {
    let start = null, frame = null;
    svg.style.touchAction = "pan-y";
    svg.onpointerdown = event => {
      if (event.pointerType === "mouse") { start = this.place(event); event.preventDefault(); }
      else this.read(event);
    };
    svg.onpointermove = event => {
      if (!start) { this.read(event); return; }
      const [px, py] = this.place(event);
      frame = frame || el("rect", {fill: "#0b5394", "fill-opacity": 0.12, stroke: "#0b5394"}, svg);
      frame.setAttribute("x", Math.min(px, start[0]));
      frame.setAttribute("y", Math.min(py, start[1]));
      frame.setAttribute("width", Math.abs(px - start[0]));
      frame.setAttribute("height", Math.abs(py - start[1]));
      svg.setPointerCapture(event.pointerId);
    };
    svg.onpointerup = event => {
      const end = this.place(event), from = start;
      start = null;
      if (frame) { frame.remove(); frame = null; }
      if (from && Math.abs(end[0] - from[0]) > 8 && Math.abs(end[1] - from[1]) > 8)
        this.zoomTo(from, end);
    };
    svg.onpointerleave = () => { this.tip.style.display = "none"; this.hair.textContent = ""; };
    svg.ondblclick = () => { this.zoom = null; this.draw(); };
  }

  zoomTo(a, b) {
    const {vx, vy} = this.map;
    const xs = [vx(a[0]), vx(b[0])].sort((p, q) => p - q);
    const ys = [vy(a[1]), vy(b[1])].sort((p, q) => p - q);
    this.zoom = {x0: xs[0], x1: xs[1], y0: ys[0], y1: ys[1]};
    this.draw();
  }

  // Nearest point of all lines; over time, every line there.
  read(event) {
    const [px, py] = this.place(event), {x, y, m, width} = this.map;
    let best = null, away = 40;
    for (const s of this.shown()) for (let i = 0; i < s.x.length; i++) {
      const far = Math.hypot(x(s.x[i]) - px, y(s.y[i]) - py);
      if (far < away) { away = far; best = [s, i]; }
    }
    this.hair.textContent = "";
    this.tip.style.display = best ? "block" : "none";
    if (!best) return;
    const [s, i] = best;
    el("circle", {cx: x(s.x[i]), cy: y(s.y[i]), r: 5, fill: "none", stroke: "#1f2933",
      "stroke-width": 1.5}, this.hair);
    const value = figures(s.y[i], 0) + " " + this.spec.yUnit;
    const where = figures(s.x[i], 0) + " " + this.spec.xUnit;
    const name = this.scenarios.length > 1 ? this.scenarios[s.scenario].name + ", " : "";
    const at = s.t ? ` at ${figures(s.t[i], 0)} ms` : "";
    this.tip.textContent = `${name}${s.kind}${at}: ${where}, ${value}`;
    const scale = this.box.clientWidth / width;
    const left = Math.min(Math.max(x(s.x[i]) * scale - 90, 0), Math.max(0, width * scale - 200));
    this.tip.style.left = left + "px";
    this.tip.style.top = this.box.offsetTop + Math.max(0, y(s.y[i]) * scale - 46) + "px";
  }
}

function nearest(sorted, value) {
  let low = 0, high = sorted.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle; else high = middle;
  }
  return value - sorted[low] < sorted[high] - value ? low : high;
}
