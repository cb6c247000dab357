/** Deterministic freeing: a scope owns what is made while it is the innermost one, and frees it when it ends. */
import { fail } from '../check.js';

/** Anything a scope can own. */
export interface Owned extends Disposable {
  /** @internal */
  owner: ScopeImplementation | null;
  /** Told when its scope has let go of it and no other has taken it. */
  unowned?(): void;
}

export interface Scope extends Disposable {
  /** Hands tensors over to the enclosing scope, or to the caller if there is none. */
  keep<T extends Owned | readonly Owned[]>(kept: T): T;
}

const open: ScopeImplementation[] = [];
let paused = 0;

class ScopeImplementation implements Scope {
  readonly #owned = new Set<Owned>();

  adopt(thing: Owned): void {
    this.#owned.add(thing);
    thing.owner = this;
  }

  forget(thing: Owned): void {
    this.#owned.delete(thing);
    thing.owner = null;
  }

  keep<T extends Owned | readonly Owned[]>(kept: T): T {
    const parent = open[open.indexOf(this) - 1];
    for (const thing of Array.isArray(kept) ? (kept as readonly Owned[]) : [kept as Owned]) {
      if (typeof thing?.[Symbol.dispose] !== 'function') fail('ERR_MG_ARGUMENT', 'keep', 'a tensor, or a list of them', thing);
      if (thing.owner !== this) continue;
      this.forget(thing);
      if (parent === undefined) thing.unowned?.();
      else parent.adopt(thing);
    }
    return kept;
  }

  /** Lets go of everything without freeing it. */
  release(): void {
    for (const thing of this.#owned) {
      thing.owner = null;
      thing.unowned?.();
    }
    this.#owned.clear();
  }

  [Symbol.dispose](): void {
    const at = open.indexOf(this);
    if (at >= 0) open.splice(at, 1);
    for (const thing of this.#owned) {
      thing.owner = null;
      thing[Symbol.dispose]();
    }
    this.#owned.clear();
  }
}

export type { ScopeImplementation };

/**
 * `using s = scope();` frees every tensor made since, when the block ends; `s.keep(t)` lets one live on. A scope belongs to
 * the code that runs between its opening and its end, so tensors other tasks make across an `await` are freed with it.
 */
export function scope(): Scope {
  const opened = new ScopeImplementation();
  open.push(opened);
  return opened;
}

/** Called by everything that owns native memory when it is made. */
export function adopt(thing: Owned): void {
  if (paused === 0) open.at(-1)?.adopt(thing);
}

/** Runs `fn` so that what it makes belongs to no scope. */
export function unscoped<T>(fn: () => T): T {
  paused += 1;
  try {
    return fn();
  } finally {
    paused -= 1;
  }
}

/** Runs `fn` so that what it makes belongs to no scope; if it throws, all that it made is freed. */
export function allOrNothing<T>(fn: () => T): T {
  const made = new ScopeImplementation();
  const before = paused;
  open.push(made);
  paused = 0;
  try {
    const result = fn();
    made.release();
    return result;
  } finally {
    paused = before;
    made[Symbol.dispose]();
  }
}

/** Refuses a promise: the function would still run after its frame has ended. */
export function refusePromise(where: string, result: unknown, remedy: string): void {
  if (typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function') {
    fail('ERR_MG_ARGUMENT', where, 'a function that returns at once', result, remedy);
  }
}
