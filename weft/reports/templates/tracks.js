// Views over time that share one zoom: units, memories and DRAM, each drawn on a canvas from the packed data.
"use strict";

const GUTTER = 84, AXIS = 24, LEAST = 16; // pixels left of the plots and below them; the fewest cycles shown
const number = new Intl.NumberFormat("en-US");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const sums = (differences) => {
  let at = 0;
  return Float64Array.from(differences, (step) => (at += step));
};
/** The last index whose value is at most `wanted`, or -1. */
function lastAtMost(sorted, wanted) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

async function unpack() {
  const bytes = Uint8Array.from(atob(document.getElementById("packed").textContent), (c) => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(plain).json();
}

// ---- the shared view -------------------------------------------------------------------------------------------
const view = { from: 0, to: 1, cycles: 1, cursor: null, highlight: null, tracks: [], queued: false };

function redraw() {
  if (view.queued) return;
  view.queued = true;
  requestAnimationFrame(() => {
    view.queued = false;
    for (const track of view.tracks) track.paint();
    const range = `cycles ${number.format(Math.round(view.from))} to ${number.format(Math.round(view.to))}`;
    for (const output of document.querySelectorAll(".range")) output.textContent = range;
  });
}
function show(from, to) {
  const span = Math.min(view.cycles, Math.max(LEAST, to - from));
  view.from = Math.max(0, Math.min(from, view.cycles - span));
  view.to = view.from + span;
  redraw();
}
function zoom(factor, about = (view.from + view.to) / 2) {
  const span = Math.min(view.cycles, Math.max(LEAST, (view.to - view.from) * factor));
  const share = (about - view.from) / (view.to - view.from);
  show(about - share * span, about + (1 - share) * span);
}
const pan = (share) => show(view.from + share * (view.to - view.from), view.to + share * (view.to - view.from));
const ACTIONS = {
  in: () => zoom(1 / 1.6), out: () => zoom(1.6), left: () => pan(-0.25), right: () => pan(0.25),
  fit: () => show(0, view.cycles),
};
const KEYS = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "fit", Home: "fit" };

