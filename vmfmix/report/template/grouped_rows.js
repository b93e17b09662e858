// --- rows of the table of clusters under the groups of a cut ------------------------------------

// Returns a function that arranges the rows of the table: below a row for each group of several
// clusters, its clusters if it is open. Groups are sorted by the value that a column has for them, or by
// their first clusters.
function groupedRows(tableRows, nColumns, update) {
  const opened = new Set(), groupRows = new Map();
  function groupRow(group) {
    const toggle = make("button", { type: "button", className: "link", onclick: () => {
      if (!opened.delete(group)) opened.add(group);
      update();
    } });
    const { members, size } = hierarchy;
    const name = make("button", { type: "button", className: "link", dir: "auto", title: "Select these rows",
      textContent: groupName(group), onclick: () => selectNode(group) });
    toggle.textContent = plural(members[group].length, "cluster");
    const text = ` · ${plural(size[group], "row")} · ${percent(size[group] / data.n_rows)}`;
    return { toggle, element: make("tr", { className: "group" }, make("td", { colSpan: nColumns },
      make("div", {}, dot(group, group), name, make("span", { className: "soft" }, " · ", toggle, text)))) };
  }
  document.addEventListener("edits", () => groupRows.clear());
  return (order, column, sign, isFiltered) => {
    if (selection.cut === null) return order.map((i) => tableRows[i]);
    const groups = [...Map.groupBy(order, groupOf)];
    if (column && column.ofGroup) groups.sort((a, b) => sign * (column.ofGroup(a[0]) - column.ofGroup(b[0])));
    return groups.flatMap(([group, clusters]) => {
      if (!isUnion(group)) return clusters.map((i) => tableRows[i]);
      if (!groupRows.has(group)) groupRows.set(group, groupRow(group));
      const { element, toggle } = groupRows.get(group), isOpen = isFiltered || opened.has(group);
      toggle.setAttribute("aria-expanded", isOpen);
      element.hidden = clusters.every((i) => tableRows[i].hidden);
      element.classList.toggle("selected", selection.clusters !== null && nodeOf(selection.clusters) === group);
      return [element, ...isOpen ? clusters.map((i) => tableRows[i]) : []];
    });
  };
}
