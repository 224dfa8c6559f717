// The booth's screen. The agent renders every page and htmx swaps it in; this file adds what HTML
// cannot do: the keypad, tones, and noticing that the agent has gone quiet. Nothing is kept here:
// a reload loses nothing.
import "htmx.org";
import "htmx.org/dist/ext/hx-sse.js";

import { tone } from "./tones.js";
import { pressed, typed, refreshFields } from "./keypad.js";
import { watchAgent } from "./agent_watch.js";

const TOAST_MS = 7000;

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
      const list = document.getElementById("list");
      if (list && scrolled) list.scrollTop = scrolled;
    });
}

function toast(words, kind) {
  const note = document.createElement("p");
  note.className = "toast";
  note.dataset.tone = kind || "warn";
  const text = document.createElement("span");
  text.textContent = words;
  note.append(text);
  document.getElementById("toasts").replaceChildren(note);
  fade(note);
}

function fade(note) {
  setTimeout(() => note.remove(), TOAST_MS);
}

function said(message) {
  if (message.tone) tone(message.tone);
  if (message.words) toast(message.words, message.tone);
}

// After every swap: what the new screen has to say, and where the keyboard is.
function arrived() {
  const note = document.querySelector("#frame .toast, #frame [role=alert]");
  if (note && !note.dataset.heard) {
    note.dataset.heard = "yes";
    tone(note.dataset.tone);
    if (note.classList.contains("toast")) {
      document.getElementById("toasts").replaceChildren();
      fade(note);
    }
  }
  document.querySelector("#frame [autofocus]")?.focus({ preventScroll: true });
  refreshFields();
}

function listen() {
  const stream = document.getElementById("watch");
  const on = (name, act) => {
    stream.addEventListener(name, (event) => act(JSON.parse(event.detail.data)));
  };
  const isSomebodyElse = (message) => frame().dataset.actor !== message.actor;
  on("hb", (message) => {
    const isOld = message.fresh || frame().dataset.state !== message.state;
    if (isOld || isSomebodyElse(message)) refresh(isSomebodyElse(message));
    document.documentElement.dataset.stream = "open";
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
document.addEventListener("htmx:after:swap", arrived);
document.addEventListener("htmx:error", () => toast(document.body.dataset.wordsSilent, "error"));
document.addEventListener("DOMContentLoaded", () => {
  listen();
  arrived();
  document.querySelectorAll("[data-send]").forEach(send);
});