// ---- one canvas ------------------------------------------------------------------------------------------------
class Track {
  /** `height`: of the plot; `draw(track)` paints it; `hit(track, x, y)` says what lies there, as text or null. */
  constructor(canvas, height, draw, hit) {
    Object.assign(this, { canvas, height, draw, hit, pointers: new Map(), mark: null, width: 1 });
    this.pen = canvas.getContext("2d");
    canvas.style.height = `${height + AXIS}px`;
    new ResizeObserver(() => redraw()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => {
      view.cursor = null;
      hideTip();
      redraw();
    });
    canvas.addEventListener("dblclick", (event) => zoom(1 / 2.5, this.cycle(event.offsetX)));
    canvas.addEventListener("keydown", (event) => {
      const action = ACTIONS[KEYS[event.key]];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    });
  }
  /** Read the width once a frame or event: asking the layout for each bar would take most of the time. */
  measure() {
    this.width = Math.max(1, this.canvas.clientWidth - GUTTER);
  }
  x(cycle) {
    return GUTTER + ((cycle - view.from) / (view.to - view.from)) * this.width;
  }
  cycle(x) {
    return view.from + ((x - GUTTER) / this.width) * (view.to - view.from);
  }
  wheel(event) {
    this.measure();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      pan((event.deltaX || event.deltaY) / 1000);
    } else if (event.ctrlKey || event.metaKey || document.activeElement === this.canvas) {
      event.preventDefault();
      zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.006), this.cycle(event.offsetX));
    }
  }
  down(event) {
    if (event.button) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event.offsetX);
    this.origin = event.offsetX;
    const whole = view.to - view.from >= view.cycles - 0.5;
    this.mark = event.pointerType === "mouse" && (whole || event.shiftKey) ? [event.offsetX, event.offsetX] : null;
  }
  move(event) {
    this.measure();
    const before = this.pointers.get(event.pointerId);
    if (before !== undefined) {
      this.pointers.set(event.pointerId, event.offsetX);
      if (this.mark) this.mark[1] = event.offsetX;
      else if (this.pointers.size === 2) this.pinch(event.pointerId, before, event.offsetX);
      else pan((before - event.offsetX) / this.width);
    }
    view.cursor = event.offsetX >= GUTTER ? this.cycle(event.offsetX) : null;
    const said = event.offsetX >= GUTTER ? this.hit(this, event.offsetX, event.offsetY) : null;
    if (said) showTip(said, event.clientX, event.clientY);
    else hideTip();
    redraw();
  }
  pinch(id, before, now) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const ratio = Math.abs(before - other) / Math.max(8, Math.abs(now - other));
    zoom(Math.max(0.5, Math.min(2, ratio)), this.cycle((now + other) / 2));
  }
  up(event) {
    this.pointers.delete(event.pointerId);
    if (!this.mark) return;
    const [a, b] = this.mark.map((x) => this.cycle(Math.max(GUTTER, x))).sort((x, y) => x - y);
    const far = Math.abs(this.mark[1] - this.mark[0]) > 4;
    this.mark = null;
    if (far) show(a, b);
  }
  paint() {
    const box = this.canvas.getBoundingClientRect();
    if (box.width === 0 || box.bottom < -200 || box.top > innerHeight + 200) return;
    this.measure();
    const scale = devicePixelRatio || 1, pen = this.pen;
    const [wide, high] = [Math.round(box.width * scale), Math.round((this.height + AXIS) * scale)];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, box.width, this.height + AXIS);
    pen.font = "12px system-ui, sans-serif";
    this.axis();
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, 0, this.width, this.height);
    pen.clip();
    this.draw(this);
    pen.restore();
    this.overlay();
  }
  axis() {
    const { pen } = this, span = view.to - view.from;
    const rough = span / Math.max(2, this.width / 110), power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].find((n) => n * power >= rough) * power);
    pen.strokeStyle = css("--line");
    pen.fillStyle = css("--soft");
    pen.lineWidth = 1;
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    for (let cycle = Math.ceil(view.from / step) * step; cycle <= view.to; cycle += step) {
      const x = Math.round(this.x(cycle)) + 0.5, text = number.format(cycle);
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, this.height + 4);
      pen.stroke();
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(x, GUTTER + this.width - half), this.height + 17);
    }
  }
  overlay() {
    const { pen } = this;
    if (view.cursor !== null && view.cursor >= view.from && view.cursor <= view.to) {
      pen.fillStyle = css("--soft");
      pen.fillRect(Math.round(this.x(view.cursor)), 0, 1, this.height);
    }
    if (this.mark) {
      const [a, b] = [...this.mark].sort((x, y) => x - y);
      pen.fillStyle = css("--accent");
      pen.globalAlpha = 0.2;
      pen.fillRect(a, 0, b - a, this.height);
      pen.globalAlpha = 1;
    }
  }
  /** Text in the gutter, right-aligned at `y`. */
  label(text, y, color = "--soft") {
    const { pen } = this;
    pen.fillStyle = css(color);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(text, GUTTER - 8, y, GUTTER - 10);
  }
}

// ---- units -----------------------------------------------------------------------------------------------------
/** Rows of intervals that do not overlap, as few as there can be: an interval takes the first row that is free. */
function lanesOf(packed) {
  const start = sums(packed.start), lanes = [];
  start.forEach((begin, i) => {
    const end = begin + packed.span[i];
    let lane = lanes.find((row) => row.free <= begin);
    if (!lane) lanes.push((lane = { free: 0, start: [], end: [], operator: [], pc: [] }));
    lane.free = end;
    lane.start.push(begin);
    lane.end.push(end);
    lane.operator.push(packed.operator[i]);
    lane.pc.push(packed.pc[i]);
  });
  return lanes;
}

