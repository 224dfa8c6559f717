// What cannot be taken back is held, not touched: a button with `data-hold` works only after a
// second, and fills while it is held; whoever lets go too early is told. The Enter key is held just
// the same. Without this script the button works at once.
const HOLD_MS = 1000;

let held;
let timer;

function begin(button) {
  end();
  held = button;
  button.classList.add("holding");
  timer = setTimeout(() => {
    const done = held;
    end();
    done.form.requestSubmit(done);
  }, HOLD_MS);
}

function end() {
  clearTimeout(timer);
  held?.classList.remove("holding");
  held = undefined;
}

export function listenForHolding(onTooShort) {
  const letGo = () => {
    if (held) onTooShort();
    end();
  };
  const wanted = (event) => event.target.closest?.("[data-hold]");
  document.addEventListener("pointerdown", (event) => {
    const button = wanted(event);
    if (button) begin(button);
  });
  document.addEventListener("pointerup", letGo);
  document.addEventListener("pointercancel", end);
  window.addEventListener("blur", end);
  document.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key)) return;
    // Enter in a field means its form's button; a space there is only a space.
    const inField = event.key === "Enter" && [...(event.target.form?.elements ?? [])];
    const button = wanted(event) ?? (inField || []).find((each) => each.matches("[data-hold]"));
    if (!button) return;
    event.preventDefault();
    if (!event.repeat) begin(button);
  });
  document.addEventListener("keyup", letGo);
  document.addEventListener("click", (event) => wanted(event) && event.preventDefault(), true);
}
