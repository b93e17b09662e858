"use strict";

// Edits of the clusters that a page shows: names, notes, noise, unions and splits, with undo.
// Nothing here touches the document. Clusters have the numbers of the model, which never change;
// `toJSON` writes the edits that `VMFMixture.apply` and `vmfmix apply` read, and `fromJSON` reads
// them. Methods that change clusters throw an Error with one sentence if that is not possible.
//
// A group is {clusters, name, note, noise, parts}: the clusters of a union in ascending order, or a
// single one, and the number of parts that it is split into when the edits are applied (1: not
// split). Groups are frozen and sorted by their first cluster; a state is an array of them.
const ClusterEdits = (() => {
  const FORMAT = "vmfmix edits";
  const VERSION = 1;
  const LONGEST = { name: 1000, note: 10000 };
  const FIELDS = {
    cut: [["n_components"], []],
    merge: [["clusters"], []],
    split: [["cluster"], ["n_components"]],
    rename: [["cluster", "name"], []],
    note: [["cluster", "note"], []],
    noise: [["cluster"], ["noise"]],
  };

  const group = (clusters, name, note, noise, parts = 1) =>
    Object.freeze({ clusters: Object.freeze(clusters), name, note, noise, parts });
  const first = (each) => each.clusters[0];
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  // The union of groups: the first name, all different notes, and noise if all of them are.
  function union(groups) {
    const sorted = [...groups].sort((a, b) => first(a) - first(b));
    const clusters = sorted.flatMap((each) => each.clusters).sort((a, b) => a - b);
    const named = sorted.find((each) => each.name);
    const notes = new Set(sorted.map((each) => each.note).filter(Boolean));
    const noise = sorted.every((each) => each.noise);
    return group(clusters, named ? named.name : "", [...notes].join("\n"), noise);
  }

  function textOf(value, noun) {
    if (value !== null && typeof value !== "string") throw new Error(`A ${noun} is a text.`);
    const text = (value || "").trim();
    if (text.length > LONGEST[noun]) {
      throw new Error(`The ${noun} has more than ${LONGEST[noun]} characters.`);
    }
    if (/\0|\p{Surrogate}/u.test(text)) {
      throw new Error(`The ${noun} has a character that files cannot hold.`);
    }
    return text;
  }

  return class ClusterEdits {
    #model;
    #cut;
    #original;
    #states;
    #position = 0;

    // model: {n_components, fingerprint}; clusters: [{name, note, noise}], one for each cluster of
    // the page; cut: the number of clusters of the page, if it is not that of the model.
    constructor(model, clusters, cut = null) {
      this.#model = { n_components: model.n_components, fingerprint: model.fingerprint };
      this.#cut = cut;
      this.#original = clusters.map((each, number) =>
        group([number], each.name || "", each.note || "", Boolean(each.noise)),
      );
      this.#states = [this.#original];
    }

    get groups() {
      return this.#states[this.#position];
    }

    get isChanged() {
      return this.#edits().length > 0;
    }

    get canUndo() {
      return this.#position > 0;
    }

    get canRedo() {
      return this.#position < this.#states.length - 1;
    }

    undo() {
      if (this.canUndo) this.#position -= 1;
    }

    redo() {
      if (this.canRedo) this.#position += 1;
    }

    groupOf(cluster) {
      const found = this.groups.find((each) => each.clusters.includes(cluster));
      if (!found) throw new Error(`Cluster ${cluster} does not exist.`);
      return found;
    }

    rename(cluster, name) {
      this.#change(cluster, { name: textOf(name, "name") });
    }

    note(cluster, note) {
      this.#change(cluster, { note: textOf(note, "note") });
    }

    setNoise(cluster, noise) {
      this.#change(cluster, { noise: Boolean(noise) });
    }

    // Split a cluster into parts when the edits are applied; 1 takes this back.
    split(cluster, parts = 2) {
      if (parts !== "auto" && !(Number.isInteger(parts) && parts >= 1)) {
        throw new Error("The number of parts is a positive integer, or \"auto\".");
      }
      if (parts !== 1 && this.groupOf(cluster).clusters.length > 1) {
        throw new Error("A union cannot be split; separate its clusters first.");
      }
      this.#change(cluster, { parts });
    }

    // Merge the groups of some clusters into one.
    merge(clusters) {
      this.mergeAll([clusters]);
    }

    // Merge the groups of each of some disjoint lists of clusters, as one step of `undo`.
    mergeAll(lists) {
      let { groups } = this;
      for (const clusters of lists) {
        const merged = new Set(clusters.map((cluster) => this.groupOf(cluster)));
        if (merged.size < 2) throw new Error("Choose at least two clusters to merge.");
        for (const each of merged) {
          if (each.parts !== 1) {
            throw new Error(`Cluster ${first(each)} is split, and cannot be merged.`);
          }
          if (!groups.includes(each)) {
            throw new Error(`Cluster ${first(each)} is in two of the unions.`);
          }
        }
        groups = [...groups.filter((each) => !merged.has(each)), union(merged)];
      }
      this.#push(groups);
    }

    // Take the clusters of a union apart; they are as in the model again.
    separate(cluster) {
      const old = this.groupOf(cluster);
      if (old.clusters.length < 2) throw new Error(`Cluster ${cluster} is not merged.`);
      const others = this.groups.filter((each) => each !== old);
      const taken = new Set(others.map((each) => each.name));
      const parts = old.clusters.map((number) => {
        const { name, note, noise } = this.#original[number];
        return group([number], taken.has(name) ? "" : name, note, noise);
      });
      this.#push([...others, ...parts]);
    }

    reset() {
      this.#push(this.#original);
    }

    // Return the object to save as a file of edits; JSON.stringify calls it.
    toJSON() {
      return { format: FORMAT, version: VERSION, model: { ...this.#model }, edits: this.#edits() };
    }

    // Replace all edits by those of a file: its text, or its contents. `undo` takes this back.
    fromJSON(contents) {
      let file = contents;
      if (typeof contents === "string") {
        try {
          file = JSON.parse(contents.replace(/^\uFEFF/, ""));
        } catch {
          throw new Error("The file is not JSON; choose a file of edits.");
        }
      }
      this.#validate(file);
      const read = new ClusterEdits(this.#model, this.#original, this.#cut);
      const given = new Set();
      file.edits.forEach((edit, position) => {
        try {
          ClusterEdits.#validateFields(edit);
        } catch (error) {
          throw new Error(`Edit ${position + 1}: ${error.message}`);
        }
      });
      const cuts = file.edits.filter((edit) => edit.edit === "cut");
      if (cuts.length > 1 || (cuts.length ? cuts[0].n_components : null) !== this.#cut) {
        throw new Error("The edits are of another number of clusters than this page shows.");
      }
      // Unions decide what is the same cluster; names are exchanged at once, not one by one.
      let groups = read.groups;
      for (const kinds of [["merge"], ["split", "rename", "note", "noise"]]) {
        file.edits.forEach((edit, position) => {
          if (!kinds.includes(edit.edit)) return;
          try {
            groups = read.#applied(groups, edit, given);
          } catch (error) {
            throw new Error(`Edit ${position + 1}: ${error.message}`);
          }
        });
      }
      this.#push(groups);
    }

    // --- private --------------------------------------------------------------------------------

    #edits() {
      const groups = this.groups;
      const edits = this.#cut === null ? [] : [{ edit: "cut", n_components: this.#cut }];
      const nCuts = edits.length;
      for (const each of groups) {
        if (each.clusters.length > 1) edits.push({ edit: "merge", clusters: [...each.clusters] });
      }
      for (const each of groups) {
        const cluster = first(each);
        const before = union(each.clusters.map((number) => this.#original[number]));
        if (each.parts !== 1) edits.push({ edit: "split", cluster, n_components: each.parts });
        if (each.name !== before.name) {
          edits.push({ edit: "rename", cluster, name: each.name || null });
        }
        if (each.note !== before.note) {
          edits.push({ edit: "note", cluster, note: each.note || null });
        }
        if (each.noise !== before.noise) edits.push({ edit: "noise", cluster, noise: each.noise });
      }
      return edits.length > nCuts ? edits : [];
    }

    #change(cluster, values) {
      const old = this.groupOf(cluster);
      if (Object.keys(values).every((key) => old[key] === values[key])) return;
      const { clusters, name, note, noise, parts } = { ...old, ...values };
      const others = this.groups.filter((each) => each !== old);
      this.#push([...others, group(clusters, name, note, noise, parts)]);
    }

    #push(groups) {
      const sorted = Object.freeze([...groups].sort((a, b) => first(a) - first(b)));
      ClusterEdits.#validateNames(sorted);
      this.#states = [...this.#states.slice(0, this.#position + 1), sorted];
      this.#position += 1;
    }

    #applied(groups, edit, given) {
      const groupOf = (cluster) => {
        const found = groups.find((each) => each.clusters.includes(cluster));
        if (!found) throw new Error(`Cluster ${cluster} does not exist.`);
        return found;
      };
      if (edit.edit === "merge") {
        const { clusters } = edit;
        if (!Array.isArray(clusters) || new Set(clusters).size !== clusters.length) {
          throw new Error("The clusters are not a list of different numbers.");
        }
        const merged = clusters.map(groupOf);
        if (merged.length < 2 || merged.some((each) => each.clusters.length > 1)) {
          throw new Error("At least two clusters are merged, and each of them once.");
        }
        return [...groups.filter((each) => !merged.includes(each)), union(merged)];
      }
      const old = groupOf(edit.cluster);
      const key = `${edit.edit} ${first(old)}`;
      if (given.has(key)) throw new Error(`Cluster ${edit.cluster} has this edit twice.`);
      given.add(key);
      let { name, note, noise, parts } = old;
      if (edit.edit === "rename") name = textOf(edit.name, "name");
      if (edit.edit === "note") note = textOf(edit.note, "note");
      if (edit.edit === "noise") {
        noise = "noise" in edit ? edit.noise : true;
        if (typeof noise !== "boolean") throw new Error("noise is neither true nor false.");
      }
      if (edit.edit === "split") {
        parts = "n_components" in edit ? edit.n_components : 2;
        if (parts !== "auto" && !(Number.isInteger(parts) && parts >= 2)) {
          throw new Error("The number of parts is an integer of at least 2, or \"auto\".");
        }
        if (old.clusters.length > 1) throw new Error("A cluster is split and merged.");
      }
      return [
        ...groups.filter((each) => each !== old),
        group([...old.clusters], name, note, noise, parts),
      ];
    }

    #validate(file) {
      if (!isObject(file) || file.format !== FORMAT || !Array.isArray(file.edits)) {
        throw new Error("The file has no edits; choose a file of edits.");
      }
      if (file.version !== VERSION) {
        throw new Error("The file is of another version of vmfmix than this page.");
      }
      const { model } = file;
      const isSame =
        model === undefined ||
        model === null ||
        (model.n_components === this.#model.n_components &&
          model.fingerprint === this.#model.fingerprint);
      if (!isSame) throw new Error("The edits are those of another model.");
    }

    static #validateFields(edit) {
      if (!isObject(edit) || !Object.hasOwn(FIELDS, edit.edit)) {
        throw new Error("This is not an edit that the page knows.");
      }
      const [needed, optional] = FIELDS[edit.edit];
      const allowed = ["edit", ...needed, ...optional];
      const isComplete = needed.every((name) => Object.hasOwn(edit, name));
      if (!isComplete || !Object.keys(edit).every((name) => allowed.includes(name))) {
        throw new Error(`The fields of ${edit.edit} are ${allowed.join(", ")}.`);
      }
    }

    static #validateNames(groups) {
      const clusterOf = new Map();
      for (const each of groups) {
        if (!each.name) continue;
        if (clusterOf.has(each.name)) {
          throw new Error(
            `Clusters ${clusterOf.get(each.name)} and ${first(each)} would have the same name.`,
          );
        }
        clusterOf.set(each.name, first(each));
      }
    }
  };
})();

if (typeof module !== "undefined") module.exports = { ClusterEdits }; // for tests outside a page
