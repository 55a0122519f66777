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
    leaving = form;
  }
});

// Who leaves with something typed and not sent is asked first, whatever the form, unless it or what it is in says
// data-unsaved="never". One that a fault sends back holds something that is not saved from the beginning; other forms that do so
// say data-unsaved="yes".
let leaving = null;
function isEdited(part) {
  if (part.type === "checkbox" || part.type === "radio") return part.checked !== part.defaultChecked;
  if (part.tagName === "SELECT") {
    const first = [...part.options].some((option) => option.defaultSelected);
    return [...part.options].some((option, place) => option.selected !== (first ? option.defaultSelected : place === 0));
  }
  return part.defaultValue !== undefined && part.value !== part.defaultValue;
}
const refused = document.querySelector(".alert[role=alert]") !== null;
function isUnsaved(form) {
  if (form === leaving || form.method !== "post" || form.closest("[data-unsaved=never]")) return false;
  const fields = [...form.elements].filter((part) => part.name && part.type !== "hidden" && part.tagName !== "BUTTON");
  const cameBack = refused && fields.length > 0 && new URL(form.action).pathname === location.pathname;
  return cameBack || form.dataset.unsaved === "yes" || fields.some(isEdited);
}
window.addEventListener("beforeunload", (event) => {
  if ([...document.forms].some(isUnsaved)) event.preventDefault();
});

// “/” and Ctrl-K lead to the search over everything.
document.addEventListener("keydown", (event) => {
  const find = document.getElementById("find");
  if (!find) return;
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const asked = (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey)
    || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey);
  if (asked) {
    event.preventDefault();
    find.focus();
    find.select();
  }
  const found = document.getElementById("found");
  if (event.key === "Escape" && found.contains(document.activeElement)) find.focus();
  if (event.key === "Escape" && find.closest("form").contains(event.target)) found.replaceChildren();
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && find.closest("form").contains(event.target)) {
    const stops = [find, ...found.querySelectorAll("a")];
    const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
});

document.addEventListener("click", (event) => {
  const found = document.getElementById("found");
  if (found && !found.closest("form").contains(event.target)) found.replaceChildren();
  const preset = event.target.closest("[data-preset]");
  if (preset) {
    event.preventDefault();
    const wanted = preset.dataset.preset.split(" ");
    for (const box of document.querySelectorAll("[data-scope]")) box.checked = wanted.includes(box.dataset.scope);
  }
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
// Pages that show what happens are told when there is something new, and fetch that part of themselves again.
const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  const { live: url } = live.dataset;
  const part = () => document.getElementById("live");
  let source, wanted, under = false;
  const refresh = async () => {
    // Whoever is at a link in it is not thrown out of it.
    if (under || wanted === part().dataset.mark || part().contains(document.activeElement)) return;
    under = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("#live[data-live]");
      if (answer.redirected || !answer.ok || !fresh) return location.reload();
      part().replaceWith(document.adoptNode(fresh));
    } catch {
      // It is told again as soon as there is a connection.
    } finally {
      under = false;
    }
    // No more than once a second, however much happens.
    setTimeout(refresh, 1000);
  };
  const listen = () => {
    source?.close();
    if (document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("mark", (event) => { wanted = event.data; refresh(); });
    source.addEventListener("error", () => {
      // What is refused is not tried again by the browser itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
    });
  };
  document.addEventListener("visibilitychange", listen);
  document.addEventListener("focusout", () => setTimeout(refresh));
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  listen();
}
