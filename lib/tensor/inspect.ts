/** What `console.log` shows of a tensor: its values as nested rows, the first of them where there are many. */
import { inspect, type InspectOptions } from 'node:util';
import { native, type Storage } from '../native.js';
import { viewAs, type DType } from './dtype.js';

/** What of a tensor is looked at. */
interface Shown {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly size: number;
  readonly storage: Storage;
}

const MOST_SHOWN = 1000;
const FEW = 20;

/** `values`, in order, nested as a tensor of this shape. */
function nested(values: readonly number[], shape: readonly number[]): unknown {
  if (shape.length === 0) return values[0];
  const rest = shape.slice(1);
  const size = rest.reduce((product, side) => product * side, 1);
  return Array.from({ length: shape[0]! }, (_, i) => nested(values.slice(i * size, (i + 1) * size), rest));
}

function firstValues({ dtype, size, storage }: Shown, count: number): number[] {
  if (count === size) return [...viewAs<DType>(dtype, native().readSync(storage))];
  const part = native().slice(storage, 0, count);
  try {
    return [...viewAs<DType>(dtype, native().readSync(part))];
  } finally {
    native().release(part);
  }
}

/** `head` with the values behind it; alone where they cannot be read now. */
export function shownWithValues(head: string, x: Shown, options: InspectOptions): string {
  const shown = (value: unknown): string => inspect(value, { ...options, depth: null });
  try {
    if (x.size <= MOST_SHOWN) return `${head} ${shown(nested(firstValues(x, x.size), x.shape))}`;
    return `${head} ${shown(firstValues(x, FEW)).replace(/\s*\]$/, '')}, … ${x.size - FEW} more ]`;
  } catch {
    return head; // while a session is recorded nothing can be read, and printing is no reason to fail
  }
}
