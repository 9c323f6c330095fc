// One player: fetches a fresh address when its own has run out, and says so when it can't be shown.

const ONCE_IN_MS = 60_000; // addresses last for minutes: what fails sooner is not mended by another

export class Screen {
  /** gone: called when this browser can't show the film. */
  constructor(video, gone) {
    this.video = video;
    this.gone = gone;
    this.renewed = -ONCE_IN_MS;
    video.addEventListener("error", () => this.failed());
    video.addEventListener("loadedmetadata", () => this.look());
    if (video.error) this.failed();
    else if (video.readyState) this.look();
  }

  /** A format without a decoder: some browsers refuse it, others play the sound alone. */
  look() {
    if (!this.video.videoWidth) this.cannot();
  }

  /** Before its first bytes a film whose address ran out looks like one that can't be decoded. */
  failed() {
    const now = performance.now();
    if (now - this.renewed < ONCE_IN_MS) return this.cannot();
    this.renewed = now;
    this.renew().catch(() => this.cannot());
  }

  /** Goes on where it stood, with the address that this page would have if it were loaded now. */
  async renew() {
    const { currentTime, paused, dataset } = this.video;
    const answer = await fetch(location.href);
    if (answer.redirected) return location.reload(); // to the sign-in, for the session has ended as well
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    this.video.src = page.querySelector(`[data-player="${dataset.player}"]`).getAttribute("src");
    this.video.currentTime = currentTime;
    if (!paused) this.video.play().catch(() => {});
  }

  cannot() {
    this.video.closest("figure").querySelector("[data-cannot]").hidden = false;
    this.gone();
  }
}
