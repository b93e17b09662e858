// --- comparison with another clustering: what is the same, split or merged, and rows that moved ---

const otherName = (k) => k < 0 ? "no cluster" : data.comparison.names[k];
const KINDS = {  // of groups: what they are called, and the sentence for one of them
  split: "Split: one cluster there is several here",
  merged: "Merged: several clusters there are one here",
  rearranged: "Rearranged: several clusters there are several others here",
  changed: "Changed: linked to one cluster there, with less than half of the rows in common",
  new: "New: its rows are from many clusters there",
  gone: "Gone: its rows are in many clusters here",
  same: "Same: at least half of the rows in common",
};

function addComparison() {
  const c = data.comparison;
  if (!c) return;
  const section = addSection("comparison", "Comparison", null);
  const counts = Object.keys(KINDS).map((kind) => [kind, c.groups.filter((group) => group.kind === kind).length]);
  section.append(make("p", { dir: "auto" }, "This model and ", make("bdi", { textContent: c.name }),
    `: adjusted mutual information ${decimal(c.ami)}, adjusted Rand index ${decimal(c.ari)}; `
    + `${integer(c.n_moved)} of ${integer(data.n_rows)} rows (${percent(c.n_moved / data.n_rows)}) moved to a cluster that does not `
    + "correspond to theirs."),
  make("p", { className: "note", textContent: "Two clusters correspond if they share most of the rows of one of them. "
    + "Left: clusters of the other clustering. Right: clusters of this model. Click a band for its rows; those below 3% of both of their clusters are left out here." }));
  const changed = c.groups.filter((group) => group.kind !== "same");
  const choices = [["all", "all clusters", c.groups], ["changed", "what changed", changed], ["largest", "the 20 largest groups", c.groups.slice(0, 20)]]
    .filter(([kind, , groups]) => groups.length && (kind === "all" || groups.length < c.groups.length));
  const isSmall = c.sizes[0].length + c.sizes[1].length <= 60;
  const usual = isSmall ? choices[0] : choices.find(([kind]) => kind === "changed") ?? choices.at(-1);
  const picture = make("div", { className: "flows", tabIndex: 0, role: "region", ariaLabel: "Picture of the comparison" });
  const rowsOfBand = make("div");
  const draw = () => drawFlows(picture, choices.find(([kind]) => kind === choice.value)[2], showBand);
  const choice = make("select", { ariaLabel: "Clusters in the picture", onchange: draw },
    ...choices.map(([kind, text]) => make("option", { value: kind, textContent: text, selected: kind === usual[0] })));
  function showBand({ other, cluster }) {
    const found = rows.row.filter((_, i) => rows.other[i] === other && clustersOfModel[i] === cluster);
    rowsOfBand.replaceChildren(make("h3", {}, make("bdi", { textContent: otherName(other) }), " → ", clusterLink(cluster)),
      make("p", { className: "soft", role: "status", textContent: plural(found.length, "row") + " in this report" }),
      rowList(found.slice(0, PAGE_SIZE)));
  }
  section.append(make("div", { className: "controls" }, make("label", {}, "Show ", choice)), picture, rowsOfBand);
  for (const [kind, count] of counts) if (count) section.append(groupList(kind, count));
  section.append(pairTable(showBand, rowsOfBand));
  addMovedRows(section);
  draw();
  new ResizeObserver(draw).observe(picture);
  document.addEventListener("theme", draw);
}

function groupList(kind, count) {
  const c = data.comparison, [title, meaning] = KINDS[kind].split(": ");
  const counted = (text, size) => [text, make("span", { className: "soft", textContent: ` (${integer(size)})` })];
  const joined = (parts) => parts.flatMap((part, i) => [i ? ", " : "", part].flat());
  const items = () => c.groups.filter((group) => group.kind === kind).map((group) => make("li", {},
    ...joined(group.others.map((k) => counted(make("bdi", { textContent: otherName(k) }), c.sizes[0][k]))),
    group.others.length && group.clusters.length ? " → " : "",
    ...joined(group.clusters.map((k) => counted(clusterLink(k), c.sizes[1][k]))),
    make("span", { className: "soft", textContent: group.clusters.length === 1 ? " " + (nameOf(group.clusters[0]) || wordsOf(group.clusters[0])) : "" }),
    group.shared ? make("span", { className: "soft", textContent: ` · ${shareText(group.shared)} in common` }) : null));
  const list = make("ul", { className: "texts" });
  return make("details", { open: kind !== "same" && count <= 8, ontoggle: (event) => {
    if (event.target.open && !list.children.length) list.append(...items());
  } }, make("summary", {}, `${title} `, make("strong", { textContent: integer(count) }),
    make("span", { className: "soft", textContent: " – " + meaning })), list);
}

function pairTable(showBand, rowsOfBand) {
  const c = data.comparison;
  const body = make("div");
  return make("details", { ontoggle: (event) => {
    if (!event.target.open || body.children.length) return;
    const flow = (i) => c.flows[i], size = (side, k) => k < 0 ? c.outside[side] : c.sizes[side][k];
    body.append(sortableTable([
      { title: "There", kind: "short", value: (i) => otherName(flow(i)[0]), cell: (i) => otherName(flow(i)[0]) },
      { title: "Here", kind: "number", value: (i) => flow(i)[1], cell: (i) => clusterLink(flow(i)[1]) },
      { title: "Rows", kind: "number", value: (i) => flow(i)[2], cell: (i) => make("button", { type: "button", className: "link",
        textContent: integer(flow(i)[2]), ariaLabel: `Show ${plural(flow(i)[2], "row")}`, onclick: () => {
          showBand({ other: flow(i)[0], cluster: flow(i)[1] });
          rowsOfBand.scrollIntoView({ block: "center" });
        } }) },
      { title: "Of there", kind: "number", value: (i) => flow(i)[2] / size(0, flow(i)[0]), cell: (i) => shareText(flow(i)[2] / size(0, flow(i)[0])) },
      { title: "Of here", kind: "number", value: (i) => flow(i)[2] / size(1, flow(i)[1]), cell: (i) => shareText(flow(i)[2] / size(1, flow(i)[1])) },
    ], c.flows.length, { sortedBy: 2, label: "All pairs of clusters" }).element);
  } }, make("summary", {}, "All pairs of clusters ", make("strong", { textContent: integer(c.n_flows) }),
    c.flows.length < c.n_flows ? make("span", { className: "soft", textContent: ` – the largest ${integer(c.flows.length)} are listed` }) : null), body);
}

function addMovedRows(section) {
  const c = data.comparison, rowOf = (i) => c.row[i], index = (i) => indexOfRow.get(c.row[i]);
  if (!c.row.length) return;
  section.append(make("h3", { textContent: "Rows that moved" }), make("p", { className: "note",
    textContent: "Rows in a cluster that does not correspond to theirs in the other clustering, the surest first."
      + (c.n_moved > c.row.length ? ` The first ${c.row.length} are listed.` : "") }),
  sortableTable([rowColumn(rowOf), ...contentColumns(rowOf),
    { title: "There", kind: "short", value: (i) => otherName(rows.other[index(i)]), cell: (i) => otherName(rows.other[index(i)]) },
    { ...clusterColumn((i) => rows.cluster[index(i)]), title: "Here" },
    ...membershipColumns(index)], c.row.length, { label: "Rows that moved" }).element);
}
