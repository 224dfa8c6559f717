// The booth's screen. The agent renders every page and htmx swaps it in; this file adds what HTML
// cannot do: the keypad, tones, and noticing that the agent has gone quiet. Nothing is kept here:
// a reload loses nothing.
import "htmx.org";
import "htmx.org/dist/ext/hx-sse.js";

import { tone } from "./tones.js";
import { coded, pressed, typed, refreshFields } from "./keypad.js";
import { watchAgent } from "./agent_watch.js";
import { followCamera, shoot } from "./camera.js";
import { listenForHolding } from "./hold.js";
import { takeTurns } from "./turns.js";

// As long as the agent offers to take it back.
const TOAST_MS = 8000;
// A new request is heard again after this, until somebody has looked.
const RING_MS = 30000;

document.documentElement.classList.add("js");

const frame = () => document.getElementById("frame");

// Full navigation, but without leaving the document: the stream and the sound go on.
function go(path) {
  return window.htmx.ajax("GET", path, {
    source: "#going",
    target: "#frame",
    select: "#frame",
    swap: "outerHTML",
    push: "true",
  });
}

// Draw the same screen anew. Where something is being typed only its head may change, unless
// somebody else signed in or the screen locked.
function refresh(everything = false) {
  const part = everything || frame().dataset.live === "all" ? "#frame" : "#top";
  const scrolled = document.getElementById("list")?.scrollTop;
  const drawn = frame();
  const { focus } = drawn.dataset;
  return window.htmx
    .ajax("GET", location.pathname, {
      source: "#redrawing",
      target: part,
      select: part,
      swap: "outerMorph",
      push: "false",
      // Nobody touched anything: the person who is signed in may still be forgotten.
      headers: { "Booth-Redraw": "1" },
    })
    .then(() => {
      // It is the same screen still, wherever a tap has led that this page was not told of.
      drawn.dataset.focus = focus;
      const list = document.getElementById("list");
      if (list && scrolled) list.scrollTop = scrolled;
    });
}

function toast(words, kind, mistake) {
  const note = document.createElement("p");
  note.className = "toast";
  note.dataset.tone = kind || "warn";
  const text = document.createElement("span");
  text.textContent = words;
  note.append(text);
  if (mistake?.event) note.append(undoOf(mistake));
  document.getElementById("toasts").replaceChildren(note);
  window.htmx.process(note);
  fade(note);
}

// What a tap said can be taken back for a while, as what a finger did can.
function undoOf({ visit, event }) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/undo";
  for (const [name, value] of Object.entries({ visit, event })) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    form.append(field);
  }
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = document.body.dataset.wordsUndo;
  form.append(button);
  return form;
}

function fade(note) {
  setTimeout(() => note.remove(), TOAST_MS);
}

// What the last screen had to say is of no use on the next one; what can be taken back is.
function forget() {
  const note = document.querySelector("#toasts > .toast");
  if (!note?.querySelector("form")) note?.remove();
}

function said(message) {
  if (message.tone) tone(message.tone);
  if (message.words) toast(message.words, message.tone, message);
}

let rungAt = -Infinity;

function ring(words) {
  if (!words) rungAt = -Infinity;
  if (!words || performance.now() - rungAt < RING_MS) return;
  rungAt = performance.now();
  said({ tone: "request", words });
}

// After every swap: what the new screen has to say, and where the keyboard is. It is heard once: a
// reload and a screen that draws itself anew bring no news.
function arrived(isNews) {
  if (isNews) forget();
  const note = document.querySelector("#frame .toast, #frame [role=alert], #frame .note[data-tone]");
  if (note) {
    if (isNews) tone(note.dataset.tone);
    // Outside of the frame it outlives the next drawing of it.
    if (note.classList.contains("toast")) {
      document.getElementById("toasts").replaceChildren(note);
      fade(note);
    }
  }
  const first = document.querySelector("#frame [autofocus]") ?? document.getElementById(touched);
  first?.focus({ preventScroll: true });
  refreshFields();
  followCamera();
}

// What had the keyboard before a swap has it afterwards, where it is still there.
let touched = "";

async function takePicture() {
  const shutter = document.querySelector("[data-shutter]");
  shutter.disabled = true;
  const isTaken = await shoot().catch(() => false);
  await refresh(true);
  tone(isTaken ? "ok" : "error");
  if (!isTaken) toast(document.body.dataset.wordsNoPicture, "error");
  document.querySelector("[data-shutter]")?.removeAttribute("disabled");
}

function listen() {
  const stream = document.getElementById("watch");
  const on = (name, act) => {
    stream.addEventListener(name, (event) => act(JSON.parse(event.detail.data)));
  };
  const isSomebodyElse = (message) => frame().dataset.actor !== message.actor;
  on("hb", (message) => {
    document.documentElement.dataset.stream = "open";
    ring(message.news);
    // A tap led elsewhere while nobody listened.
    if (message.path && message.focus !== frame().dataset.focus) {
      go(message.path);
      return;
    }
    const isOld = message.fresh || frame().dataset.state !== message.state;
    if (isOld || isSomebodyElse(message)) refresh(isSomebodyElse(message));
  });
  on("refresh", (message) => refresh(isSomebodyElse(message)));
  on("say", (message) => {
    said(message);
    if (isSomebodyElse(message)) refresh(true);
  });
  on("go", (message) => {
    if (message.path && message.path !== location.pathname) {
      go(message.path).then(() => said(message));
      return;
    }
    // Where the tap leads to the screen that is open, drawing it anew is enough, and calmer. It is
    // said at once: of two in a row the first drawing may end last, and would have the last word.
    said(message);
    refresh(true);
  });
  for (const name of ["close", "error", "before:connection"]) {
    stream.addEventListener(`htmx:sse:${name}`, () => {
      delete document.documentElement.dataset.stream;
    });
  }
  watchAgent(stream, document.body.dataset);
}

document.addEventListener("click", (event) => {
  const key = event.target.closest?.("[data-key]");
  if (key) pressed(key);
  const code = event.target.closest?.("[data-code]");
  if (code) coded(code);
  if (event.target.closest?.("[data-shutter]")) takePicture();
  const sound = event.target.closest?.("[data-play]");
  if (sound) tone(sound.dataset.play);
});
// The field keeps the keyboard while our keys are pressed: Enter then means the form.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest?.("[data-key]")) event.preventDefault();
});
document.addEventListener("input", (event) => typed(event.target));
// A picture that was taken is sent at once, also one that was there before this script was.
function send(input) {
  if (input.files.length) input.form.requestSubmit();
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-send]")) send(event.target);
});
document.addEventListener("contextmenu", (event) => event.preventDefault());
document.addEventListener("htmx:before:swap", () => {
  touched = document.activeElement?.id ?? "";
});
document.addEventListener("htmx:after:swap", (event) => arrived(!event.detail.ctx?.isRedrawing));
document.addEventListener("htmx:error", () => toast(document.body.dataset.wordsSilent, "error"));
document.addEventListener("DOMContentLoaded", () => {
  listen();
  listenForHolding(() => toast(document.body.dataset.wordsHold));
  takeTurns();
  arrived(false);
  document.querySelectorAll("[data-send]").forEach(send);
});
