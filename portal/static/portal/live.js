// Pages that htmx polls: announce what changed, rest while nobody looks, say when the line is down.

import { say } from "./viewer.js";

document.addEventListener("htmx:beforeRequest", (event) => {
  const polled = event.detail.elt.hasAttribute("data-polled");
  if (polled && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:afterSettle", () => {
  const live = document.querySelector("[data-announce]");
  if (live) say(live.dataset.announce);
  setOffline(false);
});

function setOffline(offline) {
  const notice = document.getElementById("offline");
  if (notice) notice.hidden = !offline;
}

for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(failure, () => setOffline(true));
}
