/** Signals that end a command cleanly. */
import { EXIT } from './output.js';

/** The first Ctrl-C or SIGTERM ends the run after its current step and saves; the second ends the process at once. */
export function abortOnSignals(): { signal: AbortSignal; received: () => number; close: () => void } {
  const controller = new AbortController();
  let exit = 0;
  const listen = (name: NodeJS.Signals, status: number) => {
    const listener = (): void => {
      if (exit !== 0) process.exit(status);
      exit = status;
      controller.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  };
  const closers = [listen('SIGINT', EXIT.interrupted), listen('SIGTERM', 143)];
  return { signal: controller.signal, received: () => exit, close: () => closers.forEach((close) => close()) };
}
