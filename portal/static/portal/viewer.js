// What every page needs: the viewer's time zone, copy buttons, closing menus, switchers.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`viewer_zone=${zone}`)) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `viewer_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}

export function say(words) {
  const announcer = document.getElementById("announcer");
  if (announcer && words && announcer.textContent !== words) announcer.textContent = words;
}

// The clipboard API exists on secure origins only; elsewhere the text is selected to be copied by hand.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("[data-label]") ?? button;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = "Copied";
    say("Copied to the clipboard");
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { label.textContent = before; }, 2500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  for (const menu of document.querySelectorAll("details.topbar[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.topbar[open]");
  if (event.key === "Escape" && menu) { menu.open = false; menu.querySelector("summary").focus(); }
});

// A form that does what cannot be undone asks once more.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
}, true);

// An output beside a slider repeats its value.
document.addEventListener("input", (event) => {
  const output = document.querySelector(`output[for="${event.target.id}"]`);
  if (output) output.textContent = event.target.value;
});
