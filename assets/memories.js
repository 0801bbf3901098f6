// The list of memories: search as you type.
import "./select.js";
import { complain, swap } from "./review.js";

const form = document.getElementById("filters");
let wait;
let under;

/** The address of what the form asks for. */
function address() {
  const url = new URL(form.getAttribute("action"), location);
  for (const [name, value] of new FormData(form)) if (value.trim()) url.searchParams.set(name, value);
  return url;
}

async function load() {
  clearTimeout(wait);
  under?.abort();
  const own = (under = new AbortController());
  const url = address();
  const list = document.getElementById("list");
  list.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { headers: { "x-fragment": "1" }, signal: own.signal });
    const text = await response.text();
    if (!response.ok) return complain(text);
    if (!swap(text)) return location.assign(url);
    document.querySelector("#notice .problem")?.remove();
    history.replaceState(history.state, "", url);
  } catch (error) {
    if (error.name === "AbortError") return;
    complain("The server can't be reached. Try again.");
  } finally {
    // Not where a newer search is under way.
    if (!own.signal.aborted) list.removeAttribute("aria-busy");
  }
}

form?.addEventListener("input", (event) => {
  clearTimeout(wait);
  wait = setTimeout(load, event.target.type === "search" || event.target.id === "source" ? 150 : 0);
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});

// What was deleted is said once: not again when the page is reloaded or shared.
const url = new URL(location.href);
if (url.searchParams.has("deleted")) {
  url.searchParams.delete("deleted");
  history.replaceState(history.state, "", url);
}
