// The command `doctor`: what is here, and whether it computes right.

import type { Command } from 'commander';
import { diagnostics } from '../../tensor/device.js';
import { selfCheck } from '../self-check.js';
import { table } from '../../table.js';
import { EXIT, print, printJson } from '../output.js';

/** `doctor`: what is here, why CUDA is or is not used, and whether it computes right. */
export function addDoctor(program: Command): Command {
  return program
    .command('doctor')
    .description('show the binary, the devices and why they are used, and run a short self-check')
    .option('--json', 'one JSON object')
    .action(async ({ json }: { json?: boolean }) => {
      const found = diagnostics();
      const checks = await selfCheck();
      if (checks.some((check) => !check.ok)) process.exitCode = EXIT.failed;
      if (json === true) return printJson({ ...found, checks });
      const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
      const rows: readonly (readonly [string, string])[] = [
        ['node', found.node],
        ['platform', found.platform],
        ['binary', found.binary.file],
        ['built', `contract ${found.binary.contract.slice(0, 12)}, ${found.binary.ops} ops, compiler ${found.binary.compiler}`],
        ['kernels', `${found.binary.simd}, ${found.binary.threads} threads`],
        ...found.devices.map(({ id, name, memory: { free, total } }) => (
          [id, `${name}, ${gigabytes(free)} free of ${gigabytes(total)}`] as const
        )),
        ['cuda', found.cuda],
        ...checks.map((check) => [check.name, `${check.device} ${check.ok ? 'ok' : `FAILED: ${check.detail}`}`] as const),
      ];
      print(table(rows, 2));
    });
}
