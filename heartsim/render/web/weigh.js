// The ranking that the team weighs itself: nothing is ranked until a weight is set.
"use strict";

class Weighing {
  constructor(root, data, scenarios) {
    Object.assign(this, {root, data, scenarios});
    this.rows = [...root.querySelectorAll("tr[data-criterion]")];
    for (const row of this.rows) row.oninput = () => this.rank();
    root.querySelector("[data-control=equal]").onclick = () => this.set(1);
    root.querySelector("[data-control=none]").onclick = () => this.set(0);
    this.out = root.querySelector(".ranking");
    this.rank();
  }

  set(weight) {
    for (const row of this.rows) row.querySelector("input[type=range]").value = weight;
    this.rank();
  }

  gains(row, k) {
    const c = this.data[k], step = Number(row.querySelector("input[type=number]").value);
    return c.values.map(v => step > 0 ? (c.lower ? c.values[0] - v : v - c.values[0]) / step : 0);
  }

  rank() {
    const weights = this.rows.map(row => Number(row.querySelector("input[type=range]").value));
    const gains = this.rows.map((row, k) => this.gains(row, k));
    this.rows.forEach((row, k) => {
      row.querySelector("output").textContent = weights[k];
      row.querySelectorAll("td.gain").forEach((cell, i) => {
        const g = gains[k][i + 1];
        cell.textContent = (g > 0 ? "+" : "") + figures(g, 1);
        cell.className = "gain " + (g >= 0.5 ? "better" : g <= -0.5 ? "worse" : "");
      });
    });
    const total = weights.reduce((a, b) => a + b, 0);
    this.out.textContent = "";
    if (!total) {
      node("p", "note", this.out, "No ranking: no weight is set. Move a slider above.");
      return;
    }
    const scored = this.scenarios.map((s, i) => {
      const parts = weights.map((w, k) => w / total * gains[k][i]);
      return {...s, parts, score: parts.reduce((a, b) => a + b, 0)};
    }).sort((a, b) => b.score - a.score);
    const widest = Math.max(...scored.flatMap(s => [1, -1].map(sign =>
      s.parts.filter(p => p * sign > 0).reduce((a, b) => a + Math.abs(b), 0))), 1e-9);
    scored.forEach(s => this.line(s, widest));
    node("p", "note", this.out, "Mean of the steps gained over the baseline, weighted as set " +
      "above. Right of the line: gains; left: losses. It sums up these weights and nothing else.");
  }

  line(s, widest) {
    const row = node("div", "rank", this.out), head = node("div", "", row);
    node("span", "dot", head).style.background = s.color;
    node("strong", "", head, s.name);
    head.append(` ${s.score > 0 ? "+" : ""}${figures(s.score, 2)}`);
    const bar = node("div", "parts", row);
    for (const sign of [-1, 1]) {
      const half = node("div", sign < 0 ? "loss" : "win", bar);
      s.parts.forEach((p, k) => {
        if (p * sign <= 1e-3) return;
        const piece = node("span", "", half);
        piece.style.width = 100 * Math.abs(p) / widest + "%";
        piece.style.background = `hsl(${(k * 137.5) % 360} 45% ${sign < 0 ? 68 : 58}%)`;
        piece.title = `${this.data[k].label}: ${figures(p, 2)}`;
      });
    }
    const named = s.parts.map((p, k) => [p, this.data[k].label]).filter(p => Math.abs(p[0]) >= 0.01)
      .sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
    node("div", "note", row, named.length
      ? named.map(p => `${p[1]} ${p[0] > 0 ? "+" : ""}${figures(p[0], 2)}`).join("; ")
      : "no difference");
  }
}
