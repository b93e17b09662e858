// --- two clusterings as two columns of bars, joined by bands of the rows that they share ----------

const SLOT = 18, BAR_WIDTH = 10, GROUP_GAP = 10;  // pixels
const MIN_SHARE = .03, MAX_BANDS = 500;  // a band has this share of one of its clusters

// Draw groups of clusters, as in data.comparison.groups, into an element; choose({ other, cluster })
// is called with the band that is clicked.
function drawFlows(element, groups, choose) {
  const { sizes } = data.comparison, width = Math.max(element.clientWidth, 280);
  const nameOfNode = (side, k) => side ? `${k} ${nameOf(k) || wordsOf(k)}`.trim() : data.comparison.names[k];
  const [left, onRight] = [0, 1].map((side) => {
    const names = groups.flatMap((group) => (side ? group.clusters : group.others).map((k) => nameOfNode(side, k)));
    return Math.min(.36 * width, 352, 14 + names.reduce((largest, name) => Math.max(largest, textWidth(name)), 0));
  });
  const right = width - onRight - BAR_WIDTH;
  const nodes = [new Map(), new Map()];
  const members = groups.flatMap((group) => [group.others.map((k) => sizes[0][k]), group.clusters.map((k) => sizes[1][k])].flat());
  const scale = 1.6 * SLOT * members.length / Math.max(members.reduce((sum, size) => sum + size, 0), 1);
  let top = 4;
  for (const group of groups) {
    const ends = [group.others, group.clusters].map((list, side) => {
      let y = top;
      for (const k of list) {
        const height = Math.max(scale * sizes[side][k], 2);
        nodes[side].set(k, { y, height, used: 0 });
        y += Math.max(height + 2, SLOT);
      }
      return y;
    });
    top = Math.max(...ends) + GROUP_GAP;
  }
  const svg = svgElement("svg", { width, height: top, viewBox: `0 0 ${width} ${top}`, role: "img",
    "aria-label": `Rows that clusters of ${data.comparison.name} and of this model share. The lists below have the same.` });
  const bands = data.comparison.flows.filter(([one, two, count]) => nodes[0].has(one)
    && nodes[1].has(two) && count >= MIN_SHARE * Math.min(sizes[0][one], sizes[1][two])).slice(0, MAX_BANDS);
  bands.sort((a, b) => nodes[1].get(a[1]).y - nodes[1].get(b[1]).y);
  const starts = bands.map(([one, , count]) => take(nodes[0].get(one), count * scale));
  const order = bands.map((_, i) => i).sort((a, b) => nodes[0].get(bands[a][0]).y - nodes[0].get(bands[b][0]).y);
  const ends = [];
  for (const i of order) ends[i] = take(nodes[1].get(bands[i][1]), bands[i][2] * scale);
  bands.forEach(([other, cluster, count], i) => {
    const a = starts[i], b = ends[i], thickness = Math.max(count * scale, 1);
    const from = left + BAR_WIDTH, middle = (from + right) / 2;
    const band = svgElement("path", { class: "band", fill: colorOf(cluster),
      d: `M${from},${a}C${middle},${a} ${middle},${b} ${right},${b}v${thickness}C${middle},${b + thickness} ${middle},${a + thickness} ${from},${a + thickness}z` });
    band.append(svgElement("title", {}, `${plural(count, "row")}: ${otherName(other)} → ${clusterName(cluster)}`));
    band.addEventListener("click", () => choose({ other, cluster }));
    svg.append(band);
  });
  for (const [side, x] of [[0, left], [1, right]]) {
    for (const [k, { y, height }] of nodes[side]) {
      const name = nameOfNode(side, k);
      svg.append(svgElement("rect", { x, y, width: BAR_WIDTH, height, fill: side ? colorOf(k) : "var(--soft)" }));
      const label = svgElement("text", { x: side ? x + BAR_WIDTH + 6 : x - 6, y: y + Math.max(height, 12) / 2 + 4,
        "text-anchor": side ? "start" : "end" }, fitted(name, (side ? onRight : left) - 10));
      label.append(svgElement("title", {}, `${name}: ${plural(sizes[side][k], "row")}`));
      if (side) {
        label.setAttribute("class", "open");
        label.addEventListener("click", () => showCluster(k));
      }
      svg.append(label);
    }
  }
  element.replaceChildren(svg);
}

const textMeasure = make("canvas").getContext("2d");
function textWidth(text) {
  textMeasure.font = "13px system-ui, sans-serif";
  return textMeasure.measureText(text).width;
}
function fitted(text, width) {
  if (textWidth(text) <= width) return text;
  let length = Math.ceil([...text].length * width / textWidth(text));
  while (length > 1 && textWidth(shortened(text, length)) > width) length--;
  return shortened(text, length);
}

function take(node, height) {
  const y = node.y + node.used;
  node.used += height;
  return y;
}

function svgElement(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(text);
  return element;
}
