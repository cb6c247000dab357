// One point of a sweep in a process of its own, so that its memory peak is its own and running out of memory ends it alone.
import { setDefaultDevice, type DeviceLike } from '../tensor/device.js';
import { measure, type Point } from './against.js';

const { point, limitBytes, device } = JSON.parse(process.argv[2]!) as { point: Point; limitBytes: number; device: DeviceLike };
const used = setDefaultDevice(device);
const measured = await measure(point, limitBytes, () => used.memory().peak);
process.stdout.write(`${JSON.stringify(measured)}\n`);
