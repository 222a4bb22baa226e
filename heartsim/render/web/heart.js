// Beating hearts that turn together. Drawn in software into 2D canvases, so that they appear on
// machines without a graphics card, in remote desktops and in print.
"use strict";

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Low bytes of all numbers, then high bytes; differences along the first axis of `rows` rows.
function integers(bytes, rows) {
  const count = bytes.length / 2, size = count / rows, out = new Int16Array(count);
  for (let i = 0; i < count; i++) {
    const step = bytes[i] | bytes[count + i] << 8;
    out[i] = i < size ? step : step + out[i - size];
  }
  return out;
}

function differences(bytes, rows) {
  const size = bytes.length / rows;
  for (let i = size; i < bytes.length; i++) bytes[i] += bytes[i - size];
  return bytes;
}

async function loadHeart(packed) {
  const count = packed.vertices, frames = packed.times.length;
  const parts = {};
  for (const name in packed.parts) {
    const bytes = await unpack(packed.parts[name]);
    parts[name] = new Uint32Array(bytes.buffer);
  }
  const values = {};
  for (const name in packed.values) {
    const bytes = await unpack(packed.values[name]);
    values[name] = differences(bytes, bytes.length / count);
  }
  return {...packed, count, parts, values,
    positions: integers(await unpack(packed.positions), frames)};
}

// Painter with a depth buffer: triangles with a smooth shade and a color looked up by a value.
class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", {willReadFrequently: true});
  }

  size(width, height) {
    if (this.width === width && this.height === height) return;
    Object.assign(this, {width, height});
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.depth = new Float32Array(width * height);
    this.value = new Float32Array(width * height);
  }

  clear() {
    this.pixels.fill(0);
    this.depth.fill(-1e9);
    this.value.fill(-1);
  }

  triangle(a, b, c, v, shade, value, lut) {
    const {width, height, depth, pixels} = this;
    const ax = v[3 * a], ay = v[3 * a + 1], bx = v[3 * b], by = v[3 * b + 1];
    const cx = v[3 * c], cy = v[3 * c + 1];
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (area === 0) return;
    const x0 = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5));
    const x1 = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) + 0.5));
    const y0 = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
    const y1 = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) + 0.5));
    const az = v[3 * a + 2], bz = v[3 * b + 2], cz = v[3 * c + 2], e = -1e-4;
    for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) {
      const q = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area;
      const r = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area;
      const p = 1 - q - r;
      if (p < e || q < e || r < e) continue;
      const z = p * az + q * bz + r * cz, i = y * width + x;
      if (z <= depth[i]) continue;
      depth[i] = z;
      const at = p * value[a] + q * value[b] + r * value[c];
      const known = value[a] < 255 && value[b] < 255 && value[c] < 255;
      this.value[i] = known ? at : 255;
      const k = 3 * (known ? Math.min(254, Math.round(at)) : 255);
      const light = p * shade[a] + q * shade[b] + r * shade[c];
      pixels[i] = 0xff000000 | Math.min(255, lut[k + 2] * light) << 16 |
        Math.min(255, lut[k + 1] * light) << 8 | Math.min(255, lut[k] * light);
    }
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}

class Hearts {
  constructor(root, data) {
    Object.assign(this, {root, data, field: 0, cut: true, zoom: 1, time: 0,
      phase: "ES", playing: false, moving: false, turn: identity()});
    this.listeners = [];
  }

  async load() {
    this.hearts = await Promise.all(this.data.hearts.map(loadHeart));
    this.luts = await Promise.all(this.data.fields.map(f => unpack(f.lut)));
    this.painters = [...this.root.querySelectorAll("canvas")].map(c => new Painter(c));
    this.labels = [...this.root.querySelectorAll(".when")];
    this.tips = [...this.root.querySelectorAll(".tip")];
    this.painters.forEach((p, i) => this.hold(p.canvas, i));
    this.controls();
    new ResizeObserver(() => this.draw()).observe(this.root);
    this.draw();
  }

