// How high we are: told to a host that lets the frame grow, a while after it changed. In a frame of fixed height, and in fullscreen, we fill what there is and say nothing:
// whoever does both grows without end.

import { record, type Bridge } from "./bridge";

const SETTLED = 100;

export class SizeReports {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #told = -1;
  #most = Infinity;
  #on = false;
  readonly #bridge: Bridge;
  readonly #page: HTMLElement;

  constructor(bridge: Bridge, page: HTMLElement) {
    this.#bridge = bridge;
    this.#page = page;
    new ResizeObserver(() => this.#later()).observe(page);
  }

  /** By what the host says of the frame. */
  follow(context: Record<string, unknown>): void {
    const root = document.documentElement;
    const dimensions = record(context.containerDimensions);
    const full = context.displayMode === "fullscreen";
    const fixed = typeof dimensions.height === "number";
    const most = dimensions.maxHeight;
    this.#most = typeof most === "number" && most > 0 ? most : Infinity;
    root.setAttribute("data-height", full || fixed ? "fill" : "grow");
    root.style.setProperty("--most", this.#most === Infinity ? "none" : `${this.#most}px`);
    this.#on = !full && !fixed;
    if (this.#on) this.#later();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), SETTLED);
  }

  #tell(): void {
    if (!this.#on) return;
    const height = Math.min(Math.ceil(this.#page.getBoundingClientRect().height), this.#most);
    if (height === this.#told || height === 0) return;
    this.#told = height;
    this.#bridge.notify("ui/notifications/size-changed", { height });
  }
}
