// A place for one file: dropped or chosen, checked at once, shown with a preview.

const NAMES = {
  video: /\.(mp4|m4v|mov|mkv|webm|avi|ts|mts|m2ts|mpg|mpeg|3gp)$/i,
  audio: /\.(wav|mp3|m4a|aac|flac|ogg|oga|opus|wma|aif|aiff|mp4|m4v|mov|mkv|webm)$/i,
};
const KINDS = { video: ["video/"], audio: ["audio/", "video/"] };

export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  for (; size >= 1000 && place < units.length - 1; place++) size /= 1000;
  return `${place && size < 100 ? size.toFixed(1) : Math.round(size)} ${units[place]}`;
}

function complaint(file, kind, largest) {
  const fits = NAMES[kind].test(file.name) || KINDS[kind].some((start) => file.type.startsWith(start));
  if (!fits) return `"${file.name}" is not ${kind === "video" ? "a video" : "a sound file"} as far as its name and type say.`;
  if (file.size === 0) return `"${file.name}" is empty.`;
  if (file.size > largest) return `"${file.name}" has ${bytes(file.size)}; at most ${bytes(largest)} are taken.`;
  return "";
}

// No container of pictures or sound begins with text alone; a renamed page or letter does.
async function isText(file) {
  const bytes = new Uint8Array(await file.slice(0, 512).arrayBuffer());
  return bytes.every((byte) => byte > 31 ? byte !== 127 : byte > 8 && byte < 14);
}

export class Drop {
  constructor(element, largest) {
    this.element = element;
    this.kind = element.dataset.drop;
    this.largest = largest;
    this.input = element.querySelector('input[type="file"]');
    this.input.addEventListener("change", () => this.take(this.input.files[0]));
    this.part("change").addEventListener("click", () => this.input.click());
    for (const name of ["dragenter", "dragover"]) element.addEventListener(name, (event) => this.hover(event, true));
    for (const name of ["dragleave", "drop"]) element.addEventListener(name, (event) => this.hover(event, false));
    element.addEventListener("drop", (event) => this.take(event.dataTransfer.files[0]));
  }

  part(name) { return this.element.querySelector(`[data-${name}]`); }

  hover(event, over) {
    event.preventDefault();
    this.element.toggleAttribute("data-over", over);
  }

  take(file) {
    if (!file || this.locked) return;
    const wrong = complaint(file, this.kind, this.largest);
    this.file = wrong ? undefined : file;
    this.complain(wrong);
    this.show();
    this.checked = this.file && this.refuseText(file);
  }

  async refuseText(file) {
    if (!(await isText(file).catch(() => false)) || this.file !== file) return;
    this.file = undefined;
    this.complain(`"${file.name}" holds text, whatever its name says: it can be no ${this.kind === "video" ? "video" : "sound file"}.`);
    this.show();
  }

  complain(words) {
    this.part("wrong-words").textContent = words;
    this.part("wrong-words").hidden = !words;
    this.element.toggleAttribute("data-wrong", Boolean(words));
  }

  show() {
    const { file } = this;
    this.element.toggleAttribute("data-filled", Boolean(file));
    this.input.required = !file;
    this.part("empty").hidden = Boolean(file);
    this.part("picked").hidden = !file;
    this.part("transfer").hidden = true;
    if (!file) return;
    this.part("name").textContent = file.name;
    this.part("size").textContent = bytes(file.size);
    this.preview(file);
  }

  preview(file) {
    const player = document.createElement(this.kind);
    Object.assign(player, { controls: true, preload: "auto", muted: this.kind === "video", src: `${URL.createObjectURL(file)}#t=0.1` });
    player.setAttribute("aria-label", `Preview of ${file.name}`);
    player.addEventListener("loadedmetadata", () => {
      if (Number.isFinite(player.duration)) this.part("size").textContent = `${bytes(file.size)} · ${player.duration.toFixed(1)} s`;
    });
    player.addEventListener("error", () => {
      const words = document.createElement("p");
      words.className = "small muted";
      words.textContent = "Your browser can't play this format. Viseme may: the file is checked when it has arrived.";
      this.part("preview").replaceChildren(words);
    });
    this.part("preview").replaceChildren(player);
  }

  lock(locked) {
    this.locked = locked;
    this.part("change").hidden = locked;
    this.input.disabled = locked;
  }

  follow(transfer) {
    this.part("transfer").hidden = false;
    this.part("words").textContent = transfer.words;
    this.part("percent").textContent = `${transfer.percent} %`;
    this.element.querySelector("progress").value = transfer.percent;
  }
}
