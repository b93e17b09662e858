// --- the rows that are selected, by a search, a cluster or a lasso; all sections follow it --------

const selection = {
  query: "", cluster: null,
  clusters: null,  // or several clusters, as a sorted list
  cut: null,  // number of groups that the hierarchy is cut into; or null
  hasNewRows: true, hasNewCut: false,  // what the last call of select() may have changed
  lasso: null,  // one number for each row of the report, 1 if it is inside; or null
  polygon: null,  // the corners of the lasso
  row: null,  // a single row; other changes of the selection remove it
  isSelected: null,  // one number for each row, 1 if all of these hold
  matches: [],  // indices of these rows, closest to the mean direction of their cluster first
  listeners: [],
  isActive() {
    return Boolean(this.query) || [this.cluster, this.clusters, this.lasso, this.row].some((each) => each !== null);
  },
};
const rowsByCosine = Uint32Array.from(rows.row.keys()).sort((a, b) => rows.cosine[b] - rows.cosine[a] || a - b);
const textSearch = new TextSearch([rows.text, rows.label, rows.id].filter(Boolean), rows.row);
(window.requestIdleCallback ?? setTimeout)(() => textSearch.prepare());

// Change the selection, for example select({ cluster: 3 }), and let all sections show it. One cluster,
// several clusters and none replace each other.
function select(changes) {
  const last = selection.cut;
  if (changes.clusters && changes.clusters.length === 1) changes = { ...changes, cluster: changes.clusters[0], clusters: null };
  else if (changes.clusters) changes = { ...changes, cluster: null };
  else if ("cluster" in changes) changes = { ...changes, clusters: null };
  selection.hasNewRows = Object.keys(changes).some((name) => name !== "cut");
  if (selection.hasNewRows) changes = { row: null, ...changes };
  Object.assign(selection, changes);
  if (selection.cluster !== null) selection.cluster = unionOf(selection.cluster);
  if ("cut" in changes) selection.cut = cutGroups(changes.cut);
  selection.hasNewCut = selection.cut !== last;
  if (selection.hasNewRows) findSelected();
  for (const listener of selection.listeners) listener();
}
function findSelected() {
  const { query, cluster, lasso, row } = selection, clusters = selection.clusters && new Set(selection.clusters.map(unionOf));
  const isSelected = textSearch.find(query) ?? new Uint8Array(rows.row.length).fill(1);
  for (let i = 0; i < isSelected.length; i++) {
    if (cluster !== null && rows.cluster[i] !== cluster || clusters !== null && !clusters.has(rows.cluster[i])
      || lasso !== null && lasso[i] !== 1 || row !== null && rows.row[i] !== row) isSelected[i] = 0;
  }
  selection.isSelected = isSelected;
  selection.matches = [];
  for (const i of rowsByCosine) if (isSelected[i]) selection.matches.push(i);
}
const selectNothing = () => select({ query: "", cluster: null, lasso: null });
