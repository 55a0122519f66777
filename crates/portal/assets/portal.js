// What pages do beyond links and forms. Everything works without it.
"use strict";
// A form that is under way is not sent a second time.
const sent = new WeakMap();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (performance.now() - (sent.get(form) ?? -Infinity) < 3000) {
    event.preventDefault();
  } else {
    sent.set(form, performance.now());
  }
});
document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    navigator.clipboard.writeText(source.value ?? source.textContent.trim()).then(() => {
      const label = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = label; }, 1500);
    });
  }
  const more = event.target.closest("[data-add-row]");
  if (more) {
    const rows = document.getElementById(more.dataset.addRow);
    const last = rows.lastElementChild;
    const row = last.cloneNode(true);
    const number = rows.children.length;
    for (const part of row.querySelectorAll("[name]")) {
      part.name = part.name.replace(/^f\d+_/, `f${number}_`);
      part.id = part.name;
      if (part.tagName !== "SELECT") part.value = "";
    }
    rows.append(row);
    row.querySelector("input").focus();
  }
});
