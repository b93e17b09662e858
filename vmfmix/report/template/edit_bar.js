// --- the bar at the bottom of the page: chosen clusters, undo, and files of edits ----------------

const APPLY = "vmfmix apply edits.json model.npz embeddings.parquet --out edited/";
const chosenClusters = new Set();  // those to be merged

// Choose clusters to be merged; the check boxes of the table of clusters follow.
function chooseClusters(clusters) {
  chosenClusters.clear();
  for (const k of clusters) chosenClusters.add(unionOf(k));
  document.dispatchEvent(new Event("choice"));
}

// The clusters most of whose rows are selected, or all that have selected rows.
function clustersOfSelection() {
  const all = new Map(), selected = new Map();
  rows.cluster.forEach((k, i) => {
    if (k < 0) return;
    all.set(k, (all.get(k) ?? 0) + 1);
    if (selection.isSelected[i]) selected.set(k, (selected.get(k) ?? 0) + 1);
  });
  const most = [...selected.keys()].filter((k) => selected.get(k) > all.get(k) / 2);
  return (most.length > 1 ? most : [...selected.keys()]).sort((a, b) => a - b);
}

function describedEdit({ edit: kind, cluster, ...values }) {
  const shown = (value) => value === null ? "none" : `“${shortened(value, 60)}”`;
  return {
    merge: () => "Merge clusters " + values.clusters.join(", "),
    split: () => `Split cluster ${cluster}` + (values.n_components === "auto" ? "" : ` into ${values.n_components}`),
    rename: () => `Name of cluster ${cluster}: ${shown(values.name)}`,
    note: () => `Note on cluster ${cluster}: ${shown(values.note)}`,
    noise: () => `Cluster ${cluster} is ${values.noise ? "" : "not "}noise`,
  }[kind]();
}

function addEditBar() {
  if (!canEdit) return;
  const button = (id, textContent, onclick) => make("button", { type: "button", id, textContent, onclick });
  const message = make("p", { role: "alert", className: "error" });
  const say = (text) => { message.textContent = text; draw(); };
  const file = make("input", { type: "file", accept: ".json,application/json", hidden: true,
    onchange: () => { openFile(file.files[0]); file.value = ""; } });
  const choice = make("div", { className: "controls" });
  const summary = make("summary", { role: "status" }), list = make("ul", { className: "soft" });
  const details = make("details", {}, summary, list,
    make("p", {}, "Save the edits, and run ", make("code", { textContent: APPLY })),
    button("open-edits", "Open edits", () => file.click()));
  const undo = button("undo", "Undo", () => edit(() => edits.undo()));
  const redo = button("redo", "Redo", () => edit(() => edits.redo()));
  const reset = button("reset-edits", "Reset", () => edit(() => edits.reset()));
  const save = button("save-edits", "Save edits", () => {
    savedEdits = currentEdits();
    saveFile("edits.json", JSON.stringify(edits, null, 2) + "\n", "application/json");
    storeEdits();
    draw();
  });
  const controls = make("div", { className: "controls" }, undo, redo, reset, save);
  const changes = make("div", { className: "changes" }, details, controls);
  const bar = make("div", { id: "edit-bar", role: "region", ariaLabel: "Edits" }, message, choice, changes);
  byId("clusters").parentElement.querySelector(".controls")
    .append(button("open-file-of-edits", "Open edits", () => file.click()), file);
  document.body.append(bar);

  async function openFile(given) {
    if (!given) return;
    try {
      const text = await given.text();
      edit(() => edits.fromJSON(text));
      savedEdits = currentEdits();
      storeEdits();
      say("");
    } catch (error) { say(error.message); }
  }
  addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    openFile(event.dataTransfer.files[0]);
  });
  function merge() {
    try {
      const chosen = [...chosenClusters];
      edit(() => edits.merge(chosen));
      chooseClusters([]);
      say("");
    } catch (error) { say(error.message); }
  }
  function drawChoice() {
    const chosen = [...chosenClusters].sort((a, b) => a - b);
    choice.hidden = !chosen.length;
    choice.replaceChildren(make("span", { className: "soft", role: "status" },
      `${plural(chosen.length, "cluster")} chosen: ${chosen.join(", ")}`),
    ...chosen.length > 1
      ? [button("merge-chosen", `Merge ${plural(chosen.length, "cluster")}`, merge)] : [],
    button("clear-choice", "Clear", () => { say(""); chooseClusters([]); }));
  }
  function draw() {
    const made = edits.toJSON().edits, current = currentEdits();
    changes.hidden = !(made.length || edits.canUndo || edits.canRedo);
    summary.textContent = plural(made.length, "edit") + (current && current === savedEdits ? ", saved" : "");
    list.replaceChildren(...made.map((each) => make("li", { dir: "auto", textContent: describedEdit(each) })));
    undo.disabled = !edits.canUndo;
    redo.disabled = !edits.canRedo;
    reset.disabled = save.disabled = !made.length;
    bar.hidden = choice.hidden && changes.hidden && !message.textContent;
  }
  document.addEventListener("choice", () => { drawChoice(); draw(); });
  document.addEventListener("edits", () => {
    message.textContent = "";
    const kept = [...chosenClusters].map(unionOf);
    draw();
    if (kept.length) chooseClusters(kept);
  });
  drawChoice();
  draw();
}
