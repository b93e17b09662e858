// --- drawing many points: pixels are set one by one, which is fast enough without a GPU ---------

// Positions are pairs of 16-bit integers, little-endian, in base64; the longer side is 0 to 65535.
function decodedPositions(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer), count = bytes.length / 4;
  const x = new Float32Array(count), y = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    x[i] = view.getUint16(4 * i, true) / 65535;
    y[i] = 1 - view.getUint16(4 * i + 2, true) / 65535;  // screens count from the top
  }
  return { x, y };
}

// Points in the cells of a square grid, so that those of a part of the plane are found quickly. Arrays
// are in the order of the cells: rows[at] is the row of the report that is at x[at], y[at].
class PointGrid {
  constructor(x, y) {
    const n = x.length, side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(n / 4))));
    Object.assign(this, { side, starts: new Uint32Array(side * side + 1), rows: new Uint32Array(n) });
    const cells = Uint32Array.from(x, (_, i) => this.cellOf(y[i]) * side + this.cellOf(x[i]));
    for (const cell of cells) this.starts[cell + 1]++;
    for (let cell = 0; cell < side * side; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    cells.forEach((cell, i) => { this.rows[next[cell]++] = i; });
    this.x = Float32Array.from(this.rows, (i) => x[i]);
    this.y = Float32Array.from(this.rows, (i) => y[i]);
  }
  // One number for each row of the report, in the order of the cells.
  inOrder(values) {
    const ordered = new values.constructor(values.length);
    for (let at = 0; at < ordered.length; at++) ordered[at] = values[this.rows[at]];
    return ordered;
  }
  cellOf(value) {
    return Math.max(0, Math.min(this.side - 1, Math.floor(value * this.side)));
  }
  // Call visit(first, end) for ranges of the arrays that contain all points of a rectangle.
  ranges(left, top, right, bottom, visit) {
    const first = this.cellOf(left), last = this.cellOf(right), end = this.cellOf(bottom);
    for (let row = this.cellOf(top); row <= end; row++) {
      visit(this.starts[row * this.side + first], this.starts[row * this.side + last + 1]);
    }
  }
  // The row whose point is nearest to a place, within a distance, or -1.
  nearest(x, y, distance, isShown = () => true) {
    let found = -1, least = distance ** 2;
    this.ranges(x - distance, y - distance, x + distance, y + distance, (first, end) => {
      for (let at = first; at < end; at++) {
        const squared = (this.x[at] - x) ** 2 + (this.y[at] - y) ** 2;
        if (squared < least && isShown(this.rows[at])) { least = squared; found = this.rows[at]; }
      }
    });
    return found;
  }
}

// The pixels of a disc, as offsets from its center and opacities from 0 to 256.
function discStamp(radius, opacity, width) {
  const reach = Math.ceil(radius), offsets = [], opacities = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const covered = Math.max(0, Math.min(1, radius + .5 - Math.hypot(dx, dy)));
      if (covered > .03) { offsets.push(dy * width + dx); opacities.push(Math.round(256 * opacity * covered)); }
    }
  }
  return { reach, offsets: Int32Array.from(offsets), opacities: Int32Array.from(opacities) };
}

// Draw points of a grid, in the order of its cells, into 32-bit pixels. A point is at x * scale + left,
// y * scale + top and has the color colors[groups[at]]; it is skipped unless marks[at] === mark.
function drawPoints(grid, pixels, width, height, { left, top, scale }, stamp, colors, groups, marks, mark) {
  grid.ranges(-left / scale, -top / scale, (width - left) / scale, (height - top) / scale, (first, end) =>
    drawRange(grid, first, end, pixels, width, height, left, top, scale, stamp, colors, groups, marks, mark));
}
function drawRange(grid, first, end, pixels, width, height, left, top, scale, stamp, colors, groups, marks, mark) {
  const { x, y } = grid, { reach, offsets, opacities } = stamp, n = offsets.length;
  for (let at = first; at < end; at++) {
    if (marks !== null && marks[at] !== mark) continue;
    const column = Math.floor(x[at] * scale + left) | 0, row = Math.floor(y[at] * scale + top) | 0;
    if (column < reach || row < reach || column >= width - reach || row >= height - reach) continue;
    const color = colors[groups[at]], redBlue = color & 0xff00ff, green = color & 0xff00;
    const center = (Math.imul(row, width) + column) | 0;
    for (let k = 0; k < n; k++) {
      const place = (center + offsets[k]) | 0, opacity = opacities[k], below = pixels[place];
      const rest = (256 - opacity) | 0;  // all numbers are 32-bit integers, which is several times faster
      pixels[place] = -0x1000000
        | (((Math.imul(below & 0xff00ff, rest) + Math.imul(redBlue, opacity)) | 0) >>> 8) & 0xff00ff
        | (((Math.imul(below & 0xff00, rest) + Math.imul(green, opacity)) | 0) >>> 8) & 0xff00;
    }
  }
}

// A color "#rrggbb" or "rgb(r, g, b)" as an opaque pixel.
function pixelOf(color) {
  const [red, green, blue] = color.startsWith("#")
    ? [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16)) : color.match(/\d+/g).map(Number);
  return -0x1000000 | blue << 16 | green << 8 | red;
}