  times() {
    return this.hearts.map(h => this.phase ? h[this.phase] : this.time);
  }

  draw() {
    const fine = this.moving || this.playing ? 1 : 2;
    this.hearts.forEach((heart, i) => this.paint(heart, this.painters[i], fine, this.times()[i]));
    this.times().forEach((t, i) => {
      const name = this.phase === "ED" ? "End-diastole, " : this.phase ? "End-systole, " : "";
      this.labels[i].textContent = `${name}${Math.round(t)} ms`;
    });
    this.root.dataset.drawn = String(1 + Number(this.root.dataset.drawn || 0));
    for (const listener of this.listeners) listener(this.times());
  }

  paint(heart, painter, fine, time) {
    const canvas = painter.canvas, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    painter.size(Math.round(width * fine), Math.round(height * fine));
    painter.clear();
    const seen = this.project(heart, painter, time);
    const values = this.valuesAt(heart, seen.mix);
    const lut = this.luts[this.field];
    for (const part of this.parts()) {
      const t = heart.parts[part];
      for (let i = 0; i < t.length; i += 3)
        painter.triangle(t[i], t[i + 1], t[i + 2], seen.points, seen.shade, values, lut);
    }
    painter.show();
    this.write(heart, painter, seen, fine);
  }

  // Frames before and after a time of the periodic beat, and how far between them.
  between(heart, time) {
    const {times} = heart, n = times.length;
    let k = n - 1;
    while (k > 0 && times[k] > time) k--;
    const next = (k + 1) % n, span = (times[next] - times[k] + heart.period) % heart.period;
    return {k, next, part: span > 0 ? Math.min(Math.max((time - times[k]) / span, 0), 1) : 0};
  }

  project(heart, painter, time) {
    const mix = this.between(heart, time), {count, positions} = heart, R = this.turn;
    const size = Math.min(painter.width, painter.height) * 0.5 * this.zoom;
    const from = 3 * count * mix.k, to = 3 * count * mix.next, w = mix.part;
    const points = new Float32Array(3 * count);
    const at = i => (positions[from + i] * (1 - w) + positions[to + i] * w) * heart.scale;
    for (let i = 0; i < count; i++) {
      const x = at(i), y = at(count + i), z = at(2 * count + i);
      points[3 * i] = painter.width / 2 + size * (R[0] * x + R[1] * y + R[2] * z);
      points[3 * i + 1] = painter.height / 2 - size * (R[3] * x + R[4] * y + R[5] * z);
      points[3 * i + 2] = size * (R[6] * x + R[7] * y + R[8] * z);
    }
    return {points, mix, size, shade: this.shades(heart, points)};
  }

  // What is drawn of a heart: its far side and the cut, or all of its outside.
  parts() { return this.cut ? ["back", "cap"] : ["back", "front"]; }

  // Light from above the viewer's shoulder on smooth normals, the same on both sides.
  shades(heart, v) {
    const normals = new Float32Array(v.length), shade = new Float32Array(heart.count);
    for (const part of this.parts()) {
      const t = heart.parts[part];
      for (let i = 0; i < t.length; i += 3) {
        const a = 3 * t[i], b = 3 * t[i + 1], c = 3 * t[i + 2];
        const ux = v[b] - v[a], uy = v[b + 1] - v[a + 1], uz = v[b + 2] - v[a + 2];
        const wx = v[c] - v[a], wy = v[c + 1] - v[a + 1], wz = v[c + 2] - v[a + 2];
        const n = [uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx];
        for (const k of [a, b, c]) for (let j = 0; j < 3; j++) normals[k + j] += n[j];
      }
    }
    for (let i = 0; i < heart.count; i++) {
      const x = normals[3 * i], y = normals[3 * i + 1], z = normals[3 * i + 2];
      const side = z < 0 ? -1 : 1, length = Math.hypot(x, y, z) || 1;
      shade[i] = 0.5 + 0.55 * Math.max(0, side * (0.25 * x - 0.45 * y + 0.86 * z) / length);
    }
    return shade;
  }

