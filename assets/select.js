// Selecting rows: ranges with Shift, all on the page, and how many are selected.
// Without this the boxes and buttons work one by one.

const boxes = (form) => [...form.querySelectorAll("input[name=id]")];
const everything = (form) => form.querySelector("input[name=all]");
let last = null;

/** Says how many are selected, and shows the box for the whole page. */
export function tell(form) {
  const all = boxes(form);
  const selected = all.filter((box) => box.checked).length;
  const total = everything(form)?.checked ? everything(form).dataset.total : selected.toLocaleString("en");
  const output = form.querySelector("output.selected");
  if (output) output.textContent = selected || everything(form)?.checked ? `${total} selected` : "";
  const page = form.querySelector("input[data-page]");
  if (page) {
    page.hidden = false;
    page.checked = all.length > 0 && selected === all.length;
    page.indeterminate = selected > 0 && selected < all.length;
  }
}

document.addEventListener("click", (event) => {
  const box = event.target;
  const form = box.form;
  if (!form?.matches("[data-select]") || box.name !== "id") return;
  const all = boxes(form);
  if (event.shiftKey && last && last !== box && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
});

// A range is no selection of text.
document.addEventListener("mousedown", (event) => {
  if (event.shiftKey && event.target.closest(".pick")) event.preventDefault();
});

document.addEventListener("change", (event) => {
  const box = event.target;
  const form = box.form;
  if (!form?.matches("[data-select]") || box.type !== "checkbox") return;
  if ("page" in box.dataset) {
    for (const one of boxes(form)) one.checked = box.checked;
    if (!box.checked && everything(form)) everything(form).checked = false;
  } else if (box.name === "all") {
    if (box.checked) for (const one of boxes(form)) one.checked = true;
  } else if (!box.checked && everything(form)) {
    everything(form).checked = false;
  }
  tell(form);
});

document.addEventListener("reset", (event) => {
  if (event.target.matches("[data-select]")) setTimeout(() => tell(event.target));
});

// A page that the browser brings back may have boxes ticked.
const tellAll = () => document.querySelectorAll("form[data-select]").forEach(tell);
tellAll();
addEventListener("pageshow", tellAll);
