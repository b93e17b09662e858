function addLabelErrors() {
  const issues = data.issues;
  if (!issues) return;
  const section = addSection("label-errors", "Possible label errors", issues.row.length
    ? `Rows that another label fits better, most suspicious first (${issues.note}).`
    : "No row fits another label better than its own.");
  if (!issues.row.length) return;
  const rowOf = (i) => issues.row[i];
  const columns = [
    rowColumn(rowOf),
    ...contentColumns(rowOf),
    { title: "Given label", kind: "short", value: (i) => issues.given[i], cell: (i) => issues.given[i] },
    { title: "Probability of given label", kind: "number", value: (i) => issues.probability[i],
      cell: (i) => chance(-Math.log10(issues.probability[i])) },
    { title: "Suggested label", kind: "short", value: (i) => issues.suggested[i],
      cell: (i) => issues.suggested[i] },
    clusterColumn((i) => issues.cluster[i]),
  ];
  addLongTable(section, (count) => sortableTable(columns, count, { label: "Possible label errors" }), issues.row.length,
    downloadButtons("label-errors", tableOfLabelErrors, "all possible label errors"));
}
