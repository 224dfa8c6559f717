// The screen on the pavement asks for itself anew every few seconds. What it shows stays when
// nobody answers, and says that it is old.
const EVERY_MS = 5000;
const ANSWER_MS = 4000;

async function ask() {
  try {
    const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelector(".board").replaceWith(fresh.querySelector(".board"));
  } catch {
    document.querySelector(".boardfoot").textContent = document.body.dataset.wordsOld;
  }
}

setInterval(ask, EVERY_MS);
