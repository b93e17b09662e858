// --- versions, date and parameters, and the lines that fit the model again -----------------------

function addProvenance() {
  const section = addSection("made", "How this was made", null);
  section.classList.add("made");
  section.append(make("dl", { className: "facts" }, ...[["Data", data.summary.slice(0, 2).join(", ")], ...data.made.facts]
    .flatMap(([name, value]) => [make("dt", { dir: "auto", textContent: name }),
      make("dd", { dir: "auto", textContent: value })])),
    make("h3", { textContent: "To fit this model again" }),
    make("pre", { tabIndex: 0, textContent: data.made.code.join("\n") }));
}
