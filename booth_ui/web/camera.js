// The station's own camera on the photos screen. Where there is none, or it may not be used, the
// button that chooses a file stays; the picture that comes of either goes the same way.
const WIDTH = 1600;
const HEIGHT = 1200;
const QUALITY = 0.8;

let stream;

// Called after every swap: the camera runs only while its screen is open.
export async function followCamera() {
  const preview = document.querySelector("[data-camera]");
  if (!preview) return stop();
  if (preview.srcObject) return show(true);
  try {
    stream ??= await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: WIDTH }, height: { ideal: HEIGHT } },
    });
  } catch {
    return;
  }
  // The screen may have been left while the camera woke up.
  if (!preview.isConnected) return stop();
  preview.srcObject = stream;
  await preview.play().catch(() => undefined);
  show(true);
}

// One picture of what the preview shows, sent as the form would send a file. True when taken.
export async function shoot() {
  const preview = document.querySelector("[data-camera]");
  if (!preview?.videoWidth) return false;
  const canvas = document.createElement("canvas");
  canvas.width = preview.videoWidth;
  canvas.height = preview.videoHeight;
  canvas.getContext("2d").drawImage(preview, 0, 0);
  const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  const form = document.getElementById("photoform");
  const body = new FormData(form);
  body.set("photo", new File([picture], "photo.jpg", { type: "image/jpeg" }));
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  return answer.type === "opaqueredirect";
}

function show(isRunning) {
  for (const [id, hidden] of [["preview", !isRunning], ["shutter", !isRunning], ["filebutton", isRunning]]) {
    const element = document.getElementById(id);
    if (element) element.hidden = hidden;
  }
}

function stop() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
}
