/** Colors of the page: the ramps of the pictures, as tables of 256 bytes. */
import { MISSING, probabilityRamp, signedRamp, wallRamp, type Ramp } from '../plot/color.js';
import type { PaletteName } from './page/scene.js';

/** The byte of a value that is not there, and the highest of one that is. */
export const NOTHING = 255;
export const TOP = 254;

const RAMPS: Readonly<Record<PaletteName, Ramp>> = { wall: wallRamp, probability: probabilityRamp, signed: signedRamp };

const table = (ramp: Ramp): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => byte).reduce((colors, byte) => {
    colors.set(byte === NOTHING ? MISSING : ramp(byte / TOP), 3 * byte);
    return colors;
  }, new Uint8Array(3 * 256));

/** Red, green and blue of each byte. */
export const palettes: Readonly<Record<PaletteName, Uint8Array>> = {
  wall: table(RAMPS.wall),
  probability: table(RAMPS.probability),
  signed: table(RAMPS.signed),
};

/** The same in base64, as the page gets them. */
export const sentPalettes = Object.fromEntries(
  Object.entries(palettes).map(([name, colors]) => [name, Buffer.from(colors).toString('base64')]),
) as Readonly<Record<PaletteName, string>>;
