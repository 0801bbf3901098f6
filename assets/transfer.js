// Files are sent one after another, and the page follows each until it is read.
// Without this the form sends them all, and the page is loaded again to see more.
const form = document.querySelector("form.drop");
const list = document.querySelector("#imports");
const notice = document.querySelector("#notice");
const LOOK = 1000;
const AGAIN = 5000;
// What the server takes at once.
const AT_ONCE = 4;

function say(text) {
  const line = document.createElement("p");
  line.className = "notice";
  line.textContent = text;
  notice.replaceChildren(line);
}

// A part of a page that this server rendered.
function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("article");
}

function duration(seconds) {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return minutes === 1 ? "about a minute" : `about ${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? "about an hour" : `about ${hours} hours`;
}

// Time left, by the speed since this page first saw it.
function estimate(seen, read, total) {
  const gone = (performance.now() - seen.at) / 1000;
  const more = read - seen.read;
  if (total <= 0 || more <= 0 || gone < 2) return "";
  return `, ${duration(((total - read) * gone) / more)} left`;
}

function follow(card) {
  const { id } = card;
  const seen = { at: performance.now(), read: Number(card.dataset.read) };
  card.querySelector("form")?.addEventListener("submit", cancel);
  const look = async () => {
    const old = document.getElementById(id);
    // It may be gone, or over because somebody cancelled it here.
    if (!old || !("live" in old.dataset)) return;
    let fresh = null;
    try {
      const answer = await fetch(`/transfer/${id}`, { headers: { "x-fragment": "1" } });
      if (answer.ok) fresh = parse(await answer.text());
      else if (answer.status === 401 || answer.status === 404) return say(await answer.text());
    } catch {
      // The server is away; it is asked again later.
    }
    if (!fresh) return setTimeout(look, AGAIN);
    if (!("live" in fresh.dataset)) return over(old, fresh);
    const { read, total } = fresh.dataset;
    fresh.querySelector(".left").textContent = estimate(seen, Number(read), Number(total));
    // The button that someone may be about to press stays.
    for (const part of ["progress", ".row.spread", ".facts", "progress + p"]) {
      const [from, to] = [fresh.querySelector(part), old.querySelector(part)];
      if (from && to) to.replaceWith(from);
    }
    setTimeout(look, LOOK);
  };
  setTimeout(look, LOOK);
}

function over(old, fresh) {
  const had = old.contains(document.activeElement);
  old.replaceWith(fresh);
  if (had) fresh.querySelector("a").focus();
  const name = fresh.querySelector("h3").textContent.trim();
  const state = fresh.querySelector(".chip").textContent.trim().toLowerCase();
  say(`${name}: ${state}.`);
}

async function cancel(event) {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  const old = event.target.closest("article");
  try {
    const answer = await fetch("/transfer/cancel", { method: "POST", body, headers: { "x-fragment": "1" } });
    if (!answer.ok) return say(await answer.text());
    over(old, parse(await answer.text()));
  } catch {
    say("The server can't be reached. Try again.");
  }
}

const waiting = [];
let isSending = false;

function add(files) {
  document.querySelector("#none")?.remove();
  for (const file of files) {
    const card = document.querySelector("#sending").content.cloneNode(true).querySelector("article");
    card.querySelector("h3").textContent = file.name;
    card.querySelector("progress").setAttribute("aria-label", `Progress of ${file.name}`);
    card.querySelector(".said").textContent = "Waits for those before it";
    list.prepend(card);
    const job = { file, card, isOff: false, request: null };
    card.querySelector("button").addEventListener("click", () => {
      job.isOff = true;
      job.request?.abort();
      card.remove();
    });
    waiting.push(job);
  }
  send();
}

function fail(job, text) {
  const line = document.createElement("p");
  line.className = "problem";
  line.setAttribute("role", "alert");
  line.textContent = text;
  job.card.querySelector("progress").replaceWith(line);
  job.card.querySelector(".said").textContent = "";
  job.card.querySelector(".chip").textContent = "Not taken";
  job.card.querySelector("button").textContent = "Remove from this list";
}

function send() {
  if (isSending) return;
  // No more at once than the server takes.
  if (list.querySelectorAll("[data-live]").length >= AT_ONCE) {
    if (waiting.length > 0) setTimeout(send, LOOK);
    return;
  }
  const job = waiting.shift();
  if (!job) return;
  if (job.isOff) return send();
  isSending = true;
  const body = new FormData();
  // The token comes first, so that nothing is stored without it.
  body.append("csrf", form.querySelector("[name=csrf]").value);
  body.append("file", job.file, job.file.name);
  const request = new XMLHttpRequest();
  job.request = request;
  const begun = { at: performance.now(), read: 0 };
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const percent = Math.floor((loaded * 100) / total);
    job.card.querySelector("progress").value = percent;
    job.card.querySelector(".said").textContent = `${percent} % sent${estimate(begun, loaded, total)}`;
  });
  request.addEventListener("loadend", () => {
    isSending = false;
    if (!job.isOff) {
      const card = request.status === 200 ? parse(request.responseText) : null;
      if (card) {
        job.card.replaceWith(card);
        follow(card);
      } else {
        fail(job, request.status === 0 ? "The connection broke off. Choose the file again." : request.responseText);
      }
    }
    send();
  });
  request.open("POST", form.action);
  request.setRequestHeader("x-fragment", "1");
  request.send(body);
}

for (const card of document.querySelectorAll("[data-live]")) follow(card);

if (form) {
  const input = form.querySelector("[type=file]");
  form.querySelector(".with-script").hidden = false;
  form.querySelector("button").hidden = true;
  const choose = () => {
    add([...input.files]);
    input.value = "";
  };
  input.addEventListener("change", choose);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    choose();
  });
  const over = (is) => (event) => {
    event.preventDefault();
    form.classList.toggle("over", is);
  };
  form.addEventListener("dragover", over(true));
  form.addEventListener("dragleave", over(false));
  form.addEventListener("drop", (event) => {
    over(false)(event);
    add([...event.dataTransfer.files]);
  });
  addEventListener("beforeunload", (event) => {
    if (isSending || waiting.length > 0) event.preventDefault();
  });
}
