// Every hostile file is stopped by its own rule, and the message names file and rule.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode, inspectTensors, readTensors } from '../../lib/files/safetensors.js';
import type { MgError } from '../../lib/errors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';
import { shown } from '../helpers/promises.js';
import { ATTACKS } from './attacks.js';

const BODY_RULES = ['body-hash']; // inspectTensors reads the header only

/** Processor time of the longest refusal, in ms. */
let longest = 0;
async function refusalOf(read: () => unknown): Promise<MgError> {
  const began = process.cpuUsage();
  const error = await errorOf(read);
  const { user, system } = process.cpuUsage(began);
  longest = Math.max(longest, (user + system) / 1000);
  return error;
}

describe('a hostile checkpoint is refused by its own rule', () => {
  const folder = temporaryFolder();

  it.each(ATTACKS)('$name: $rule', async ({ rule, bytes }) => {
    const file = join(folder, 'attack.safetensors');
    const content = bytes();
    writeFileSync(file, content);
    const readers = [() => readTensors(file), ...(BODY_RULES.includes(rule) ? [] : [() => inspectTensors(file)])];
    for (const read of readers) {
      const error = await refusalOf(read);
      expect(error.code).toBe('ERR_MG_CHECKPOINT');
      expect(error.message).toContain(`(rule ${rule})`);
      expect(error.message.startsWith(`${file}: `)).toBe(true);
      expect(error.message.length).toBeLessThan(600);
    }
    expect((await errorOf(() => decode(content))).message).toContain(`(rule ${rule})`);
  });

  it('there are attacks enough, and no two have one name', () => {
    expect(ATTACKS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(ATTACKS.map(({ name }) => name)).size).toBe(ATTACKS.length);
    shown('F3', ATTACKS.length, `each file by its own rule; the longest refusal took ${longest.toFixed(1)} ms of processor time`);
  });

  it('messages name the offending key', async () => {
    const gap = ATTACKS.find(({ name }) => name === 'a gap between two arrays');
    const error = await errorOf(() => decode(gap?.bytes() ?? new Uint8Array(0), 'run/x.safetensors'));
    expect(error.message).toBe('run/x.safetensors: "b": expected data that begins at byte 4 (rule offsets-gap), got 8');
  });
});
