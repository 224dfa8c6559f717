// Passkeys: the page's form asks the server what the device is to sign, the device asks its owner,
// and what it answers goes to the server with the form. Without a script, or in a browser without
// passkeys, nothing of it is shown.

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const known = (list) => list.map((each) => ({ ...each, id: bytes(each.id) }));

function asked(kind, options) {
  const challenge = bytes(options.challenge);
  if (kind === "get") {
    const allowCredentials = known(options.allowCredentials);
    return navigator.credentials.get({ publicKey: { ...options, challenge, allowCredentials } });
  }
  const user = { ...options.user, id: bytes(options.user.id) };
  const excludeCredentials = known(options.excludeCredentials);
  return navigator.credentials.create({
    publicKey: { ...options, challenge, user, excludeCredentials },
  });
}

function answered({ id, rawId, type, response }) {
  const said = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (response[part]) said[part] = text(response[part]);
  return JSON.stringify({ id, rawId: text(rawId), type, response: said });
}

async function go(part, form) {
  const sent = { method: "POST", body: new URLSearchParams(new FormData(form)) };
  const reply = await fetch(part.dataset.options, sent);
  const options = await reply.json();
  if (!reply.ok) throw new Error(options.problem);
  let credential;
  try {
    credential = await asked(part.dataset.passkey, options);
  } catch {
    // Given up by its owner, or nothing here fits: browsers do not say which.
    throw new Error(part.dataset.failed);
  }
  form.elements.answer.value = answered(credential);
  if (form.elements.password) form.elements.password.value = "";
  form.submit();
}

for (const part of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  const form = part.querySelector("form");
  const trouble = part.querySelector("[role=alert]");
  part.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    trouble.hidden = true;
    go(part, form).catch((fault) => {
      button.disabled = false;
      trouble.textContent = fault instanceof SyntaxError ? part.dataset.failed : fault.message;
      trouble.hidden = false;
    });
  });
}
