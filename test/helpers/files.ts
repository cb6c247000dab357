// Temporary folders that go away with the test, and raw safetensors bytes put together by hand.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { MgError } from '../../lib/errors.js';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder, removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mg-test-'));
  folders.push(folder);
  return folder;
}

/** A safetensors file from its parts: the length defaults to that of the header. */
export function rawFile(header: string | Uint8Array, body: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const json = Buffer.from(header as Uint8Array);
  const first = Buffer.alloc(8);
  first.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([first, json, body]);
}

/** The MgError that `action` ends with; anything else fails the test. */
export async function errorOf(action: () => unknown): Promise<MgError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof MgError) return error;
    throw error;
  }
  throw new Error('expected an MgError, got none');
}
