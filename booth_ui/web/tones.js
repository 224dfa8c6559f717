// Short tones, made here so that no file has to load. Always beside words, never instead.
const TONES = {
  ok: [[880, 0, 0.08]],
  warn: [[520, 0, 0.12]],
  request: [
    [660, 0, 0.16],
    [880, 0.2, 0.28],
  ],
  error: [
    [220, 0, 0.12],
    [220, 0.2, 0.12],
  ],
};
const VOLUMES = { off: 0, low: 0.06, high: 0.25 };

let context;

export function tone(name) {
  const notes = TONES[name];
  const volume = VOLUMES[document.getElementById("frame").dataset.volume];
  if (!notes || !volume || !window.AudioContext) return;
  // The kiosk may play without a gesture; elsewhere the first touch wakes the sound.
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => undefined);
  for (const [pitch, after, length] of notes) {
    play(pitch, context.currentTime + after, length, volume);
  }
}

function play(pitch, at, length, volume) {
  const source = context.createOscillator();
  const level = context.createGain();
  source.frequency.value = pitch;
  level.gain.setValueAtTime(volume, at);
  level.gain.exponentialRampToValueAtTime(0.001, at + length);
  source.connect(level).connect(context.destination);
  source.start(at);
  source.stop(at + length);
}
