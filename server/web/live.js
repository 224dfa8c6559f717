// Keeps the page of the present day up to date. The server gives it in parts with a digest each:
// only what is other than it was is replaced, so focus, scroll, open details and what a screen
// reader has read stay as they are. Nothing is asked for while nobody looks.

const TIMEOUT_MS = 8000;
// So many times no answer, and the figures are said to be old.
const MISSED = 3;
const FOCUSABLE = "a[href], button, input, select, textarea, summary";

const now = () => performance.now();
let state = {};

// Where an element is, for whoever looks for it in another copy of the page.
function spotOf(element, kind) {
  const home = element.closest("[id]");
  return { id: home.id, kind, nth: [...home.querySelectorAll(kind)].indexOf(element) };
}

function atSpot({ id, kind, nth }) {
  const home = document.getElementById(id);
  return home && (nth < 0 ? home : home.querySelectorAll(kind)[nth]);
}

// What is being typed or marked is never taken away.
function isBusy(part) {
  const fields = [...part.querySelectorAll("input:not([type=hidden]), select, textarea")];
  if (fields.some((field) => field.value !== "" || field === document.activeElement)) return true;
  const marked = getSelection();
  return !marked.isCollapsed && marked.containsNode(part, true);
}

function replace(part, fresh) {
  const active = document.activeElement;
  const focus = part.contains(active) ? spotOf(active, FOCUSABLE) : null;
  const opened = [...part.querySelectorAll("details[open]")].map((each) => spotOf(each, "details"));
  part.replaceWith(fresh);
  for (const spot of opened) atSpot(spot)?.setAttribute("open", "");
  if (focus) atSpot(focus)?.focus({ preventScroll: true });
}

// What the reader looks at: where the focus is, or else what is first on the screen.
function anchorOf(live) {
  const active = document.activeElement;
  if (live.contains(active)) return { spot: spotOf(active, FOCUSABLE), element: active };
  const isSeen = (each) => each.getBoundingClientRect().top >= 0;
  const element = [...live.querySelectorAll("[id]")].find(isSeen);
  return element && { spot: { id: element.id, kind: "*", nth: -1 }, element };
}

function take(page) {
  const parts = new DOMParser().parseFromString(page, "text/html");
  // The day has ended: another page is today's.
  if (!parts.querySelector("[data-live]")) return location.reload();
  const anchor = scrollY > 0 && anchorOf(document.querySelector("[data-live]"));
  const before = anchor && anchor.element.getBoundingClientRect().top;
  swap(parts);
  const kept = anchor && atSpot(anchor.spot);
  if (kept) scrollBy(0, kept.getBoundingClientRect().top - before);
}

function swap(parts) {
  for (const fresh of parts.querySelectorAll("[data-part]")) {
    const part = document.getElementById(fresh.id);
    const isSame = !part || part.dataset.digest === fresh.dataset.digest;
    if (!isSame && isBusy(part)) state.etag = "";
    else if (!isSame) replace(part, document.adoptNode(fresh));
  }
}

async function ask() {
  const asked = state;
  asked.askedMs = now();
  try {
    const answer = await fetch(asked.url, {
      headers: asked.etag ? { "If-None-Match": asked.etag } : {},
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const page = answer.ok ? await answer.text() : "";
    // The reader has gone on to another day meanwhile.
    if (asked !== state) return;
    if (answer.type === "opaqueredirect" || answer.status === 403) asked.isOver = true;
    else if (!answer.ok && answer.status !== 304) return;
    asked.heardMs = now();
    if (answer.ok) {
      asked.etag = answer.headers.get("ETag") ?? "";
      take(page);
    }
  } catch {
    // No answer: that is seen by how long ago the last one was.
  }
}

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

// People see each second go by; a screen reader is told only when it turns stale, and back.
function tell(live) {
  const line = live.querySelector("#live-state");
  const ageMs = now() - state.heardMs;
  const isStale = ageMs > MISSED * state.everyMs;
  const key = state.isOver ? "over" : isStale ? "stale" : "fresh";
  line.hidden = false;
  line.className = `live-state ${key}`;
  live.classList.toggle("stale", key !== "fresh");
  line.querySelector(".words").textContent = line.dataset[key].replace("{span}", span(ageMs));
  if (key === state.said) return;
  const said = live.querySelector("#live-said");
  said.textContent = key === "fresh" ? line.dataset.back : line.dataset[key].replace("{span}", span(ageMs));
  state.said = key;
}

function tick() {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  if (state.url !== live.dataset.live) {
    const everyMs = live.dataset.everyS * 1000;
    state = { url: live.dataset.live, everyMs, etag: "", askedMs: now(), heardMs: now(), said: "fresh" };
  }
  const isDue = now() - state.askedMs >= state.everyMs;
  if (isDue && !document.hidden && !state.isOver) ask();
  tell(live);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.url) {
    state.askedMs = -Infinity;
    tick();
  }
});
setInterval(tick, 1000);
tick();