function unitTrack(canvas, data) {
  const rows = [], labels = [];
  let top = 6;
  for (const [unit, packed] of Object.entries(data.units)) {
    const lanes = lanesOf(packed), thick = lanes.length > 1 ? Math.max(7, Math.min(16, 48 / lanes.length)) : 26;
    const first = top;
    for (const lane of lanes) {
      rows.push({ unit, lane, top, thick: thick - (lanes.length > 1 ? 1 : 0) });
      top += thick;
    }
    if (!lanes.length) top += 20;
    labels.push([unit, (first + top) / 2]);
    top += 9;
  }
  const other = { name: "no operator", color: "#8b949e", rank: null };
  const owner = (index) => data.operators[index] || other;
  const dimmed = (index) => view.highlight !== null && owner(index).rank !== view.highlight;
  const selected = { row: null, index: -1 };
  const inspector = document.querySelector(".inspector");

  const describe = (row, i) => {
    const { start, end, operator, pc } = row.lane, { name, rank } = owner(operator[i]);
    return `${row.unit} · ${rank === null ? "" : `operator ${rank}, `}${name}\n${data.instructions[pc[i]]}\n` +
      `start ${number.format(start[i])}, retire ${number.format(end[i] - 1)}, ` +
      `${number.format(end[i] - start[i])} cycle${end[i] - start[i] === 1 ? "" : "s"}, pc ${number.format(pc[i])}`;
  };
  const find = (track, x, y) => {
    const row = rows.find((r) => y >= r.top && y < r.top + r.thick);
    if (!row) return null;
    const cycle = track.cycle(x), near = (2 / track.width) * (view.to - view.from);
    const i = lastAtMost(row.lane.start, cycle + near);
    return i >= 0 && row.lane.end[i] >= cycle - near ? [row, i] : null;
  };
  const draw = (track) => {
    const { pen } = track;
    const scale = track.width / (view.to - view.from), shift = GUTTER - view.from * scale;
    for (const { lane, top: y, thick } of rows) {
      let drawn = -1; // Bars thinner than a pixel: one for each pixel is all that can be seen.
      for (let i = Math.max(0, lastAtMost(lane.start, view.from)); i < lane.start.length && lane.start[i] <= view.to; i++) {
        const left = shift + lane.start[i] * scale, right = shift + lane.end[i] * scale;
        if (right < drawn) continue;
        const wide = Math.max(1, right - left - (right - left > 4 ? 1 : 0));
        drawn = Math.floor(Math.max(left, drawn)) + 1;
        pen.globalAlpha = dimmed(lane.operator[i]) ? 0.15 : 1;
        pen.fillStyle = owner(lane.operator[i]).color;
        pen.fillRect(left, y, wide, thick);
        if (wide > 46 && thick > 11) nameOf(track, lane, i, left, wide, y + thick / 2);
      }
    }
    pen.globalAlpha = 1;
    if (selected.row) {
      const { lane, top: y, thick } = selected.row, i = selected.index;
      pen.strokeStyle = css("--ink");
      pen.lineWidth = 2;
      pen.strokeRect(track.x(lane.start[i]), y - 1, Math.max(2, track.x(lane.end[i]) - track.x(lane.start[i])), thick + 2);
    }
  };
  const nameOf = (track, lane, i, left, wide, middle) => {
    const { pen } = track, from = Math.max(left, GUTTER), room = Math.min(left + wide, GUTTER + track.width) - from - 8;
    const word = String(data.instructions[lane.pc[i]]).split(" ", 1)[0];
    if (pen.measureText(word).width > room) return;
    pen.fillStyle = inkOn(owner(lane.operator[i]).color);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(word, from + 4, middle + 0.5);
  };
  const track = new Track(canvas, top, draw, (t, x, y) => {
    const found = find(t, x, y);
    return found && describe(...found);
  });
  const base = track.axis.bind(track);
  track.axis = () => {
    base();
    for (const [unit, y] of labels) track.label(unit, y, "--ink");
  };
  const select = (row, index) => {
    Object.assign(selected, { row, index });
    inspector.textContent = row ? describe(row, index) : "Click an instruction to keep what it is here.";
    redraw();
  };
  select(null, -1);
  canvas.addEventListener("click", (event) => {
    if (Math.abs(event.offsetX - track.origin) > 4) return; // the end of a drag
    const found = find(track, event.offsetX, event.offsetY);
    select(...(found || [null, -1]));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ",": -1, ".": 1 }[event.key];
    if (!step) {
      if (event.key === "Escape") select(null, -1);
      return;
    }
    let { row, index } = selected;
    if (!row) {
      row = rows.find((r) => r.lane.start.length);
      if (!row) return;
      index = Math.max(0, lastAtMost(row.lane.start, view.from) + (view.from > 0 ? 1 : 0)) - step;
    }
    index += step;
    if (index < 0 || index >= row.lane.start.length) { // on to the neighbouring row
      row = rows[(rows.indexOf(row) + step + rows.length) % rows.length];
      index = step > 0 ? 0 : row.lane.start.length - 1;
    }
    select(row, index);
    const [begin, end] = [row.lane.start[index], row.lane.end[index]], span = view.to - view.from;
    if (begin < view.from || end > view.to) show((begin + end - span) / 2, (begin + end + span) / 2);
  });
  for (const button of document.querySelectorAll("#operator-legend button")) {
    button.addEventListener("click", () => {
      const rank = Number(button.dataset.operator);
      view.highlight = view.highlight === rank ? null : rank;
      for (const each of document.querySelectorAll("#operator-legend button")) {
        each.setAttribute("aria-pressed", String(Number(each.dataset.operator) === view.highlight));
      }
      redraw();
    });
  }
  return track;
}

