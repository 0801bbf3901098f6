// The review of a deletion, or of moving all that match, in a dialog. Without this it is a page of its own.
import { tell } from "./select.js";

const dialog = document.createElement("dialog");
dialog.setAttribute("aria-labelledby", "review-title");
document.body.append(dialog);
let busy = false;
let opener = null;

const parse = (html) => new DOMParser().parseFromString(html, "text/html");

/** Puts the parts of a fragment in place of those with the same ids; false where the page is another one now. */
export function swap(html) {
  const parsed = parse(html);
  if (!parsed.getElementById("list") || !document.getElementById("list")) return false;
  for (const id of ["result", "count", "chips", "list"]) {
    const [from, to] = [parsed.getElementById(id), document.getElementById(id)];
    if (!from || !to) continue;
    to.replaceChildren(...from.childNodes);
  }
  document.querySelectorAll("form[data-select]").forEach(tell);
  return true;
}

/** Says what went wrong, where it is read out. */
export function complain(text, place = document.getElementById("notice")) {
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  problem.textContent = text;
  place.querySelector(".problem")?.remove();
  place.prepend(problem);
}

const post = (form, submitter) =>
  fetch(submitter?.getAttribute("formaction") ?? form.getAttribute("action"), {
    method: "POST",
    headers: { "x-fragment": "1" },
    body: new URLSearchParams(new FormData(form, submitter)),
  });

const UNREACHABLE = "The server can't be reached. Nothing more was done from here; look at the list again before you repeat it.";

function open(html) {
  dialog.replaceChildren(...parse(html).body.childNodes);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("#review-title")?.focus();
}

async function review(form, submitter) {
  opener = submitter;
  try {
    const response = await post(form, submitter);
    const text = await response.text();
    if (response.ok) open(text);
    else complain(text);
  } catch {
    complain("The server can't be reached. Try again.");
  }
}

async function sure(form, submitter) {
  if (busy) return;
  busy = true;
  const buttons = dialog.querySelectorAll("button, a.button, input");
  // The body first: what is disabled is not sent.
  const sent = post(form, submitter);
  buttons.forEach((button) => button.toggleAttribute("disabled", true));
  const slow = setTimeout(() => {
    const progress = document.createElement("div");
    progress.className = "progress";
    const bar = document.createElement("progress");
    const label = document.createElement("p");
    label.setAttribute("role", "status");
    label.textContent = "This takes a moment when there is much of it.";
    bar.setAttribute("aria-label", "In progress");
    progress.append(bar, label);
    dialog.append(progress);
  }, 500);
  try {
    const response = await sent;
    const text = await response.text();
    if (response.ok) return done(response, text);
    if (response.status === 409) return open(text);
    // It is done, and only the page after it could not be shown.
    if (response.redirected) return location.assign(response.url);
    complain(text, dialog);
  } catch {
    complain(UNREACHABLE, dialog);
  } finally {
    clearTimeout(slow);
    busy = false;
    dialog.querySelector(".progress")?.remove();
    buttons.forEach((button) => button.removeAttribute("disabled"));
  }
}

function done(response, text) {
  const url = new URL(response.url);
  // What was deleted is told by its receipt, everything else by the page itself.
  if (url.pathname !== location.pathname || !url.searchParams.has("deleted") || !swap(text)) {
    location.assign(response.url);
    return;
  }
  url.searchParams.delete("deleted");
  history.replaceState(history.state, "", url);
  dialog.close();
  const result = document.getElementById("result");
  result.focus();
  result.scrollIntoView({ block: "nearest" });
}

const isReviewed = (form, submitter) =>
  !submitter?.hasAttribute("formaction") || (submitter.hasAttribute("data-review-all") && form.elements.all?.checked);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (dialog.contains(form)) {
    event.preventDefault();
    sure(form, event.submitter);
  } else if (form.matches("[data-review]") && isReviewed(form, event.submitter)) {
    event.preventDefault();
    review(form, event.submitter);
  }
});

dialog.addEventListener("click", (event) => {
  if (!event.target.closest("[data-cancel]")) return;
  event.preventDefault();
  if (!busy) dialog.close();
});
dialog.addEventListener("cancel", (event) => {
  if (busy) event.preventDefault();
});
dialog.addEventListener("close", () => {
  if (opener?.isConnected) opener.focus();
});
