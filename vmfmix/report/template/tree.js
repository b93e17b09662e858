const TREE_ROW = data.images && !rows.text ? 36 : 22;  // pixels
const MOST_PICTURES = 4;  // of a node
const MOST_LEAVES = 80;  // above, groups are drawn as one leaf
const SNAP_DISTANCE = 9;  // pixels between the pointer and a natural number of clusters
const SVG = "http://www.w3.org/2000/svg";

// Where the nodes of a tree are: children of a union above and below it, so that each node has a line
// of its own, and names never overlap. Groups that isFolded are leaves.
function treeLayout(isFolded) {
  const lines = new Map();
  let line = 0;
  const visit = (node) => {
    if (!isUnion(node) || isFolded(node)) { lines.set(node, line); line += 1; return; }
    const [upper, lower] = hierarchy.childrenOf(node);
    visit(upper);
    lines.set(node, line - .5);
    visit(lower);
  };
  visit(hierarchy.root);
  return { lines, count: line };
}

function addTree() {
  if (!data.tree) return;
  const { first, children, heights, size, members, parent, root, most, numberAt } = hierarchy;
  const natural = data.tree.natural;
  const section = addSection("hierarchy", "Hierarchy",
    "What the clusters of this fit have in common: the further left two of them join, the more they differ. "
    + "Drag the line to group the map and the table, and click a node to select its rows."
    + (natural.length ? " Marked are natural numbers of clusters, with their strengths: the share of the "
      + "scales at which they are the best ones." : ""));
  const state = { opened: new Set(), folded: null, focused: root, width: 0 };
  const value = make("output", { id: "cut-value", className: "soft" });
  const fit = make("button", { type: "button", id: "cut-fit", textContent: `This fit (${integer(most)})`,
    onclick: () => moveTo(most) });
  const merge = make("button", { type: "button", id: "cut-merge", textContent: "Merge as cut",
    title: "Merge the clusters of each group", onclick: mergeAsCut });
  const knob = make("span", { className: "knob", ariaHidden: "true" });
  const slider = make("div", { className: "tree-cut", id: "cut", tabIndex: 0, role: "slider" }, knob);
  for (const [name, content] of Object.entries({ label: "Cut of the hierarchy", orientation: "horizontal",
    valuemin: 1, valuemax: most })) slider.setAttribute("aria-" + name, content);
  const axis = make("div", { className: "tree-axis" });
  const ticks = make("div", { className: "tree-ticks", role: "group", ariaLabel: "Natural numbers of clusters" });
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("role", "tree");
  drawing.setAttribute("aria-label", "Hierarchy of " + plural(most, "cluster"));
  const tip = make("div", { className: "tip", hidden: true, ariaHidden: "true" });
  const box = make("div", { className: "scroll tree" }, axis, ticks, drawing, slider);
  const frame = make("div", { className: "tree-frame" }, box, tip);
  section.append(make("div", { className: "controls" }, fit, value, merge), frame);

  const unions = () => groupsAt(selection.cut).filter(isUnion).map((group) => members[group]);
  function mergeAsCut() {
    try {
      mergeGroups(unions());
      select({ cut: null });
    } catch (error) {
      value.textContent = error.message;
    }
  }
  const cutNumber = () => selection.cut ?? most;
  const strengthOf = (number) => (natural.find(([other]) => other === number) ?? [])[1];
  const described = (number) => plural(number, "cluster") + (number === most ? " (this fit" : "")
    + (strengthOf(number) === undefined ? "" : (number === most ? "; " : " (")
      + `natural number, strength ${Math.round(100 * strengthOf(number))}%`)
    + (number === most || strengthOf(number) !== undefined ? ")" : "");

  // --- places --------------------------------------------------------------------------------------
  let right = 0, lines = new Map(), parts = new Map();
  const left = 14;
  const xOfHeight = (height) => left + (1 - Math.sqrt(height)) * (right - left);
  const xOf = (node) => isUnion(node) ? xOfHeight(heights[node - first]) : right;
  const yOf = (node) => (lines.get(node) + .5) * TREE_ROW + 4;
  // A cut into a number of groups is between the last merge that it has and the next one.
  const xOfCut = (number) => {
    const done = children.length - (number - 1);
    const from = done > 0 ? xOfHeight(heights[done - 1]) : right;
    return number === 1 ? left - 7 : (from + xOfHeight(heights[done])) / 2;
  };
  const numberNear = (x) => {
    const nearest = natural.map(([number]) => number).sort((a, b) => Math.abs(xOfCut(a) - x) - Math.abs(xOfCut(b) - x))[0];
    if (nearest && Math.abs(xOfCut(nearest) - x) <= SNAP_DISTANCE) return nearest;
    return 1 + heights.filter((height) => xOfHeight(height) < x).length;
  };
  const pen = make("canvas").getContext("2d");
  const fitted = (text, width) => {
    const widthOf = (shown) => pen.measureText(shown).width;
    if (widthOf(text) <= width) return text;
    const characters = [...text];
    let n = Math.floor(characters.length * width / widthOf(text));
    while (n > 0 && widthOf(characters.slice(0, n).join("") + "…") > width) n--;
    return n < 3 ? "" : characters.slice(0, n).join("").replace(/[\s,]+$/, "") + "…";
  };
  const isFolded = (node) => most > MOST_LEAVES && state.folded !== null && numberAt(node) >= state.folded
    && (node === root || numberAt(parent[node]) < state.folded) && !state.opened.has(node);

  // --- drawing -------------------------------------------------------------------------------------
  function svg(tag, attributes, text = "") {
    const element = document.createElementNS(SVG, tag);
    for (const [name, content] of Object.entries(attributes)) element.setAttribute(name, content);
    if (text) element.textContent = text;
    return element;
  }
  function draw() {
    const layout = treeLayout(isFolded), hasFocus = drawing.contains(document.activeElement);
    lines = layout.lines;
    const width = state.width, height = layout.count * TREE_ROW + 8;
    right = width - Math.min(330, Math.round(width * .5));
    for (const [name, content] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      drawing.setAttribute(name, content);
    }
    parts = new Map([...lines.keys()].map((node) => [node, part(node)]));
    drawing.replaceChildren(...parts.values());
    if (!parts.has(state.focused)) state.focused = root;
    drawAxis();
    update();
    mark();
    if (hasFocus) parts.get(state.focused).focus({ preventScroll: true });
  }
  function part(node) {
    const isLeaf = !isUnion(node) || isFolded(node), x = xOf(node), y = yOf(node);
    const group = svg("g", { class: isLeaf ? "leaf" : "union", role: "treeitem", "data-node": node,
      tabindex: node === state.focused ? 0 : -1, "aria-label": spoken(node), "aria-level": depthOf(node) });
    if (isUnion(node)) group.setAttribute("aria-expanded", !isLeaf);
    const from = node === root ? left - 8 : xOf(parent[node]);
    group.append(svg("path", { class: "branch", d: `M${from},${y}H${x}` }));
    if (!isLeaf) {
      const [upper, lower] = hierarchy.childrenOf(node);
      group.append(svg("path", { class: "branch", d: `M${x},${yOf(upper)}V${yOf(lower)}` }));
    } else if (isUnion(node)) {
      group.append(svg("path", { class: "wedge", d: `M${x},${y}L${right},${y - 7}V${y + 7}Z` }));
    }
    const end = isLeaf ? right : x, count = isLeaf ? integer(size[node]) : "";
    group.append(svg("circle", { cx: end, cy: y, r: isLeaf ? 4.5 : 3.5 }));
    pen.font = (isLeaf ? "13px " : "11.5px ") + "system-ui, sans-serif";
    const isNarrow = state.width < 600;
    const folded = isLeaf && isUnion(node) ? ` (${integer(members[node].length)}${isNarrow ? "" : " clusters"})` : "";
    const space = isLeaf ? state.width - right - 32 - pen.measureText(count + folded).width : right - x - 16;
    const name = node === root || space < (isLeaf ? 0 : isNarrow ? 90 : 60) ? "" : fitted(groupName(node), space);
    const label = svg("text", { x: end + 9, y: y + 4, dir: "auto" }, name);
    if (folded) label.append(svg("tspan", { class: "count" }, folded));
    group.append(svg("rect", { class: "hit", x: isLeaf ? x : x - 9, y: y - TREE_ROW / (isLeaf ? 2 : 4),
      width: isLeaf ? state.width - x : 18 + (name ? pen.measureText(name).width : 0), height: TREE_ROW / (isLeaf ? 1 : 2) }), label);
    const pictureSize = isLeaf ? 28 : 18;
    const start = end + 16 + (name ? pen.measureText(name + folded).width : 0), stop = isLeaf ? state.width - 50 : right - 4;
    pictures(node).slice(0, Math.max(0, Math.floor((stop - start) / (pictureSize + 3)))).forEach((href, i) => group.append(
      svg("image", { href, x: start + i * (pictureSize + 3), y: y - pictureSize / 2, width: pictureSize, height: pictureSize })));
    if (count) group.append(svg("text", { class: "count", x: state.width - 8, y: y + 4, "text-anchor": "end" }, count));
    return group;
  }
  const largestOf = (node) => [...members[node]].sort((a, b) => size[b] - size[a] || a - b);
  // Images of a node, if there are no words: typical ones of a cluster, or of the largest clusters.
  function pictures(node) {
    if (!data.images || rows.text) return [];
    const typical = isUnion(node) ? largestOf(node).map((k) => data.clusters.exemplars[k][0]) : data.clusters.exemplars[node];
    return typical.filter((row) => data.images[row]).slice(0, MOST_PICTURES).map((row) => data.images[row]);
  }
  const depthOf = (node) => node === root ? 1 : 1 + depthOf(parent[node]);
  function becomes(node) {
    if (node === root) return "";
    const sibling = hierarchy.childrenOf(parent[node]).find((other) => other !== node);
    return `joins ${groupName(sibling)} at ${plural(numberAt(parent[node]), "cluster")}`;
  }
  const sizeOf = (node) => `${plural(size[node], "row")}, ${percent(size[node] / data.n_rows)}`;
  const titleOf = (node) => node === root ? "All clusters" : isUnion(node) ? groupName(node)
    : capitalized(clusterName(node)) + (nameOf(node) || !wordsOf(node) ? "" : ": " + groupName(node));
  const spoken = (node) => [titleOf(node), isUnion(node) ? plural(members[node].length, "cluster") : "", sizeOf(node),
    becomes(node)].filter(Boolean).join(", ");

  function drawAxis() {
    const taken = [];
    const byStrength = [...natural].sort((a, b) => b[1] - a[1]);
    const shown = byStrength.filter(([number]) => {
      const x = xOfCut(number), isFree = taken.every((other) => Math.abs(other - x) >= 38);
      if (isFree) taken.push(x);
      return isFree;
    }).sort((a, b) => a[0] - b[0]);
    for (const x of taken) drawing.prepend(svg("path", { class: "guide", d: `M${x},0V${drawing.getAttribute("height")}` }));
    box.classList.toggle("marked", natural.length > 0);
    ticks.replaceChildren(...shown.map(([number, strength]) => make("button", { type: "button",
      style: `left:${xOfCut(number)}px`, title: described(number), ariaLabel: "Cut into " + described(number),
      onclick: () => moveTo(number) }, integer(number),
      make("small", { textContent: Math.round(100 * strength) + "%" }))));
  }
  // Show the cut: colors of branches, and the place and the number of the line.
  function update() {
    const number = cutNumber(), x = xOfCut(number);
    slider.style.left = x + "px";
    slider.setAttribute("aria-valuenow", number);
    slider.setAttribute("aria-valuetext", described(number));
    value.textContent = described(number);
    knob.textContent = integer(number);
    knob.classList.toggle("natural", strengthOf(number) !== undefined);
    fit.disabled = selection.cut === null;
    merge.hidden = !canEdit || selection.cut === null;
    for (const [node, element] of parts) {
      const group = groupOf(members[node][0]), isBelow = members[node].length <= members[group].length;
      const color = isBelow ? colorOfNode(group) : "";
      if (element.style.color !== color) element.style.color = color;
      element.classList.toggle("group", node === group);
    }
  }
  function mark() {
    const { cluster, clusters } = selection, chosen = new Set(clusters ?? (cluster === null ? [] : [cluster]));
    for (const [node, element] of parts) {
      const isSelected = chosen.size > 0 && members[node].every((k) => chosen.has(k));
      element.classList.toggle("selected", isSelected);
      element.setAttribute("aria-selected", isSelected);
    }
  }

  // --- moving the cut ------------------------------------------------------------------------------
  let isDragged = false, isScheduled = false, wanted = most;
  const scroll = () => { box.scrollTop = 0; };
  function moveTo(number) {
    select({ cut: Math.max(1, Math.min(most, number)) });
    if (most > MOST_LEAVES) scroll();
  }
  // While the line is dragged, nodes stay where they are; then groups are folded.
  function fold() {
    if (isDragged || state.folded === selection.cut) return;
    state.folded = selection.cut;
    state.opened.clear();
    if (most > MOST_LEAVES) draw();
  }
  const placeOf = (event) => event.clientX - box.getBoundingClientRect().left - box.clientLeft;
  slider.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    slider.focus({ preventScroll: true });
    slider.setPointerCapture(event.pointerId);
    isDragged = true;
    hideTip();
  });
  slider.addEventListener("pointermove", (event) => {
    if (!isDragged) return;
    wanted = numberNear(placeOf(event));
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      if (wanted !== cutNumber()) select({ cut: wanted });
    });
  });
  const release = () => {
    if (!isDragged) return;
    isDragged = false;
    if (wanted !== cutNumber() && isScheduled) select({ cut: wanted });
    fold();
  };
  slider.addEventListener("pointerup", release);
  slider.addEventListener("pointercancel", release);
  slider.addEventListener("keydown", (event) => {
    const number = cutNumber(), numbers = [1, ...natural.map(([natural]) => natural), most];
    const wanted = { ArrowLeft: number - 1, ArrowDown: number - 1, ArrowRight: number + 1, ArrowUp: number + 1,
      Home: 1, End: most, PageDown: numbers.findLast((other) => other < number),
      PageUp: numbers.find((other) => other > number) }[event.key];
    if (wanted === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moveTo(wanted);
  });

  // --- nodes ---------------------------------------------------------------------------------------
  const nodeAt = (target) => {
    const element = target.closest && target.closest("[data-node]");
    return element && drawing.contains(element) ? Number(element.dataset.node) : null;
  };
  function choose(node) {
    if (isFolded(node)) { state.opened.add(node); draw(); focus(node); }
    selectNode(node);
  }
  function focus(node) {
    const last = parts.get(state.focused), next = parts.get(node);
    if (last) last.setAttribute("tabindex", -1);
    state.focused = node;
    next.setAttribute("tabindex", 0);
    next.focus({ preventScroll: true });
    const y = yOf(node) + drawing.getBoundingClientRect().top, area = box.getBoundingClientRect();
    if (y < area.top + 70) box.scrollTop -= area.top + 70 - y;
    if (y > area.bottom - 20) box.scrollTop += y - area.bottom + 20;
    showTip(node);
  }
  drawing.addEventListener("click", (event) => {
    const node = nodeAt(event.target);
    if (node !== null) choose(node);
  });
  drawing.addEventListener("keydown", (event) => {
    const node = nodeAt(event.target);
    if (node === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const order = [...lines].sort((a, b) => a[1] - b[1]).map(([each]) => each), at = order.indexOf(node);
    const open = () => { if (isFolded(node)) { state.opened.add(node); draw(); focus(node); }
      else if (isUnion(node)) focus(hierarchy.childrenOf(node)[0]); };
    const close = () => { if (state.opened.delete(node)) { draw(); focus(node); }
      else if (node !== root) focus(parent[node]); };
    const keys = { ArrowDown: () => focus(order[Math.min(at + 1, order.length - 1)]),
      ArrowUp: () => focus(order[Math.max(at - 1, 0)]), Home: () => focus(order[0]), End: () => focus(order.at(-1)),
      ArrowRight: open, ArrowLeft: close, Enter: () => choose(node), " ": () => choose(node),
      Escape: () => { hideTip(); selectNothing(); } };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  drawing.addEventListener("pointermove", (event) => {
    const node = nodeAt(event.target);
    if (node === null || event.pointerType === "touch" || isDragged) hideTip(); else showTip(node);
  });
  drawing.addEventListener("pointerleave", hideTip);
  drawing.addEventListener("focusout", hideTip);

  let tipNode = null;
  function hideTip() { tip.hidden = true; tipNode = null; }
  function showTip(node) {
    if (node === tipNode) return;
    tipNode = node;
    const largest = isUnion(node) ? largestOf(node).slice(0, 5) : [];
    const left = members[node].length - largest.length;
    tip.replaceChildren(
      make("strong", { dir: "auto", textContent: titleOf(node) }),
      make("div", { className: "soft", textContent: sizeOf(node) + (isUnion(node) ? `, ${plural(members[node].length, "cluster")}` : "") }),
      ...largest.map((k) => make("div", { dir: "auto" }, dot(k, k), shortened(groupName(k), 60))),
      largest.length && left ? make("div", { className: "soft", textContent: `and ${plural(left, "more cluster")}` }) : "",
      make("div", { className: "thumbs" }, ...pictures(node).map((src) => make("img", { className: "thumb", src, alt: "" }))),
      node === root ? "" : make("div", { className: "soft", dir: "auto", textContent: capitalized(becomes(node)) }));
    tip.hidden = false;
    const area = frame.getBoundingClientRect();
    const end = parts.get(node).classList.contains("leaf") ? right : xOf(node);
    tip.style.left = Math.max(4, Math.min(area.width - tip.offsetWidth - 4, end - tip.offsetWidth / 2)) + "px";
    tip.style.top = drawing.getBoundingClientRect().top - area.top + yOf(node) + TREE_ROW / 2 + 4 + "px";
  }

  selection.listeners.push(() => {
    if (selection.hasNewCut) { update(); fold(); }
    if (selection.hasNewRows) mark();
  });
  document.addEventListener("theme", update);
  document.addEventListener("edits", draw);
  new ResizeObserver(() => {
    if (box.clientWidth === state.width) return;
    state.width = box.clientWidth;
    draw();
  }).observe(box);
  state.width = box.clientWidth;
  draw();
}
