// A button beside whatever is there to be copied. Without script it is selected by hand.

const notice = document.getElementById("notice");

/** Copies by the clipboard or, where a page over plain http may not use it, by selecting. */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}

/** Says aloud what was done; the button shows it. */
function say(text) {
  const line = document.createElement("p");
  line.className = "visually-hidden";
  line.textContent = text;
  notice.replaceChildren(line);
}

for (const box of document.querySelectorAll(".copy")) {
  const code = box.querySelector("code");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet small";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const done = await copy(code);
    button.textContent = done ? "Copied" : "Selected";
    say(done ? "Copied." : "Selected. Copy it with the keyboard.");
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  box.append(button);
}

// What is shown once is no place to come back to: reloading leads away from it. The address
// is not that of the link there, which would only jump within this page.
const once = document.querySelector("[data-once]");
if (once) history.replaceState(history.state, "", once.dataset.once);

// A link to the steps of one client opens them.
const asked = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
if (asked instanceof HTMLDetailsElement) asked.open = true;
