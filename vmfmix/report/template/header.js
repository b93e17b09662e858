function addHeader() {
  document.title = data.title;
  Object.assign(byId("title"), { textContent: data.title, dir: "auto" });
  byId("summary").textContent = data.summary.join(" · ");
  const button = byId("theme");
  const update = () => {
    button.setAttribute("aria-pressed", isDark());
    document.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    update();
  });
  prefersDark.addEventListener("change", update);
  update();
}
