// Our own keypad: no on-screen keyboard of the system ever covers the page. A real keyboard works
// in the same fields.
let isKeeping = false;
let next;

export function pressed(key) {
  const field = document.getElementById(key.closest("[data-keypad]").dataset.keypad);
  // What has been sent is not edited any more, or it would come back as half typed.
  if (field.form.classList.contains("htmx-request")) return;
  const name = key.dataset.key;
  if (name === "erase") field.value = field.value.slice(0, -1);
  else if (field.maxLength < 0 || field.value.length < field.maxLength) field.value += name;
  typed(field);
}

// One touch for a country's code; what was typed of the number stays.
export function coded(button) {
  const field = document.getElementById(button.dataset.codeFor);
  const codes = [...document.querySelectorAll("[data-code]")].map((each) => each.dataset.code);
  const before = codes.find((code) => field.value.startsWith(code)) ?? "";
  field.value = button.dataset.code + field.value.slice(before.length).replace("+", "");
  field.focus({ preventScroll: true });
  typed(field);
}

export function typed(field) {
  if (!field.matches?.("input.field")) return;
  if ("upper" in field.dataset) field.value = field.value.toUpperCase();
  show(field);
  if (field.dataset.keep) keep(field.dataset.keep, field.value);
}

export function refreshFields() {
  document.querySelectorAll("input.field").forEach(show);
}

// Half a plate is kept by the agent, so that a reload brings it back. One at a time, or an older
// one could arrive last; only the newest of those that wait is sent.
async function keep(name, text) {
  next = new URLSearchParams({ field: name, text });
  if (isKeeping) return;
  isKeeping = true;
  while (next) {
    const body = next;
    next = undefined;
    const sent = fetch("/receive/typing", { method: "POST", body, keepalive: true });
    await sent.catch(() => undefined);
  }
  isKeeping = false;
}

function show(field) {
  const foreign = field.value.startsWith("+");
  document
    .querySelectorAll(`[data-prefix-of="${field.id}"]`)
    .forEach((prefix) => (prefix.hidden = foreign));
  const readback = document.getElementById(field.dataset.readback ?? "");
  if (readback) {
    const digits = field.value.replace(/\D/g, "");
    readback.hidden = digits.length < 7;
    readback.querySelector("b").textContent = digits.slice(-4).split("").join(" ");
    const known = document.getElementById("knowntail");
    known?.classList.toggle("differs", digits.length > 7 && !digits.endsWith(known.dataset.tail));
  }
}
