// The manager's pages work as plain links and forms. Here: filters without a reload, and a day
// that is still going on stays up to date while nobody is in the middle of something.
import "htmx.org";

const REFRESH_MS = 20000;

document.documentElement.classList.add("js");

const day = () => document.getElementById("day");

// Swapping the page would close what is being read and empty what is being typed.
function isBusy(page) {
  const changed = [...page.querySelectorAll(".decide input:not([type=hidden]), .decide select")]
    .some((field) => field.value !== "");
  return changed || page.querySelector("details[open]") || page.contains(document.activeElement);
}

function refresh() {
  const page = day();
  if (document.hidden || !page || !("live" in page.dataset) || isBusy(page)) return;
  window.htmx.ajax("GET", location.pathname + location.search, {
    source: page,
    target: "#day",
    select: "#day",
    swap: "outerMorph",
    push: "false",
  });
}

setInterval(refresh, REFRESH_MS);
