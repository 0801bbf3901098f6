// Selecting many rows: all on the page, or a range with the shift key. Without
// this each row is selected by itself.
const form = document.querySelector("form.choose");
const boxes = [...(form?.querySelectorAll("input[name=id]") ?? [])];
const all = document.querySelector("#all");
const said = document.querySelector("#selected");
const buttons = form?.querySelectorAll(".bar button") ?? [];
let last = null;

function show() {
  const count = boxes.filter((box) => box.checked).length;
  all.checked = count > 0 && count === boxes.length;
  all.indeterminate = count > 0 && count < boxes.length;
  said.textContent = count === 0 ? "Nothing selected" : `${count} selected`;
  for (const button of buttons) button.disabled = count === 0;
}

if (boxes.length > 0) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const [place, box] of boxes.entries()) {
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last !== null) {
        const [from, to] = [Math.min(last, place), Math.max(last, place)];
        for (const other of boxes.slice(from, to + 1)) other.checked = box.checked;
      }
      last = place;
      show();
    });
  }
  // A page that comes back from the history may have kept its ticks.
  addEventListener("pageshow", show);
  show();
}
