// Finds what a person would call by a role and a name, as assistive technology has
// them: arguments are the role, the name or null for any, and the element within
// which to look, or null. Answers the visible ones in document order.

const ROLES = {
  button: "button, summary, [role=button], input[type=submit], input[type=button]",
  link: "a[href]",
  field: "input:not([type=hidden], [type=checkbox], [type=radio], [type=submit]), textarea, select, [role=combobox]",
  checkbox: "input[type=checkbox], [role=checkbox]",
  radio: "input[type=radio], [role=radio]",
  heading: "h1, h2, h3, h4, h5, h6",
  dialog: "dialog[open], [role=dialog], [role=alertdialog]",
  row: "tbody tr, [role=row]",
  item: "li, [role=listitem]",
  region: "section, [role=region]",
  navigation: "nav",
  article: "article",
  option: "option, [role=option]",
  alert: "[role=alert]",
  progress: "progress, [role=progressbar]",
};

const text = (element) => element.textContent.replace(/\s+/g, " ").trim();

function name(element, role) {
  const labelled = element.getAttribute("aria-labelledby");
  if (labelled) return labelled.split(/\s+/).map((id) => text(document.getElementById(id))).join(" ");
  const label = element.getAttribute("aria-label");
  if (label) return label.trim();
  if (element.labels?.length) return [...element.labels].map(text).join(" ");
  if (element.matches("input[type=submit], input[type=button]")) return element.value;
  if (["field", "checkbox", "radio", "region", "navigation", "dialog", "article"].includes(role)) return element.title;
  const images = [...element.querySelectorAll("img[alt]")].map((image) => image.alt).join(" ");
  return `${text(element)} ${images}`.trim() || element.title;
}

function isVisible(element) {
  // A file is chosen through a label, and its input may be out of sight.
  if (element.type === "file") return true;
  return element.checkVisibility({ visibilityProperty: true }) && !element.closest("[inert]");
}

const [role, wanted, within] = arguments;
const fold = (words) => words.replace(/\s+/g, " ").trim().toLowerCase();
const candidates = [...(within ?? document).querySelectorAll(ROLES[role])].filter(isVisible);
// Behind an open modal dialog nothing can be used.
const modal = document.querySelector("dialog:modal");
const usable = modal && !within ? candidates.filter((one) => modal.contains(one) || one === modal) : candidates;
if (wanted === null) return usable;
const exact = usable.filter((element) => fold(name(element, role)) === fold(wanted));
return exact.length ? exact : usable.filter((element) => fold(name(element, role)).startsWith(fold(wanted)));
