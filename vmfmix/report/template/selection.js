// --- the rows that are selected, by a search, a cluster or a lasso; all sections follow it --------

const selection = {
  query: "", cluster: null,
  lasso: null,  // one number for each row of the report, 1 if it is inside; or null
  isSelected: null,  // one number for each row, 1 if all of these hold
  matches: [],  // indices of these rows, closest to the mean direction of their cluster first
  listeners: [],
  isActive() { return Boolean(this.query) || this.cluster !== null || this.lasso !== null; },
};
const rowsByCosine = Uint32Array.from(rows.row.keys()).sort((a, b) => rows.cosine[b] - rows.cosine[a] || a - b);
const textSearch = new TextSearch([rows.text, rows.label].filter(Boolean), rows.row);
(window.requestIdleCallback ?? setTimeout)(() => textSearch.prepare());

// Change the selection, for example select({ cluster: 3 }), and let all sections show it.
function select(changes) {
  Object.assign(selection, changes);
  const { query, cluster, lasso } = selection, isFound = textSearch.find(query);
  const isSelected = isFound ?? new Uint8Array(rows.row.length).fill(1);
  for (let i = 0; i < isSelected.length; i++) {
    if (cluster !== null && rows.cluster[i] !== cluster || lasso !== null && lasso[i] !== 1) isSelected[i] = 0;
  }
  selection.isSelected = isSelected;
  selection.matches = [];
  for (const i of rowsByCosine) if (isSelected[i]) selection.matches.push(i);
  for (const listener of selection.listeners) listener();
}
const selectNothing = () => select({ query: "", cluster: null, lasso: null });
