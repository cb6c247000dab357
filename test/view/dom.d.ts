/** What functions find that run in the page: as much of it as the tests name. */
interface PageElement {
  readonly textContent: string | null;
  readonly scrollWidth: number;
}
interface PageCanvas {
  getContext(kind: '2d'): {
    getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
    drawImage(image: unknown, x: number, y: number): void;
  } | null;
}
declare const document: {
  readonly body: { readonly dataset: Record<string, string | undefined> };
  readonly documentElement: PageElement;
  getElementById(id: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): { readonly length: number };
};
declare const window: object;
declare class OffscreenCanvas {
  constructor(width: number, height: number);
  readonly width: number;
  readonly height: number;
  getContext: PageCanvas['getContext'];
}
declare class ImageDecoder {
  constructor(options: { data: Uint8Array; type: string });
  readonly completed: Promise<void>;
  readonly tracks: { readonly ready: Promise<void>; readonly selectedTrack: { readonly frameCount: number } | null };
  decode(options: { frameIndex: number }): Promise<{
    readonly image: { readonly displayWidth: number; readonly displayHeight: number; readonly duration: number | null };
  }>;
}