  valuesAt(heart, mix) {
    const all = heart.values[this.data.fields[this.field].key], n = heart.count;
    if (all.length === n) return all;
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const one = all[mix.k * n + i], two = all[mix.next * n + i];
      out[i] = one > 254 ? one : one + mix.part * (two - one);
    }
    return out;
  }

  write(heart, painter, seen, fine) {
    const context = painter.context, R = this.turn, size = seen.size;
    context.font = `bold ${14 * fine}px system-ui,sans-serif`;
    context.textAlign = "center";
    for (const name in heart.places) {
      const p = heart.places[name];
      if (name !== "apex" && (!this.cut || R[8] < 0.5)) continue;
      const x = painter.width / 2 + size * (R[0] * p[0] + R[1] * p[1] + R[2] * p[2]);
      const y = painter.height / 2 - size * (R[3] * p[0] + R[4] * p[1] + R[5] * p[2]);
      const drop = name === "apex" ? 12 * fine * (R[4] >= 0 ? 1 : -1) : 0;
      const wide = context.measureText(name).width + 8 * fine;
      context.fillStyle = "rgba(255,255,255,0.78)";
      context.fillRect(x - wide / 2, y + drop - 11 * fine, wide, 20 * fine);
      context.fillStyle = "#1f2933";
      context.fillText(name, x, y + drop + 4 * fine);
    }
    const bar = 20 / heart.half * size;
    context.fillStyle = "#1f2933";
    context.fillRect(8 * fine, painter.height - 8 * fine, bar, 2 * fine);
    context.font = `${12 * fine}px system-ui,sans-serif`;
    context.textAlign = "left";
    context.fillText("20 mm", 8 * fine, painter.height - 13 * fine);
  }

  hold(canvas, i) {
    let last = null;
    const fingers = new Map();
    canvas.onpointerdown = event => {
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    };
    canvas.onpointermove = event => {
      if (!last) { this.read(canvas, i, event); return; }
      if (fingers.size === 2) { this.pinch(fingers, event); return; }
      this.moving = true;
      this.rotate((event.clientX - last[0]) / 120, (event.clientY - last[1]) / 120);
      last = [event.clientX, event.clientY];
    };
    canvas.onpointerup = canvas.onpointercancel = event => {
      fingers.delete(event.pointerId);
      last = null;
      this.moving = false;
      this.draw();
    };
    canvas.onpointerleave = () => { this.tips[i].style.display = "none"; };
    canvas.ondblclick = () => this.look(identity());
    canvas.onwheel = event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.magnify(Math.exp(-event.deltaY / 400));
    };
    canvas.onkeydown = event => this.key(event);
  }

  pinch(fingers, event) {
    const others = [...fingers].filter(f => f[0] !== event.pointerId)[0][1];
    const before = fingers.get(event.pointerId), now = [event.clientX, event.clientY];
    const far = p => Math.hypot(p[0] - others[0], p[1] - others[1]) || 1;
    fingers.set(event.pointerId, now);
    this.magnify(far(now) / far(before));
  }

  key(event) {
    const turns = {ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15],
      ArrowDown: [0, 0.15]};
    if (turns[event.key]) this.rotate(...turns[event.key]);
    else if (event.key === "+" || event.key === "=") this.magnify(1.15);
    else if (event.key === "-") this.magnify(1 / 1.15);
    else if (event.key === "0") this.look(identity());
    else if (event.key === " ") this.buttons.play.click();
    else return;
    event.preventDefault();
  }

  magnify(factor) {
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), 5);
    this.draw();
  }

  rotate(x, y) {
    const a = multiply([Math.cos(x), 0, Math.sin(x), 0, 1, 0, -Math.sin(x), 0, Math.cos(x)],
      this.turn);
    this.turn = multiply([1, 0, 0, 0, Math.cos(y), -Math.sin(y), 0, Math.sin(y), Math.cos(y)], a);
    this.draw();
  }

  look(turn) {
    this.turn = turn;
    this.zoom = 1;
    this.draw();
  }

  read(canvas, i, event) {
    const painter = this.painters[i], box = canvas.getBoundingClientRect(), tip = this.tips[i];
    const x = Math.floor((event.clientX - box.left) / box.width * painter.width);
    const y = Math.floor((event.clientY - box.top) / box.height * painter.height);
    const value = painter.value[y * painter.width + x];
    tip.style.display = value >= 0 && value < 255 ? "block" : "none";
    if (!(value >= 0 && value < 255)) return;
    const f = this.data.fields[this.field], at = f.low + (f.high - f.low) * value / 254;
    const edge = value >= 253.5 ? "\u2265 " : value <= 0.5 ? "\u2264 " : "";
    tip.textContent = `${f.label} ${edge}${figures(at, f.digits)} ${f.unit}`;
    tip.style.left = Math.min(event.clientX - box.left + 12, box.width - 150) + "px";
    tip.style.top = event.clientY - box.top - 34 + "px";
  }

  controls() {
    const find = name => this.root.querySelector(`[data-control=${name}]`);
    const names = ["play", "time", "ED", "ES", "field", "cut", "closer", "farther", "views"];
    const b = this.buttons = Object.fromEntries(names.map(n => [n, find(n)]));
    b.play.onclick = () => this.play(!this.playing);
    b.time.max = Math.max(...this.hearts.map(h => h.period));
    b.time.oninput = () => { this.phase = null; this.time = Number(b.time.value); this.draw(); };
    for (const phase of ["ED", "ES"]) b[phase].onclick = () => {
      this.play(false);
      this.phase = phase;
      b.time.value = this.times()[0];
      this.draw();
    };
    b.field.onchange = () => { this.field = Number(b.field.value); this.bar(); this.draw(); };
    b.cut.onchange = () => { this.cut = b.cut.checked; this.draw(); };
    b.closer.onclick = () => this.magnify(1.25);
    b.farther.onclick = () => this.magnify(0.8);
    b.views.onchange = () => { this.look(VIEWS[b.views.value]); };
    b.time.value = this.times()[0];
    this.bar();
  }

  bar() {
    const f = this.data.fields[this.field], lut = this.luts[this.field];
    const stops = [...Array(18).keys()].map(k => {
      const i = 3 * Math.round(k / 17 * 254);
      return `rgb(${lut[i]},${lut[i + 1]},${lut[i + 2]})`;
    });
    const bar = this.root.querySelector(".bar");
    bar.querySelector(".ramp").style.background = `linear-gradient(90deg,${stops.join()})`;
    const ends = [f.low, (f.low + f.high) / 2, f.high].map(v => figures(v, f.digits));
    bar.querySelectorAll(".ends span").forEach((s, k) => { s.textContent = ends[k]; });
    bar.querySelector(".what").textContent = `${f.title}, same scale for all`;
  }

  play(on) {
    this.playing = on;
    this.buttons.play.textContent = on ? "Pause" : "Play";
    this.buttons.play.setAttribute("aria-pressed", String(on));
    if (!on) { this.draw(); return; }
    if (this.phase) this.time = this.times()[0];
    this.phase = null;
    let last = null;
    const step = now => {
      if (!this.playing) return;
      // half speed, so that ejection can be followed
      if (last !== null) this.time = (this.time + (now - last) / 2) % this.hearts[0].period;
      last = now;
      this.buttons.time.value = this.time;
      this.draw();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}

function identity() { return [1, 0, 0, 0, 1, 0, 0, 0, 1]; }

function multiply(a, b) {
  return [0, 1, 2].flatMap(i => [0, 1, 2].map(j =>
    a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j]));
}

const VIEWS = {
  front: identity(),
  back: [-1, 0, 0, 0, 1, 0, 0, 0, -1],
  left: [0, 0, -1, 0, 1, 0, 1, 0, 0],
  right: [0, 0, 1, 0, 1, 0, -1, 0, 0],
  base: [1, 0, 0, 0, 0, -1, 0, 1, 0],
  apex: [1, 0, 0, 0, 0, 1, 0, -1, 0],
};
