// Small conveniences of every page; each page works without them.

// What was just done is said once: not again when the page is reloaded or shared.
const url = new URL(location.href);
if (url.searchParams.has("done")) {
  url.searchParams.delete("done");
  url.searchParams.delete("n");
  history.replaceState(history.state, "", url);
}

// On a narrow screen the navigation scrolls, and where one is should be in sight.
const nav = document.querySelector("nav ul");
const current = nav?.querySelector("[aria-current]");
if (nav && current) nav.scrollLeft = current.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2;

// The menu closes like any other: with Escape, and with a click elsewhere.
const menu = document.querySelector("header .menu");
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu?.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
