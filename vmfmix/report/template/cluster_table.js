function addClusters() {
  const c = data.clusters;
  let largest = Math.max(...c.share, 1e-9);
  const section = addSection("clusters", "Clusters",
    "Click a cluster to open it. Radius: mean angle between the rows and the mean direction of their "
    + "cluster. Silhouette: near 1 if the rows are far from other clusters, 0 between two clusters, "
    + "negative if they are closer to another cluster. Nearest cluster: with the cosine of the two mean "
    + "directions.");
  const columns = [
    { title: "Cluster", kind: "number", value: (i) => i, cell: (i) => [chooseBox(i), clusterLink(i)] },
    { title: "Name", kind: "short name", value: (i) => nameOf(i), cell: nameCell },
    { title: "Rows", kind: "number", value: (i) => c.size[i], cell: (i) => integer(c.size[i]) },
    { title: "Share", kind: "number", value: (i) => c.share[i], cell: (i) => [percent(c.share[i]),
      make("div", { className: "bar",
        style: `width:${100 * c.share[i] / largest}%;margin-left:auto` })] },
  ];
  if (c.words) {
    columns.push({ title: "Typical words", value: (i) => wordsOf(i), cell: (i) => wordsOf(i) });
  } else {
    columns.push({ title: "Typical rows", value: (i) => i,
      cell: (i) => make("div", { className: "thumbs" }, ...c.exemplars[i].slice(0, 4)
        .filter((row) => row >= 0).flatMap((row) => make("span", {}, ...rowContent(row)))) });
  }
  columns.push(
    { title: "Radius", kind: "number", value: (i) => c.radius[i],
      cell: (i) => c.radius[i] === null ? "–" : decimal(c.radius[i], 0) + "°" },
    { title: "Concentration", kind: "number", value: (i) => c.concentration[i],
      cell: (i) => decimal(c.concentration[i], 1) },
    { title: "Silhouette", kind: "number", value: (i) => c.silhouette[i],
      cell: (i) => decimal(c.silhouette[i]) },
    { title: "Nearest cluster", kind: "number", value: (i) => c.nearest_cosine[i],
      cell: (i) => c.nearest_cluster[i] < 0 ? "–"
        : make("span", {}, clusterLink(c.nearest_cluster[i]), ` (${decimal(c.nearest_cosine[i])})`) });
  if (c.label) {
    columns.push(
      { title: "Most frequent label", kind: "short", value: (i) => c.label[i], cell: (i) => c.label[i] },
      { title: "Purity", kind: "number", value: (i) => c.purity[i], cell: (i) => decimal(c.purity[i]) });
  }
  const { element, tableRows, refresh } = sortableTable(columns, c.size.length, { sortedBy: 2, label: "Clusters" });
  const textOf = (row) => row.textContent.toLowerCase();
  let rowTexts = tableRows.map(textOf);
  const status = make("span", { className: "soft", role: "status" });
  const field = make("input", { type: "search", id: "cluster-filter",
    placeholder: "Filter clusters", ariaLabel: "Filter clusters", oninput: () => filter() });
  const filter = () => {
    const query = field.value.trim().toLowerCase();
    tableRows.forEach((row, i) => { row.hidden = !isFirst(i) || !rowTexts[i].includes(query); });
    const nShown = tableRows.filter((row) => !row.hidden).length;
    status.textContent = query ? plural(nShown, "cluster") : "";
  };
  const showNames = () => element.classList.toggle("unnamed", !tableRows.some((_, i) => nameCell(i).length));
  document.addEventListener("edits", () => {
    largest = Math.max(...c.share, 1e-9);
    refresh();
    rowTexts = tableRows.map(textOf);
    showNames();
    filter();
  });
  document.addEventListener("choice", () => element.querySelectorAll("input").forEach((box) => {
    box.checked = chosenClusters.has(Number(box.value));
  }));
  showNames();
  filter();
  selection.listeners.push(() => tableRows.forEach((row, i) => {
    row.classList.toggle("selected", i === selection.cluster);
  }));
  section.append(make("div", { className: "controls" }, field, status,
    downloadButtons("clusters", tableOfClusters, "the table of clusters")), element);
}

// A check box that chooses a cluster to be merged with others.
function chooseBox(k) {
  if (!canEdit) return "";
  const box = make("input", { type: "checkbox", value: k, checked: chosenClusters.has(k), ariaLabel: `Choose cluster ${k}`,
    title: "Choose clusters to merge", onchange: () => {
      if (box.checked) chosenClusters.add(k); else chosenClusters.delete(k);
      document.dispatchEvent(new Event("choice"));
    } });
  return box;
}
// The name of a cluster, with what was done to it and the note on it.
const nameCell = (k) => [nameOf(k), ...[...remarksOn(k), shortened(groupOf(k).note, 120)].filter(Boolean)
  .map((textContent) => make("div", { className: "soft", dir: "auto", textContent }))].filter(Boolean);
