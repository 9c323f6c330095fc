// Source and result side by side: the result leads, the source follows it, muted unless chosen.

import { Screen } from "./screen.js";

const DRIFT_SECONDS = 0.06; // a frame and a half at 25 frames a second; less is not seen

function clock(seconds) {
  const whole = Math.max(0, seconds || 0);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${(whole % 60).toFixed(1).padStart(4, "0")}`;
}

class Pair {
  constructor(stage) {
    this.source = stage.querySelector('[data-player="source"]');
    this.result = stage.querySelector('[data-player="result"]');
    this.panel = stage.querySelector("[data-transport]");
    this.seek = this.panel.querySelector("[data-seek]");
    this.time = this.panel.querySelector("[data-time]");
    this.button = this.panel.querySelector('[data-do="toggle"]');
    this.frame = 1 / (Number(stage.dataset.frameRate) || 25);
    for (const video of [this.source, this.result]) video.controls = false;
    this.panel.hidden = false;
    this.listen();
    this.hear("result");
    this.show();
    new Screen(this.source, () => {});
    new Screen(this.result, () => this.part());
  }

  /** Without a result to lead, the source is on its own. */
  part() {
    this.panel.hidden = true;
    this.source.controls = true;
  }

  listen() {
    this.panel.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) this[action]();
    });
    this.seek.addEventListener("input", () => this.jump(Number(this.seek.value)));
    this.panel.addEventListener("change", (event) => {
      if (event.target.name === "hear") this.hear(event.target.value);
    });
    for (const video of [this.source, this.result]) video.addEventListener("click", () => this.toggle());
    for (const name of ["timeupdate", "loadedmetadata", "durationchange", "seeked"]) {
      this.result.addEventListener(name, () => this.show());
    }
    for (const name of ["play", "pause", "ended"]) this.result.addEventListener(name, () => this.follow());
  }

  toggle() { this.result.paused ? this.result.play().catch(() => {}) : this.result.pause(); }
  back() { this.jump(this.result.currentTime - this.frame); }
  forward() { this.jump(this.result.currentTime + this.frame); }
  start() { this.jump(0); }
  loop() {
    this.result.loop = !this.result.loop;
    this.panel.querySelector('[data-do="loop"]').setAttribute("aria-pressed", this.result.loop);
  }

  jump(seconds) {
    this.result.pause();
    this.result.currentTime = Math.min(Math.max(0, seconds), this.result.duration || 0);
    this.align();
    this.show();
  }

  hear(which) {
    this.source.muted = which !== "source";
    this.result.muted = which !== "result";
  }

  align() {
    const end = Math.max(0, (this.source.duration || 0) - 0.04);
    const wanted = Math.min(this.result.currentTime, end);
    if (Math.abs(this.source.currentTime - wanted) > DRIFT_SECONDS / (this.result.paused ? 6 : 1)) {
      this.source.currentTime = wanted;
    }
  }

  follow() {
    this.align();
    if (this.result.paused) this.source.pause();
    else this.source.play().catch(() => {});
    this.show();
  }

  show() {
    const { currentTime, duration, paused } = this.result;
    if (!paused) this.align();
    this.seek.max = duration || 0;
    this.seek.value = currentTime;
    this.seek.setAttribute("aria-valuetext", `${currentTime.toFixed(1)} seconds`);
    this.time.textContent = `${clock(currentTime)} / ${clock(duration)}`;
    this.button.setAttribute("aria-label", paused ? "Play both" : "Pause both");
    this.button.querySelector('[data-icon="play"]').toggleAttribute("hidden", !paused);
    this.button.querySelector('[data-icon="pause"]').toggleAttribute("hidden", paused);
  }
}

function attach() {
  for (const stage of document.querySelectorAll("[data-pair]:not([data-attached])")) {
    stage.dataset.attached = "";
    new Pair(stage);
  }
}

attach();
document.addEventListener("htmx:afterSettle", attach);
