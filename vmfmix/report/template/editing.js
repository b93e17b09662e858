// --- the edited clusters: unions, names, notes and noise; all sections show them -----------------

// The columns of the clusters and the clusters of rows are replaced by those of unions, which have
// the number of their first cluster. An event "edits" says so to sections that were built before; its
// detail is { hasNewUnions }, whether rows changed their cluster.
const canEdit = data.editing.fingerprint !== null;
const modelColumns = { ...data.clusters };
const clustersOfRows = [rows, data.outliers, data.issues].filter(Boolean)
  .map((columns) => ({ shown: columns.cluster, model: columns.cluster.slice() }));
const clustersOfModel = clustersOfRows[0].model;  // of rows, whatever is edited
const edits = new ClusterEdits(data.editing, data.clusters.size.map((_, k) => ({
  name: nameOf(k), note: data.editing.notes?.[k], noise: data.editing.noise?.[k] })));
let editsOfCluster = [];
const editsOf = (k) => editsOfCluster[k];
const unionOf = (k) => k < 0 ? k : editsOf(k).clusters[0];
const isFirst = (k) => unionOf(k) === k;
const isNoise = (k) => k >= 0 && editsOf(k).noise;
const sum = (values) => values.reduce((total, value) => total + value, 0);

// What was done to a cluster beyond its name, in short statements.
function remarksOn(k) {
  const { clusters, noise, parts } = editsOf(k);
  return [clusters.length > 1 ? "merged from " + clusters.join(", ") : "", noise ? "noise" : "",
    parts === "auto" ? "to be split" : parts > 1 ? `to be split into ${parts}` : ""].filter(Boolean);
}

// Change the edits by change(), which may throw an Error, and show the result.
function edit(change) {
  change();
  showEdits();
}

// Merge the clusters of each list.
const mergeGroups = (lists) =>
  edit(() => edits.mergeAll(lists.filter((clusters) => new Set(clusters.map(unionOf)).size > 1)));

function showEdits() {
  const before = editsOfCluster;
  editsOfCluster = [];
  for (const group of edits.groups) {
    for (const k of group.clusters) editsOfCluster[k] = group;
  }
  const hasNewUnions = before.length && before.some((group, k) => group.clusters[0] !== unionOf(k));
  if (!modelColumns.name) delete data.clusters.name;
  Object.assign(data.clusters, unitedColumns(edits.groups));
  if (hasNewUnions || !before.length) {
    for (const { shown, model } of clustersOfRows) model.forEach((k, i) => { shown[i] = unionOf(k); });
  }
  for (const link of document.querySelectorAll("button[data-cluster]")) labelClusterLink(link);
  document.dispatchEvent(new CustomEvent("edits", { detail: { hasNewUnions } }));
  storeEdits();
  const { cluster, clusters, row } = selection;
  select({ row, ...(clusters === null ? { cluster } : { clusters }) });
}

// The columns of the clusters with those of unions at the numbers of all their clusters.
function unitedColumns(groups) {
  const columns = Object.fromEntries(Object.entries(modelColumns)
    .map(([name, values]) => [name, Array.isArray(values) ? [...values] : values]));
  const isNamed = columns.name || groups.some((each) => each.name);
  if (isNamed) columns.name = columns.size.map(() => "");
  for (const group of groups) {
    if (group.clusters.length > 1) uniteColumns(columns, group.clusters);
    if (isNamed) for (const k of group.clusters) columns.name[k] = group.name;
  }
  return columns;
}

// Figures that follow from those of the clusters are shown; all others are unknown until the edits
// are applied.
function uniteColumns(columns, clusters) {
  const of = (name) => clusters.map((k) => modelColumns[name][k]);
  const inTurn = (lists) => [...new Set(Array.from({ length: Math.max(...lists.map((list) => list.length)) },
    (_, i) => lists.map((list) => list[i])).flat().filter((value) => value !== undefined))];
  const bySize = [...clusters].sort((a, b) => modelColumns.size[b] - modelColumns.size[a]);
  const longest = (name) => Math.max(...of(name).map((list) => list.length));
  const united = (name) => inTurn(bySize.map((k) => modelColumns[name][k])).slice(0, longest(name));
  const nearest = nearestClusters(unionOf(clusters[0]));
  const values = { size: sum(of("size")), share: sum(of("share")),
    exemplars: inTurn(bySize.map((k) => modelColumns.exemplars[k].filter((row) => row >= 0)))
      .slice(0, longest("exemplars")),
    nearest_cluster: nearest.length ? nearest[0][0] : -1 };
  if (columns.words) values.words = united("words");
  if (columns.label) {
    const isSame = new Set(of("label")).size === 1;
    values.label = isSame ? modelColumns.label[clusters[0]] : "";
    values.purity = isSame && values.size
      ? sum(clusters.map((k) => modelColumns.size[k] * modelColumns.purity[k])) / values.size : null;
  }
  const unknown = (value) => typeof value === "string" ? "" : Array.isArray(value) ? [] : null;
  for (const [name, column] of Object.entries(columns)) {
    if (!Array.isArray(column)) continue;  // colors
    for (const k of clusters) column[k] = name in values ? values[name] : unknown(column[k]);
  }
}

// --- edits that were not saved are kept by the browser, if it allows to --------------------------

let savedEdits = "";
const currentEdits = () => edits.isChanged ? JSON.stringify(edits) : "";
// Names and other annotations are part of the key, since they do not change the fingerprint.
const storageKey = "vmfmix edits " + [...JSON.stringify([data.editing, data.clusters.name ?? []])]
  .reduce((hash, character) => (Math.imul(hash, 31) + character.codePointAt(0)) | 0, 0);

const askBeforeLeaving = (event) => event.preventDefault();

function storeEdits() {
  const current = currentEdits();
  // Without unsaved edits there is no listener: it would slow down leaving the page and coming back.
  if (current && current !== savedEdits) addEventListener("beforeunload", askBeforeLeaving);
  else removeEventListener("beforeunload", askBeforeLeaving);
  try {
    if (current) localStorage.setItem(storageKey, JSON.stringify([current, savedEdits]));
    else localStorage.removeItem(storageKey);
  } catch { /* such as in the frame of a notebook */ }
}

function restoreEdits() {
  try {
    const [current, saved] = JSON.parse(localStorage.getItem(storageKey)) ?? [];
    if (!current) return;
    edits.fromJSON(current);
    savedEdits = saved;
  } catch { /* no edits, or those of an earlier version of the page */ }
}

function startEditing() {
  if (canEdit) restoreEdits();
  showEdits();
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return;
    if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;  // undoes what was typed
    event.preventDefault();
    edit(() => event.shiftKey ? edits.redo() : edits.undo());
  });
}