function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
}

// ---- memories --------------------------------------------------------------------------------------------------
function memoryTrack(canvas, memory) {
  const LIVE = 64, GAP = 12, MAP = 116, cycle = sums(memory.cycle), { capacity, bytes, buffers } = memory;
  const peak = bytes.reduce((best, value, i) => (value > bytes[best] ? i : best), 0);
  const live = (value) => 8 + (LIVE - 8) * (1 - value / capacity);
  const place = (address) => LIVE + GAP + MAP * (1 - address / capacity);
  const draw = (track) => {
    const { pen } = track;
    const first = Math.max(0, lastAtMost(cycle, view.from));
    pen.beginPath();
    pen.moveTo(track.x(Math.max(view.from, cycle[first] || 0)), LIVE);
    let at = first;
    while (at < cycle.length && cycle[at] <= view.to) { // one corner a pixel, the highest, is all that can be seen
      const pixel = Math.floor(track.x(cycle[at]));
      let highest = bytes[at], left = track.x(cycle[at]);
      while (at + 1 < cycle.length && Math.floor(track.x(cycle[at + 1])) === pixel) highest = Math.max(highest, bytes[++at]);
      const right = at + 1 < cycle.length ? track.x(cycle[at + 1]) : track.x(view.cycles);
      pen.lineTo(left, live(highest));
      pen.lineTo(right, live(bytes[at] > highest ? bytes[at] : highest));
      if (highest !== bytes[at]) pen.lineTo(right, live(bytes[at]));
      at++;
    }
    pen.lineTo(track.x(Math.min(view.to, view.cycles)), LIVE);
    pen.fillStyle = "#009e73";
    pen.globalAlpha = 0.75;
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = css("--soft");
    pen.setLineDash([4, 3]);
    pen.beginPath();
    pen.moveTo(GUTTER, 8.5);
    pen.lineTo(GUTTER + track.width, 8.5);
    pen.stroke();
    pen.setLineDash([]);
    pen.strokeStyle = css("--line");
    pen.strokeRect(GUTTER + 0.5, LIVE + GAP + 0.5, track.width - 1, MAP - 1);
    buffers.forEach(([, address, size, from, to], i) => {
      if (to < view.from || from > view.to) return;
      const left = track.x(from), wide = Math.max(1, track.x(to) - left), tall = Math.max(1, (MAP * size) / capacity);
      const here = i === track.hot;
      pen.fillStyle = "#0072b2";
      pen.globalAlpha = here ? 1 : 0.45;
      pen.fillRect(left, place(address + size), wide, tall);
      if (wide > 3 && tall > 3) {
        pen.globalAlpha = 1;
        pen.strokeStyle = here ? css("--ink") : "#56b4e9";
        pen.lineWidth = here ? 2 : 0.75;
        pen.strokeRect(left + 0.5, place(address + size) + 0.5, wide - 1, tall - 1);
      }
    });
    pen.globalAlpha = 1;
    if (cycle.length) {
      const x = track.x(cycle[peak]);
      pen.fillStyle = css("--ink");
      pen.beginPath();
      pen.moveTo(x, live(bytes[peak]));
      pen.lineTo(x - 5, live(bytes[peak]) - 8);
      pen.lineTo(x + 5, live(bytes[peak]) - 8);
      pen.fill();
    }
  };
  const hit = (track, x, y) => {
    const now = track.cycle(x), at = lastAtMost(cycle, now);
    track.hot = -1;
    if (y > LIVE + GAP && y < LIVE + GAP + MAP) {
      const slack = (1.5 / track.width) * (view.to - view.from), address = ((LIVE + GAP + MAP - y) / MAP) * capacity;
      track.hot = buffers.findLastIndex(
        ([, base, size, from, to]) => from - slack <= now && now <= to + slack && base <= address && address < base + size,
      );
      if (track.hot >= 0) {
        const [name, base, size, from, to] = buffers[track.hot];
        return `${name}\n${number.format(size)} bytes from address ${number.format(base)}\n` +
          `cycles ${number.format(from)} to ${number.format(to)}`;
      }
    }
    const bytesNow = at < 0 ? 0 : bytes[at];
    return `cycle ${number.format(Math.floor(now))}: ${number.format(bytesNow)} of ${number.format(capacity)} bytes live ` +
      `(${((100 * bytesNow) / capacity).toFixed(1)} %)`;
  };
  const track = new Track(canvas, LIVE + GAP + MAP + 2, draw, hit);
  track.hot = -1;
  canvas.addEventListener("pointerleave", () => (track.hot = -1));
  const base = track.axis.bind(track);
  track.axis = () => {
    base();
    track.label(number.format(capacity), 9);
    track.label("live bytes", (LIVE + 8) / 2 + 2, "--ink");
    track.label("0", LIVE - 4);
    track.label("address", LIVE + GAP + MAP / 2, "--ink");
    track.label("0", LIVE + GAP + MAP - 6);
  };
  return track;
}

