const MAX_ZOOM = 400;
const HOVER_DISTANCE = 14, CLICK_DISTANCE = 20, DRAG_DISTANCE = 4;  // pixels
const MAP_MARGIN = 34;
const LABEL_FONT = 13, LABEL_LINE = 15;
const AREA_PER_LABEL = 12000;  // square pixels

// The name of a group on the map: short lines.
function labelLines(group, maxCharacters) {
  const text = groupName(group).replace(/^cluster (\d+)$/, "$1");
  const lines = [""];
  for (const part of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line && line.length + part.length + 1 > maxCharacters) lines.push(part);
    else lines[lines.length - 1] = line ? line + " " + part : part;
  }
  const cut = (line) => line.length > maxCharacters ? [...line].slice(0, maxCharacters - 1).join("") + "…" : line;
  const shown = lines.slice(0, 2).map(cut);
  if (lines.length > 2 && !shown[1].endsWith("…")) shown[1] = shown[1].replace(/,$/, "") + "…";
  return shown.map((line, i) => i === shown.length - 1 ? line.replace(/,$/, "") : line);
}

// A function that returns where the label of a group is: at the row nearest to the median of its rows,
// from top to bottom of most of them; or null.
function labelAnchors(x, y) {
  const rowsOf = data.clusters.size.map(() => []), found = new Map();
  rows.cluster.forEach((k, i) => { if (k >= 0) rowsOf[k].push(i); });
  const quantile = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))];
  function anchor(of) {
    if (!of.length) return null;
    const [sortedX, sortedY] = [x, y].map((values) => Float32Array.from(of, (i) => values[i]).sort());
    const middleX = quantile(sortedX, .5), middleY = quantile(sortedY, .5);
    const distance = (i) => (x[i] - middleX) ** 2 + (y[i] - middleY) ** 2;
    const row = of.reduce((best, i) => distance(i) < distance(best) ? i : best);
    return { row, upper: quantile(sortedY, .1), lower: quantile(sortedY, .9) };
  }
  return (group) => {
    if (!found.has(group)) found.set(group, anchor(hierarchy.members[group].flatMap((k) => rowsOf[k])));
    return found.get(group);
  };
}

function isInside(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i], [xj, yj] = polygon[j];
    if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

