// Comforts only: every page works without this file.
(() => {
  "use strict";
  const PORTS = { none: "25", "starttls-if-offered": "25", starttls: "587", tls: "465" };

  // <button data-copy="#id" hidden>: copies the text of that element and says so.
  function showCopyButtons(root) {
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  }

  async function copy(button) {
    const source = document.querySelector(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    const label = button.querySelector("[data-label]") ?? button;
    label.dataset.before ??= label.textContent;
    label.textContent = document.body.dataset.copied ?? "Copied";
    setTimeout(() => { label.textContent = label.dataset.before; }, 2000);
  }

  // The port follows the security unless somebody typed an unusual one.
  function proposePort(form) {
    const port = form.elements.port;
    const chosen = form.elements.security?.value;
    if (!port || !chosen) return;
    if (port.value === "" || Object.values(PORTS).includes(port.value)) port.value = PORTS[chosen] ?? "";
  }

  // What is chosen in a field: a box that is not ticked holds nothing.
  function chosen(control) {
    return control?.type === "checkbox" && !control.checked ? "" : control?.value ?? "";
  }

  // <input data-shown-when="auth=password,xoauth2">: its field hides while another choice is made, unless
  // something in it is to be put right.
  function showDependents(form) {
    for (const input of form.querySelectorAll("[data-shown-when]")) {
      const field = input.closest(".field");
      const [name, values] = input.dataset.shownWhen.split("=");
      const wanted = values.split(",").includes(chosen(form.elements[name]));
      field.hidden = !wanted && !field.classList.contains("has-error");
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form) return;
    if (event.target.name === "security") proposePort(form);
    showDependents(form);
  });
  document.addEventListener("htmx:afterSwap", (event) => showCopyButtons(event.target));
  showCopyButtons(document);
  document.querySelectorAll("form").forEach(showDependents);
  document.getElementById("errors")?.focus();
})();
