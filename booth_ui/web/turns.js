// Quick hands: of several answers that are under way only the one to the last touch is shown, and a
// touch is not lost because the frame that it was made in has been swapped meanwhile.
let turn = 0;

const pathOf = (ctx) => new URL(ctx.request.action, location.href).pathname;

export function takeTurns() {
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id === "watch") return;
    ctx.isRedrawing = ctx.sourceElement.id === "redrawing";
    ctx.turn = ctx.isRedrawing ? turn : ++turn;
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.turn === undefined) return;
    // A screen that draws itself anew has nothing to say once another one is open.
    const isOld = ctx.turn < turn || (ctx.isRedrawing && pathOf(ctx) !== location.pathname);
    if (isOld) event.preventDefault();
    else if (ctx.target?.isConnected === false) ctx.target = document.getElementById(ctx.target.id);
  });
}
