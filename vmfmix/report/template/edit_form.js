// --- the form in the dialog of a cluster: name, note, noise, parts, and clusters to merge with ---

const MAX_CANDIDATES = 100;  // clusters listed to merge with; the others are found by the search
let isFormOpen = false;
let isFormChange = false;  // while a field changes the edits, and must stay

// The form for cluster k; redraw() shows the dialog again after clusters are merged or separated.
function editForm(k, redraw) {
  if (!canEdit) {
    return make("p", { className: "soft", textContent: "The clusters of this model cannot be edited." });
  }
  const group = editsOf(k), isUnion = group.clusters.length > 1;
  const field = (label, input, hint) => {
    const error = make("p", { className: "error", role: "alert", id: input.id + "-error" });
    input.setAttribute("aria-describedby", error.id);
    return make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: label }),
      make("div", {}, input, hint ? make("span", { className: "soft", textContent: hint }) : null, error));
  };
  // Carry out a change; an error is shown beside its field.
  const attempt = (input, change) => {
    const error = byId(input.id + "-error");
    error.textContent = "";
    input.removeAttribute("aria-invalid");
    isFormChange = true;
    try { edit(change); return true; } catch (reason) {
      error.textContent = reason.message;
      input.setAttribute("aria-invalid", "true");
      return false;
    } finally { isFormChange = false; }
  };
  const name = make("input", { id: "edit-name", value: group.name, dir: "auto", maxLength: 1000, autocomplete: "off",
    placeholder: wordsOf(k), onchange: () => attempt(name, () => edits.rename(k, name.value)) });
  const note = make("textarea", { id: "edit-note", value: group.note, dir: "auto", rows: 2, maxLength: 10000,
    onchange: () => attempt(note, () => edits.note(k, note.value)) });
  const noise = make("input", { id: "edit-noise", type: "checkbox", checked: group.noise,
    onchange: () => attempt(noise, () => edits.setNoise(k, noise.checked)) });
  const parts = make("input", { id: "edit-parts", value: group.parts === 1 ? "" : group.parts, autocomplete: "off",
    placeholder: "number or auto", disabled: isUnion, onchange: () => {
      const value = parts.value.trim().toLowerCase();
      attempt(parts, () => edits.split(k, value === "" ? 1 : value === "auto" ? value : Number(value)));
    } });
  const separate = make("button", { type: "button", id: "edit-separate", textContent: "Separate",
    onclick: () => { if (attempt(separate, () => edits.separate(k))) redraw(); } });
  const form = make("details", { id: "edit-form", open: isFormOpen, ontoggle: () => { isFormOpen = form.open; } },
    make("summary", { textContent: "Edit cluster" }),
    field("Name", name), field("Note", note),
    field("Noise", noise, " Its rows belong to no cluster."),
    field("Split into", parts, isUnion ? " Separate the clusters first."
      : " parts, when the edits are applied."),
    isUnion ? field("Merged", separate, ` from ${group.clusters.join(", ")}`) : null,
    edits.groups.length > 1 ? mergeField(k, field, attempt, redraw) : null);
  return form;
}

// The field to merge cluster k with others: a list to choose from, the nearest first.
function mergeField(k, field, attempt, redraw) {
  const nearest = nearestClusters(k).map(([other]) => other);
  const candidates = [...new Set([...nearest, ...edits.groups.map((each) => each.clusters[0])])]
    .filter((other) => other !== k);
  const chosen = new Set();
  const textOf = (other) => `${other} ${nameOf(other) || wordsOf(other)}`.trim();
  const list = make("div", { className: "choices", role: "group", ariaLabel: "Clusters to merge with" });
  const button = make("button", { type: "button", id: "edit-merge", disabled: true, textContent: "Merge",
    onclick: () => { if (attempt(search, () => edits.merge([k, ...chosen]))) redraw(); } });
  const search = make("input", { id: "edit-search", type: "search", placeholder: "Search clusters",
    autocomplete: "off", oninput: () => draw() });
  function draw() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = candidates.filter((other) => chosen.has(other)
      || words.every((word) => textOf(other).toLowerCase().includes(word)));
    list.replaceChildren(...found.slice(0, MAX_CANDIDATES).map((other) => {
      const box = make("input", { type: "checkbox", value: other, checked: chosen.has(other), onchange: () => {
        if (box.checked) chosen.add(other); else chosen.delete(other);
        button.disabled = !chosen.size;
        button.textContent = chosen.size ? `Merge ${plural(chosen.size + 1, "cluster")}` : "Merge";
      } });
      return make("label", {}, box, make("span", { className: "dot", style: "background:" + colorOf(other) }),
        make("bdi", { textContent: textOf(other) }));
    }), ...found.length > MAX_CANDIDATES
      ? [make("span", { className: "soft", textContent: "Search for the others." })] : []);
  }
  draw();
  const element = field("Merge with", search);
  element.lastChild.append(list, button);
  return element;
}