// ---- DRAM ------------------------------------------------------------------------------------------------------
function dramTrack(canvas, dram) {
  const PLOT = 120, COLORS = { read: "#0072b2", write: "#e69f00", fetch: "#56b4e9" }, { window, capacity } = dram;
  const totals = Object.keys(COLORS).map((name) => sums([0, ...dram[name]]));
  const samples = dram.read.length;
  /** Bytes of a stream before `cycle`: linear within a sample. */
  const before = (total, cycle) => {
    const i = Math.min(samples - 1, Math.max(0, Math.floor(cycle / window)));
    const width = Math.min(window, view.cycles - i * window) || 1;
    return total[i] + (total[i + 1] - total[i]) * Math.max(0, Math.min(1, (cycle - i * window) / width));
  };
  const y = (rate) => PLOT - (PLOT - 14) * (rate / capacity);
  const draw = (track) => {
    const { pen } = track;
    if (samples) {
      const narrow = (window / (view.to - view.from)) * track.width < 1.5;
      const columns = narrow ? track.width : Math.ceil((view.to - view.from) / window) + 1;
      const first = Math.floor(view.from / window);
      for (let column = 0; column < columns; column++) {
        const from = narrow ? track.cycle(GUTTER + column) : (first + column) * window;
        const to = Math.min(view.cycles, narrow ? track.cycle(GUTTER + column + 1) : from + window);
        if (to <= from) break;
        let base = 0;
        totals.forEach((total, stream) => {
          const rate = (before(total, to) - before(total, from)) / (to - from);
          pen.fillStyle = Object.values(COLORS)[stream];
          pen.fillRect(track.x(from), y(base + rate), Math.max(1, track.x(to) - track.x(from) + 0.3), y(base) - y(base + rate));
          base += rate;
        });
      }
    }
    pen.strokeStyle = css("--ink");
    pen.setLineDash([4, 3]);
    pen.beginPath();
    pen.moveTo(GUTTER, 14.5);
    pen.lineTo(GUTTER + track.width, 14.5);
    pen.stroke();
    pen.setLineDash([]);
  };
  const hit = (track, x) => {
    const i = Math.floor(track.cycle(x) / window);
    if (i < 0 || i >= samples) return null;
    const width = Math.min(window, view.cycles - i * window);
    const lines = Object.keys(COLORS).map((name) => `${name} ${(dram[name][i] / width).toFixed(2)}`);
    const sum = Object.keys(COLORS).reduce((all, name) => all + dram[name][i], 0) / width;
    return `cycles ${number.format(i * window)} to ${number.format(i * window + width)}\n${lines.join(", ")} bytes/cycle\n` +
      `${sum.toFixed(2)} of ${number.format(capacity)} bytes/cycle (${((100 * sum) / capacity).toFixed(1)} %)`;
  };
  const track = new Track(canvas, PLOT, draw, hit);
  const base = track.axis.bind(track);
  track.axis = () => {
    base();
    track.label(`${number.format(capacity)} B/cycle`, 15);
    track.label("0", PLOT - 5);
  };
  return track;
}

// ---- start -----------------------------------------------------------------------------------------------------
unpack().then((data) => {
  view.cycles = Math.max(1, data.cycles);
  view.to = view.cycles;
  for (const canvas of document.querySelectorAll("canvas[data-track]")) {
    const make = {
      units: () => unitTrack(canvas, data),
      memory: () => memoryTrack(canvas, data.memories[canvas.dataset.name]),
      dram: () => dramTrack(canvas, data.dram),
    }[canvas.dataset.track];
    view.tracks.push(make());
  }
  for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", ACTIONS[button.dataset.view]);
  if (data.omitted) {
    const note = document.getElementById("omitted");
    note.hidden = false;
    note.textContent = `The ${number.format(data.omitted)} shortest instructions are left out to keep this page small.`;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("scroll", redraw, { passive: true });
  redraw();
});
