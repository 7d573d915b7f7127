/** Waiting for something that can only have happened when `wake` is called: at a message, at a line of output. */
export class Waiting {
  readonly #looks = new Set<() => void>();
  readonly #told: () => string;

  /** `told`: what came so far, for whoever waited in vain. */
  constructor(told: () => string) {
    this.#told = told;
  }

  wake(): void {
    for (const look of this.#looks) look();
  }

  /** Until `condition` holds; fails after `timeoutMs`, and as soon as `gone` says that nothing more can come. */
  async until(
    condition: () => boolean,
    what: string,
    timeoutMs = 10_000,
    gone: () => boolean = () => false,
  ): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.#looks.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (condition()) finish();
        else if (gone()) finish(new Error(`it ended before ${what}:\n${this.#told()}`));
      };
      const timer = setTimeout(
        () => finish(new Error(`waited in vain until ${what}:\n${this.#told()}`)),
        timeoutMs,
      );
      this.#looks.add(look);
    });
  }
}
