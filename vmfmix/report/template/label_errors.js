function addLabelErrors() {
  const issues = data.issues;
  if (!issues) return;
  const section = addSection("label-errors", "Possible label errors", issues.row.length
    ? `${integer(issues.count)} of ${integer(data.n_rows)} rows fit another label better, according to the other rows. `
      + "Check the first rows of the list: the label may be wrong. A pair with many rows is rather two labels that "
      + "overlap, or that were used differently."
      + (issues.count > issues.row.length ? ` The most suspicious ${issues.row.length} are listed.` : "")
    : "No row fits another label better than its own.");
  if (!issues.row.length) return;
  const rowOf = (i) => issues.row[i];
  const columns = [
    rowColumn(rowOf),
    ...contentColumns(rowOf),
    { title: "Given label", kind: "short", value: (i) => issues.given[i], cell: (i) => issues.given[i] },
    { title: "Chance", kind: "number", note: "Probability that the given label is right, according to the other rows",
      value: (i) => issues.probability[i], cell: (i) => chance(-Math.log10(issues.probability[i])) },
    { title: "Suggested label", kind: "short", value: (i) => issues.suggested[i],
      cell: (i) => [make("bdi", { textContent: issues.suggested[i] }), " ", make("span", { className: "soft", textContent: probabilityText(issues.suggested_probability[i]) })] },
    clusterColumn((i) => issues.cluster[i]),
  ];
  const list = longTable(columns, issues.row.length, "Possible label errors");
  section.append(labelPairs(issues, list),
    make("p", { className: "controls" }, downloadButtons("label-errors", tableOfLabelErrors, "all possible label errors")),
    list.element);
}

// Buttons for the most frequent pairs of a given and a suggested label, which filter the list.
function labelPairs(issues, list) {
  let chosen = null;
  const status = make("span", { className: "soft", role: "status" });
  const more = make("button", { type: "button", textContent: `Show all ${issues.pairs.length} pairs`, onclick: () => {
    buttons.forEach((button) => { button.hidden = false; });
    more.hidden = true;
  } });
  const buttons = issues.pairs.map(([given, suggested, count], i) => make("button", {
    type: "button", className: "pair", hidden: i >= 8, "aria-pressed": "false", onclick: () => {
      chosen = chosen === i ? null : i;
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", other === chosen));
      const nListed = list.show((j) => chosen === null || (issues.given[j] === given && issues.suggested[j] === suggested));
      status.textContent = chosen === null ? "" : `${integer(nListed)} of ${plural(count, "row")} listed`;
    } }, make("bdi", { textContent: given }), " → ", make("bdi", { textContent: suggested }), " ", make("strong", { textContent: integer(count) })));
  more.hidden = buttons.length <= 8;
  return make("div", { className: "controls", role: "group", ariaLabel: "Pairs of given and suggested labels" },
    ...buttons, more, status);
}
