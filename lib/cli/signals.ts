/** What the system tells a command: stop, and that nobody reads any more. */
import { ignoreClosed } from '../listeners/progress.js';
import { EXIT } from './output.js';

/** The exit status of a clean stop by each signal: 128 and its number. */
const STOPS = { SIGINT: EXIT.interrupted, SIGTERM: 143, SIGHUP: 129 } as const;

/** The first of them ends the run after its current step and saves; the second ends the process at once. */
export function abortOnSignals(): { signal: AbortSignal; received: () => number; close: () => void } {
  const controller = new AbortController();
  let exit = 0;
  const listen = (name: keyof typeof STOPS): () => void => {
    const listener = (): void => {
      if (exit !== 0) process.exit(STOPS[name]);
      exit = STOPS[name];
      controller.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  };
  const closers = (Object.keys(STOPS) as (keyof typeof STOPS)[]).map(listen);
  return { signal: controller.signal, received: () => exit, close: () => closers.forEach((close) => close()) };
}

let mustGoOn = false;

/** From here on, output that nobody reads is dropped: there is more to do than to print. */
export function goOnUnread(): void {
  mustGoOn = true;
}

/** A reader that has seen enough (`… | head`) closes the pipe; that is no fault. */
export function heedPipes(): void {
  ignoreClosed(process.stderr);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (!mustGoOn) process.exit(EXIT.done);
  });
}
