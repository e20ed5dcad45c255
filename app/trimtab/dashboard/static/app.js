// What pages do in the browser: light and dark, the filter, and parts that are renewed when what they show changes.
"use strict";

const root = document.documentElement;

// --- light and dark
document.getElementById("theme")?.addEventListener("click", () => {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("trimtab-theme", root.dataset.theme); } catch { /* it holds for this page, then */ }
  document.dispatchEvent(new Event("trimtab:theme"));
});

// --- forms
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-instant]");
  if (form) form.requestSubmit();
});

// --- heat maps begin with the newest window
function toNewest(within) {
  for (const map of within.querySelectorAll(".heat")) map.scrollLeft = map.scrollWidth;
}
toNewest(document);

// --- the fleet's filter
const filter = document.getElementById("filter");
function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll("tr[data-name]")) {
    const said = `${row.dataset.name} ${row.dataset.health}`;
    row.hidden = !words.every((word) => said.includes(word));
  }
}
if (filter) {
  filter.addEventListener("input", applyFilter);
  filter.form.addEventListener("submit", (event) => event.preventDefault());
}

// --- live
// A name is a topic and what of it: a part that shows all of a topic has the topic's name alone.
const status = document.getElementById("live-status");
const wanted = new Set();
let timer = null;
let renewing = false;

function concerns(part, names) {
  const topics = part.dataset.topics.split(" ");
  return names.some((name) => name === "*" || topics.some((t) => t === name || (!t.includes("/") && name.startsWith(`${t}/`))));
}

function changed(names) {
  for (const part of document.querySelectorAll("[data-topics]")) if (concerns(part, names)) wanted.add(part.id);
  if (wanted.size && !timer) timer = setTimeout(renew, 100);
}

async function renew() {
  timer = null;
  if (renewing || document.hidden) {
    if (renewing) timer = setTimeout(renew, 100);
    return;
  }
  const ids = [...wanted];
  wanted.clear();
  const rows = ids.filter((id) => id.startsWith("row-"));
  const parts = ids.filter((id) => !id.startsWith("row-"));
  if (rows.length > 40) { rows.length = 0; parts.push("models"); }
  renewing = true;
  try {
    for (const some of [rows, parts]) if (some.length) await fetchParts(some);
  } catch {
    for (const id of ids) wanted.add(id);
    timer = setTimeout(renew, 1000);
  } finally {
    renewing = false;
  }
}

async function fetchParts(ids) {
  const url = new URL(location.href);
  url.hash = "";
  url.searchParams.set("fragment", ids.join(","));
  const answer = await fetch(url, { credentials: "same-origin" });
  if (answer.redirected || answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(answer.statusText);
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ids) {
    const fresh = found.getElementById(id);
    const old = document.getElementById(id);
    if (fresh && old) replace(old, fresh);
  }
  if (filter) applyFilter();
}

// What the server said last, to leave alone what has not changed: charts have changed the page since.
const said = new Map();

function replace(old, fresh) {
  const text = fresh.outerHTML;
  if (said.get(old.id) === text) return;
  const focus = old.contains(document.activeElement) ? document.activeElement : null;
  if (focus && focus.matches("input, select, textarea")) { wanted.add(old.id); return; }
  said.set(old.id, text);
  const open = [...old.querySelectorAll("details")].map((one) => one.open);
  const scrolled = [...old.querySelectorAll(".wide")].map((one) => [one.scrollLeft, one.scrollTop]);
  const where = focus?.getAttribute("href");
  old.replaceWith(document.adoptNode(fresh));
  fresh.querySelectorAll("details").forEach((one, at) => { one.open = open[at] ?? one.open; });
  fresh.querySelectorAll(".wide").forEach((one, at) => {
    if (scrolled[at]) [one.scrollLeft, one.scrollTop] = scrolled[at];
  });
  if (where) fresh.querySelector(`[href="${CSS.escape(where)}"]`)?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("trimtab:renewed", { detail: fresh }));
}

function follow() {
  const seen = document.getElementById("main")?.dataset.seen;
  if (!seen || !document.querySelector("[data-topics]")) return;
  const source = new EventSource(`/events?since=${encodeURIComponent(seen)}`);
  source.onmessage = (event) => changed(JSON.parse(event.data));
  source.onopen = () => { root.dataset.live = "yes"; status.textContent = ""; };
  source.onerror = () => {
    root.dataset.live = "no";
    status.textContent = "Connection lost; trying again.";
    // A browser gives up on an answer that is no stream; a dashboard that starts again gives such.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { follow(); changed(["*"]); }, 2000);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted.size) renew(); });
addEventListener("pageshow", (event) => { if (event.persisted) { follow(); changed(["*"]); } });
follow();
