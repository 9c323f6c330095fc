// The deadline's field: what the server would refuse after the upload is told before it.

const DAY = 24 * 60 * 60 * 1000;

// What a datetime-local input writes: the computer's own time, without a zone.
function local(moment) {
  return new Date(moment - new Date(moment).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export class Deadline {
  constructor(input) {
    this.input = input;
    this.days = Number(input.dataset.days);
    this.words = document.getElementById("wrong-deadline");
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) document.querySelector("[data-zone]").textContent = zone;
    input.addEventListener("focus", () => this.bound());
    input.addEventListener("change", () => this.check());
    this.bound();
  }

  bound() {
    this.input.min = local(Date.now());
    this.input.max = local(Date.now() + this.days * DAY);
  }

  complaint() {
    if (this.input.validity.badInput) return "Choose a day and a time, or leave both empty.";
    if (!this.input.value) return "";
    const moment = new Date(this.input.value).getTime();
    if (moment <= Date.now()) return "This moment has passed. Choose a later one, or leave it empty.";
    if (moment > Date.now() + this.days * DAY) return `This is more than ${this.days} days ahead. Choose an earlier moment.`;
    return "";
  }

  /** Whether it can be sent as it is; else the field is marked and says why. */
  check() {
    const wrong = this.complaint();
    this.mark(wrong);
    return !wrong;
  }

  mark(wrong) {
    this.words.textContent = wrong;
    this.words.hidden = !wrong;
    this.input.setAttribute("aria-invalid", Boolean(wrong));
    this.input.closest(".field").classList.toggle("field-wrong", Boolean(wrong));
  }

  /** What the server found wrong with it, by its own clock. */
  refuse(words) {
    this.mark(words);
    this.show();
  }

  show() {
    this.input.closest("details").open = true;
    this.input.focus();
  }
}
