/** What is used of WebAssembly's JavaScript interface; TypeScript has its types among the DOM's, which core does without. */
interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<object>;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
  Memory: new (limits: { initial: number; maximum?: number }) => { buffer: ArrayBuffer; grow(pages: number): number };
}

export const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
