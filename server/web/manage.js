// The manager's pages work as plain links and forms. Here: filters without a reload, the present
// day (`live.js`) and the stations stay up to date, and a code says how long it is good.
import "htmx.org";
import "./live.js";
import "./passkey.js";

const REFRESH_MS = 20000;

document.documentElement.classList.add("js");

// Swapping the page would close what is being read and empty what is being typed.
function isBusy(page) {
  return page.querySelector("details[open]") || page.contains(document.activeElement);
}

function refresh() {
  const page = document.querySelector("[data-refresh]");
  if (document.hidden || !page || isBusy(page)) return;
  window.htmx.ajax("GET", location.pathname + location.search, {
    source: page,
    target: `#${page.id}`,
    select: `#${page.id}`,
    swap: "outerMorph",
    push: "false",
  });
}

setInterval(refresh, REFRESH_MS);

document.querySelector("[data-print]")?.addEventListener("click", () => window.print());

function countDown(left) {
  const seconds = Math.max(0, Math.round(left.dataset.leftS - performance.now() / 1000));
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  left.textContent = seconds ? left.dataset.left.replace("{left}", clock) : left.dataset.over;
  left.closest("section").classList.toggle("over", !seconds);
}

const left = document.querySelector("[data-left-s]");
if (left) {
  // To load this page again would make another code, and void this one.
  history.replaceState(null, "", left.dataset.page);
  countDown(left);
  setInterval(countDown, 1000, left);
}
