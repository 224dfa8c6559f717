// Notices that the agent is frozen or gone. The browser's own connection looks alive for ever when
// a process is stopped, so only the heartbeat counts.
const SILENT_AFTER_MS = 12_000;
const RELOAD_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
const ALIVE_WITHIN_MS = 2_000;

export function watchAgent(stream, words) {
  let heardAt = performance.now();
  let isAsking = false;
  const heard = () => {
    heardAt = performance.now();
    show(false, words);
  };
  for (const name of ["hb", "refresh", "say", "go"]) stream.addEventListener(name, heard);

  setInterval(async () => {
    const silent = performance.now() - heardAt;
    if (silent > SILENT_AFTER_MS) show(true, words);
    if (silent > RELOAD_AFTER_MS && !isAsking) {
      isAsking = true;
      // A reload while nobody answers would leave the browser's error page on the screen.
      if (await isAlive()) location.reload();
      isAsking = false;
    }
  }, LOOK_EVERY_MS);
}

function show(isSilent, words) {
  document.documentElement.classList.toggle("silent", isSilent);
  const label = document.querySelector("#badge .badge > span");
  if (!label) return;
  if (isSilent && label.textContent !== words.wordsFrozen) {
    label.dataset.before = label.textContent;
    label.textContent = words.wordsFrozen;
  } else if (!isSilent && label.dataset.before !== undefined) {
    label.textContent = label.dataset.before;
    delete label.dataset.before;
  }
}

async function isAlive() {
  try {
    const answer = await fetch("/alive", { signal: AbortSignal.timeout(ALIVE_WITHIN_MS) });
    return answer.ok;
  } catch {
    return false;
  }
}