function addMap() {
  const section = addSection("map", "Map", data.map_note);
  const points = make("canvas", { ariaHidden: "true" });
  const surface = make("canvas", { tabIndex: 0, id: "map-surface", role: "application" });
  surface.setAttribute("aria-label", `Map of ${plural(rows.row.length, "row")} in `
    + `${plural(data.clusters.size.length, "cluster")}. Plus and minus zoom, arrow keys move, 0 shows all, `
    + "Enter selects the cluster in the middle, Escape selects nothing. "
    + "The table of clusters below has the same contents.");
  const tip = make("div", { className: "tip", hidden: true, ariaHidden: "true" });
  const tool = (text, label, onclick) => make("button", { type: "button", textContent: text, title: label,
    ariaLabel: label, onclick });
  const lassoButton = tool("Lasso", "Draw a lasso around rows (or drag with Shift)", () => setLasso(!isLasso));
  lassoButton.id = "lasso";
  lassoButton.setAttribute("aria-pressed", "false");
  const tools = make("div", { className: "controls tools", role: "toolbar", ariaLabel: "Map" },
    tool("+", "Zoom in", () => zoomBy(1.6)), tool("−", "Zoom out", () => zoomBy(1 / 1.6)),
    tool("Reset view", "Show the whole map", () => resetView()), lassoButton);
  const frame = make("div", { className: "map-frame" }, points, surface, tip);
  const panel = make("div", { className: "map-panel", role: "region", ariaLabel: "Selected rows", tabIndex: 0 });
  section.append(tools, make("div", { className: "map" }, frame, panel));

  const { x, y } = decodedPositions(data.map.positions);
  const grid = new PointGrid(x, y);
  let anchorOf = labelAnchors(x, y);
  const nClusters = data.clusters.size.length;
  const groups = new Uint32Array(grid.rows.length);
  const group = () => grid.rows.forEach((i, at) => { groups[at] = rows.cluster[i] < 0 ? nClusters : rows.cluster[i]; });
  group();
  const [minX, maxX] = range(x), [minY, maxY] = range(y);
  let width = 1, height = 1, ratio = 1, fit = 1, image = null, pixels = null;
  let center = [(minX + maxX) / 2, (minY + maxY) / 2], zoom = 1;
  let marks = null, marksInOrder = null;  // 1 for selected rows, also in the order of the grid
  let hovered = -1, lasso = null, isLasso = false, boxes = [], isScheduled = false, isVisible = true;
  let bySize = [], labels = new Map(), colors = null, paper = 0, ink = "", halo = "", muted = null;
  const measured = surface.getContext("2d");

  const scale = () => fit * zoom;
  const left = (i) => (x[i] - center[0]) * scale() + width / 2;
  const topOf = (value) => (value - center[1]) * scale() + height / 2;
  const top = (i) => topOf(y[i]);
  const placeAt = (pixelX, pixelY) =>
    [(pixelX - width / 2) / scale() + center[0], (pixelY - height / 2) / scale() + center[1]];

  function resize() {
    width = Math.max(frame.clientWidth, 1); height = Math.max(frame.clientHeight, 1);
    ratio = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of [points, surface]) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    }
    image = points.getContext("2d").createImageData(points.width, points.height);
    pixels = new Int32Array(image.data.buffer);
    fit = Math.min((width - 2 * MAP_MARGIN) / Math.max(maxX - minX, 1e-3),
      (height - 2 * MAP_MARGIN) / Math.max(maxY - minY, 1e-3));
    labels.clear();
    schedule();
  }
  // The groups that have labels follow the cut.
  function relabel() {
    const sizeOf = (group) => isUnion(group) ? hierarchy.size[group] : data.clusters.size[group];
    bySize = [...new Set(groupOfCluster)].filter(anchorOf).sort((a, b) => sizeOf(b) - sizeOf(a));
    schedule();
  }
  function showEdited(event) {
    if (event.detail.hasNewUnions) {
      anchorOf = labelAnchors(x, y);
      group();
    }
    labels.clear();
    relabel();
    recolor();
  }
  function labelOf(group) {
    if (!labels.has(group)) {
      const lines = labelLines(group, width < 600 ? 14 : 22);
      measured.font = `600 ${LABEL_FONT}px system-ui, sans-serif`;
      labels.set(group, { lines, width: Math.max(...lines.map((line) => measured.measureText(line).width)) });
    }
    return labels.get(group);
  }
  // The group whose name is shown in bold: the selected cluster or union, or the one that has it.
  function selectedGroup() {
    const { cluster, clusters } = selection;
    if (cluster !== null) return cluster < 0 ? null : groupOf(cluster);
    const node = clusters === null ? -1 : nodeOf(clusters);
    return node < 0 || groupOf(clusters[0]) !== node ? null : node;
  }
  function recolor() {
    const style = getComputedStyle(document.body);
    paper = pixelOf(style.backgroundColor); ink = style.color; halo = style.backgroundColor;
    colors = Int32Array.from([...data.clusters.size.keys(), -1], (k) => pixelOf(colorOf(k)));
    muted = Int32Array.from(colors, () => pixelOf(isDark() ? "#5c636d" : "#b4bac2"));
    schedule();
  }
  function schedule() {
    if (isScheduled || !isVisible) return;  // drawn as soon as it is scrolled into view
    isScheduled = true;
    requestAnimationFrame(() => { isScheduled = false; draw(); });
  }
  function draw() {
    const view = { scale: scale() * ratio,
      left: (width / 2 - center[0] * scale()) * ratio, top: (height / 2 - center[1] * scale()) * ratio };
    const size = Math.max(.75, Math.min(2.6, 130 / Math.sqrt(x.length))) * zoom ** .35;
    const radius = Math.min(size, 6) * ratio, across = points.width, down = points.height;
    pixels.fill(paper);
    const drawn = (stamp, palette, mark) =>
      drawPoints(grid, pixels, across, down, view, stamp, palette, groups, marksInOrder, mark);
    if (marks !== null) drawn(discStamp(radius * .8, .5, across), muted, 0);
    drawn(discStamp(radius, .8, across), colors, 1);
    points.getContext("2d").putImageData(image, 0, 0);
    drawOverlay(Math.min(size, 6));
  }
  function drawOverlay(radius) {
    const context = measured;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const selected = selectedGroup();
    boxes = placedLabels(selected);
    surface.dataset.labels = JSON.stringify(boxes);
    context.textAlign = "center"; context.textBaseline = "middle"; context.lineJoin = "round";
    for (const { k, x0, x1, y0 } of boxes) {
      context.font = `${k === selected ? 800 : 600} ${LABEL_FONT}px system-ui, sans-serif`;
      context.globalAlpha = selected === null || k === selected ? 1 : .55;
      context.strokeStyle = halo; context.lineWidth = 4; context.fillStyle = ink;
      labelOf(k).lines.forEach((line, i) => {
        context.strokeText(line, (x0 + x1) / 2, y0 + (i + .5) * LABEL_LINE);
        context.fillText(line, (x0 + x1) / 2, y0 + (i + .5) * LABEL_LINE);
      });
    }
    context.globalAlpha = 1; context.lineWidth = 2; context.strokeStyle = ink;
    for (const i of [hovered, indexOfRow.get(selection.row) ?? -1]) {
      if (i < 0) continue;
      context.beginPath(); context.arc(left(i), top(i), radius + 4, 0, 7); context.stroke();
    }
    if (lasso) {
      context.beginPath(); context.setLineDash([5, 4]);
      lasso.forEach(([placeX, placeY]) => context.lineTo(placeX, placeY));
      context.closePath(); context.stroke(); context.setLineDash([]);
    }
  }
  // Labels that do not overlap: that of the selected cluster first, then those of the largest.
  function placedLabels(selected) {
    const placed = [];
    const most = Math.max(6, width * height / AREA_PER_LABEL);
    const order = bySize.includes(selected) ? [selected, ...bySize.filter((k) => k !== selected)] : bySize;
    for (const k of order) {
      if (placed.length >= most) break;
      const { lines, width: across } = labelOf(k), down = lines.length * LABEL_LINE;
      const { row, upper, lower } = anchorOf(k), middle = left(row), level = top(row);
      if (middle < 0 || middle > width || level < 0 || level > height) continue;
      const x0 = Math.max(3, Math.min(width - across - 3, middle - across / 2));
      const above = topOf(upper) - down - 4, below = topOf(lower) + 4, within = level - down / 2;
      const isLarge = below - above > 5 * down;
      for (const y0 of isLarge ? [within, within - down, within + down] : [above, below]) {
        const box = { k, x0, x1: x0 + across, y0, y1: y0 + down };
        if (box.y0 < 2 || box.y1 > height - 2) continue;
        if (placed.some((t) => box.x0 < t.x1 + 6 && t.x0 < box.x1 + 6 && box.y0 < t.y1 + 2 && t.y0 < box.y1 + 2)) continue;
        placed.push(box);
        break;
      }
    }
    return placed;
  }

  // Zoom by a factor, so that the place at these pixels stays there.
  function zoomBy(factor, pixelX = width / 2, pixelY = height / 2) {
    const before = placeAt(pixelX, pixelY);
    zoom = Math.max(1, Math.min(MAX_ZOOM, zoom * factor));
    const after = placeAt(pixelX, pixelY);
    moveTo(center[0] + before[0] - after[0], center[1] + before[1] - after[1]);
  }
  function moveTo(placeX, placeY) {
    center = zoom === 1 ? [(minX + maxX) / 2, (minY + maxY) / 2]
      : [Math.max(minX, Math.min(maxX, placeX)), Math.max(minY, Math.min(maxY, placeY))];
    surface.style.touchAction = zoom > 1 || isLasso ? "none" : "pan-y";
    surface.dataset.zoom = zoom.toFixed(3);
    hover(-1);
    schedule();
    document.dispatchEvent(new Event("view"));
  }
  function resetView() {
    zoom = 1;
    moveTo(0, 0);
  }
  const moveBy = (across, down) => moveTo(center[0] + across / scale(), center[1] + down / scale());

  function setLasso(value) {
    isLasso = value;
    lassoButton.setAttribute("aria-pressed", value);
    surface.classList.toggle("lasso", value);
    surface.style.touchAction = zoom > 1 || value ? "none" : "pan-y";
  }
  function finishLasso() {
    const polygon = simplified(lasso.map(([pixelX, pixelY]) => placeAt(pixelX, pixelY)));
    lasso = null;
    setLasso(false);
    const inside = rowsInside(polygon);
    if (inside.includes(1)) select({ query: "", cluster: null, lasso: inside, polygon });
    else schedule();
  }
  function rowsInside(polygon) {
    const [x0, x1] = range(polygon.map((place) => place[0])), [y0, y1] = range(polygon.map((place) => place[1]));
    const inside = new Uint8Array(x.length);
    grid.ranges(x0, y0, x1, y1, (first, end) => {
      for (let at = first; at < end; at++) {
        const i = grid.rows[at];
        if (isInside(polygon, x[i], y[i])) inside[i] = 1;
      }
    });
    return inside;
  }

  const isShown = (i) => marks === null || marks[i] === 1;
  const rowAt = (pixelX, pixelY, distance) => {
    const [placeX, placeY] = placeAt(pixelX, pixelY);
    const shown = grid.nearest(placeX, placeY, distance / scale(), isShown);
    return shown >= 0 ? shown : grid.nearest(placeX, placeY, distance / scale());
  };
  const labelAt = (pixelX, pixelY) =>
    boxes.find(({ x0, x1, y0, y1 }) => pixelX >= x0 && pixelX <= x1 && pixelY >= y0 && pixelY <= y1);
  function hover(i) {
    if (i === hovered) return;
    hovered = i;
    tip.hidden = i < 0;
    if (i >= 0) {
      const k = rows.cluster[i], own = data.images && data.images[rows.row[i]];
      const typical = !own && data.images && !rows.text && k >= 0
        ? data.clusters.exemplars[k].filter((row) => data.images[row]).slice(0, 3) : [];
      tip.replaceChildren(
        make("div", { className: "soft" }, dot(k),
          capitalized(clusterName(k)) + (nameOf(k) || k < 0 || !wordsOf(k) ? "" : `: ${data.clusters.words[k].slice(0, 3).join(", ")}`)),
        own ? make("img", { className: "thumb", src: own, alt: "" }) : "",
        make("div", { dir: "auto", textContent: rows.text ? shortened(rows.text[i], 220) : "Row " + rows.row[i] }),
        rows.label ? make("div", { className: "soft", textContent: "Label: " + shortened(rows.label[i], 80) }) : "",
        typical.length ? make("div", { className: "soft", textContent: "Typical of this cluster:" }) : "",
        ...typical.map((row) => make("img", { className: "thumb", src: data.images[row], alt: "" })));
      const right = left(i) + 14 + tip.offsetWidth > width;
      tip.style.left = Math.max(4, right ? left(i) - 14 - tip.offsetWidth : left(i) + 14) + "px";
      tip.style.top = Math.max(4, Math.min(height - tip.offsetHeight - 4, top(i) + 10)) + "px";
    }
    schedule();
  }
  function click(pixelX, pixelY) {
    const label = labelAt(pixelX, pixelY), row = label ? -1 : rowAt(pixelX, pixelY, CLICK_DISTANCE);
    if (!label && row < 0) { selectNothing(); return; }
    const group = label ? label.k : groupOf(rows.cluster[row]);
    if (group < 0) select({ query: "", lasso: null, cluster: group }); else selectNode(group);
  }

  const pointers = new Map();  // positions of pressed pointers, by their id
  let pressed = null, hasMoved = false;
  const positionOf = (event) => {
    const box = surface.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  surface.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    surface.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, positionOf(event));
    pressed = positionOf(event); hasMoved = pointers.size > 1;
    if (pointers.size === 1 && (isLasso || event.shiftKey)) lasso = [pressed];
    else lasso = null;
  });
  surface.addEventListener("pointermove", (event) => {
    const place = positionOf(event), last = pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType !== "touch") {
        const label = labelAt(...place);
        hover(label ? -1 : rowAt(...place, HOVER_DISTANCE));
        surface.style.cursor = label || hovered >= 0 ? "pointer" : "";
      }
      return;
    }
    if (!hasMoved && Math.hypot(place[0] - pressed[0], place[1] - pressed[1]) < DRAG_DISTANCE) return;
    hasMoved = true;
    if (lasso) {
      lasso.push(place);
      hover(-1);
      schedule();
    } else if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const after = Math.hypot(place[0] - other[0], place[1] - other[1]);
      moveBy((last[0] - place[0]) / 2, (last[1] - place[1]) / 2);
      zoomBy(after / Math.max(before, 1), (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
    } else moveBy(last[0] - place[0], last[1] - place[1]);
    pointers.set(event.pointerId, place);
  });
  const release = (event, isClick) => {
    if (!pointers.delete(event.pointerId)) return;
    if (lasso && hasMoved && lasso.length > 2) finishLasso();
    else if (isClick && !hasMoved) {
      click(...positionOf(event));
      if (event.pointerType === "touch") hover(rowAt(...positionOf(event), CLICK_DISTANCE));
    }
    lasso = null;
    schedule();
  };
  surface.addEventListener("pointerup", (event) => release(event, true));
  surface.addEventListener("pointercancel", (event) => release(event, false));
  surface.addEventListener("pointerleave", () => { if (!pointers.size) hover(-1); });
  surface.addEventListener("dblclick", (event) => {
    event.preventDefault();
    zoomBy(event.shiftKey ? 1 / 2 : 2, ...positionOf(event));
  });
  surface.addEventListener("wheel", (event) => {
    if (zoom === 1 && event.deltaY > 0 && !event.ctrlKey) return;  // the page scrolls on
    event.preventDefault();
    const lines = event.deltaMode ? 30 : 1;
    zoomBy(Math.exp(-Math.max(-80, Math.min(80, event.deltaY * lines)) * (event.ctrlKey ? .01 : .003)),
      ...positionOf(event));
  }, { passive: false });
  const keys = {
    "+": () => zoomBy(1.6), "=": () => zoomBy(1.6), "-": () => zoomBy(1 / 1.6), "0": resetView,
    ArrowLeft: () => moveBy(-60, 0), ArrowRight: () => moveBy(60, 0),
    ArrowUp: () => moveBy(0, -60), ArrowDown: () => moveBy(0, 60),
    Enter: () => click(width / 2, height / 2),
    Escape: () => { setLasso(false); selectNothing(); },
  };
  surface.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  selection.listeners.push(() => {
    if (selection.hasNewCut) { relabel(); recolor(); }
    if (!selection.hasNewRows) return;
    marks = selection.isActive() ? selection.isSelected : null;
    marksInOrder = marks && grid.inOrder(marks);
    panel.replaceChildren(...panelContent());
    panel.scrollTop = 0;
    schedule();
  });
  new ResizeObserver(resize).observe(frame);
  new IntersectionObserver((entries) => {
    isVisible = entries.at(-1).isIntersecting;
    schedule();
  }, { rootMargin: "100px" }).observe(frame);
  document.addEventListener("theme", recolor);
  document.addEventListener("edits", showEdited);
  showOnMap = (k) => {
    select({ query: "", lasso: null, cluster: k });
    frame.scrollIntoView({ block: "center" });
  };
  showRowOnMap = (row) => {
    select({ query: "", lasso: null, cluster: null, row });
    frame.scrollIntoView({ block: "center" });
    const i = indexOfRow.get(row), isOutside = left(i) < 0 || top(i) < 0 || left(i) > width || top(i) > height;
    if (isOutside) moveTo(x[i], y[i]);
  };
  mapView = {
    state: () => ({ zoom, center }),
    show: (value, placeX, placeY) => {
      zoom = Math.max(1, Math.min(MAX_ZOOM, value));
      moveTo(placeX, placeY);
    },
    rowsInside,
  };
  resize();
  relabel();
  recolor();
  resetView();
}
let showOnMap = () => {}, showRowOnMap = () => {};
let mapView = null;  // { state(), show(zoom, x, y), rowsInside(polygon) }
