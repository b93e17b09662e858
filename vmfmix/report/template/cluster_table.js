function addClusters() {
  const c = data.clusters, several = c.size.length > 1;
  let largest = Math.max(...c.share, 1e-9);
  const isClear = `for which it is at least ${data.clear_ratio} times as likely as any other`;
  const section = addSection("clusters", "Clusters", "Click a number to open a cluster. "
    + `Clear: share of its rows ${isClear}. `
    + (several ? "Nearest: the cluster with the nearest mean direction, and the cosine of the two. " : "")
    + "Radius: mean angle between its rows and its mean direction.");
  const text = (k) => wordsOf(k) || (c.features ? c.features[k].join(", ") : "");
  const columns = [
    { title: "Cluster", kind: "number", value: (i) => i, cell: (i) => [chooseBox(i), dot(i), clusterLink(i)] },
    { title: "Name", kind: "short name", value: (i) => nameOf(i), cell: nameCell },
    { title: "Rows", kind: "number", value: (i) => c.size[i], ofGroup: (group) => hierarchy.size[group], cell: (i) => integer(c.size[i]) },
    { title: "Share", kind: "number", minor: true, value: (i) => c.share[i], ofGroup: (group) => hierarchy.size[group], cell: (i) => [percent(c.share[i]),
      make("div", { className: "bar",
        style: `width:${100 * c.share[i] / largest}%;margin-left:auto` })] },
  ];
  if (c.words || c.features) {
    columns.push({ title: c.words ? "Typical words" : "Highest features", value: text, cell: text,
      note: c.words ? "" : "Features in which the mean direction is highest above the average" });
  }
  if (data.images || (!c.words && rows.id)) {
    columns.push({ title: "Typical rows", value: (i) => i, cell: (i) => {
      const shown = c.exemplars[i].filter((row) => row >= 0 && (!data.images || data.images[row]));
      return data.images ? make("div", { className: "thumbs" }, ...shown.slice(0, 4).map((row) =>
        rowLink(row, shown, rowContent(row).slice(0, 1)))) : rowList(shown.slice(0, 4));
    } });
  }
  if (c.label) {
    columns.push(
      { title: "Label", kind: "short", note: "Most frequent known label", value: (i) => c.label[i], cell: (i) => c.label[i] },
      { title: "Purity", kind: "number", note: "Share of its rows with this label", value: (i) => c.purity[i],
        cell: (i) => shareText(c.purity[i]) });
  }
  columns.push({ title: "Clear", kind: "number", note: "Share of its rows " + isClear, value: (i) => c.clear[i],
    cell: (i) => shareText(c.clear[i]) });
  if (several) {
    columns.push({ title: "Nearest", kind: "number", note: "The cluster with the nearest mean direction, and the cosine of the two",
      value: (i) => c.nearest_cosine[i], cell: (i) => c.nearest_cluster[i] < 0 ? "–" : [clusterLink(c.nearest_cluster[i]),
        c.nearest_cosine[i] === null ? "" : ` ${decimal(c.nearest_cosine[i])}`] });
  }
  columns.push({ title: "Radius", kind: "number", minor: true, note: "Mean angle between its rows and its mean direction",
    value: (i) => c.radius[i], cell: (i) => c.radius[i] === null ? "–" : decimal(c.radius[i], 0) + "°" });
  const status = make("span", { className: "soft", role: "status" });
  const field = make("input", { type: "search", id: "cluster-filter",
    placeholder: "Filter clusters", ariaLabel: "Filter clusters", oninput: () => filter() });
  let arranged = null;
  const { element, tableRows, refresh, update } = sortableTable(columns, c.size.length, { sortedBy: 2, label: "Clusters",
    arrange: (order, tableRows, column, sign) => {
      arranged ??= groupedRows(tableRows, columns.length, () => update());
      return arranged(order, column, sign, field.value.trim() !== "");
    } });
  const textOf = (row) => row.textContent.toLowerCase();
  let rowTexts = tableRows.map(textOf);
  const filter = () => {
    const query = field.value.trim().toLowerCase();
    tableRows.forEach((row, i) => { row.hidden = !isFirst(i) || !rowTexts[i].includes(query); });
    if (selection.cut !== null) update();
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
    row.classList.toggle("selected", i === selection.cluster || (selection.clusters ?? []).includes(i));
  }));
  selection.listeners.push(() => { if (selection.hasNewCut || selection.cut !== null) update(); });
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
const nameCell = (k) => [nameOf(k), ...[...remarksOn(k), shortened(editsOf(k).note, 120)].filter(Boolean)
  .map((textContent) => make("div", { className: "soft", dir: "auto", textContent }))].filter(Boolean);
