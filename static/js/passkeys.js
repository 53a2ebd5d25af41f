/* Passkeys: before a form with data-passkey is sent, the browser makes one ("create") or signs with one ("get"), and what
   came of it goes into the form's field "credential". What to make or sign stands in the page, or is fetched. */

import { word } from "./words.js";

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const WRITTEN = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

/** What the server says, with bytes where it had to write text. */
function read({ publicKey }) {
  const named = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));
  return {
    ...publicKey,
    challenge: bytes(publicKey.challenge),
    ...(publicKey.user && { user: { ...publicKey.user, id: bytes(publicKey.user.id) } }),
    ...(publicKey.excludeCredentials && { excludeCredentials: named(publicKey.excludeCredentials) }),
    ...(publicKey.allowCredentials && { allowCredentials: named(publicKey.allowCredentials) }),
  };
}

/** What the browser made, with text where it has bytes. */
function write(credential) {
  const { response } = credential;
  const said = WRITTEN.filter((name) => response[name]).map((name) => [name, text(response[name])]);
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: Object.fromEntries(said),
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

async function options(form) {
  const { optionsFrom, optionsIn } = form.dataset;
  if (optionsIn) return JSON.parse(document.getElementById(optionsIn).textContent);
  const answer = await fetch(optionsFrom, { headers: { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()).request_options;
}

async function perform(form) {
  const publicKey = read(await options(form));
  if (form.dataset.passkey === "get") return navigator.credentials.get({ publicKey });
  const alone = form.elements.passwordless?.checked ?? false;
  publicKey.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
    ...(alone && { userVerification: "required" }),
  };
  return navigator.credentials.create({ publicKey });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.passkey) return;
  event.preventDefault();
  const trouble = form.querySelector("[data-passkey-error]");
  const button = form.querySelector("[type=submit]");
  trouble.hidden = true;
  button.disabled = true;
  try {
    form.elements.credential.value = write(await perform(form));
    form.submit();
  } catch {
    trouble.textContent = word(window.PublicKeyCredential ? "passkeyFailed" : "passkeyMissing");
    trouble.hidden = false;
    button.disabled = false;
  }
});
