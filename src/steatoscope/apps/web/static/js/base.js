// What every page does: menus that close, times in the reader's zone, forms that ask before they act.
import { moment } from "./speech.js";

function closeMenus(except = null) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details.menu[open]");
  closeMenus();
  menu?.querySelector("summary").focus();
});

for (const time of document.querySelectorAll("time[data-local]")) {
  time.textContent = moment(time.dateTime);
}

// <button data-opens="dialog-id"> opens a <dialog>; <button data-closes> inside it closes it.
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  if (event.target.closest?.("[data-closes]")) event.target.closest("dialog")?.close();
});
