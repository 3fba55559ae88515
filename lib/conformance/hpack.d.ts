declare module "hpack.js" {
  interface Table {
    table: { size: number };
  }
  /** Reads header blocks of HTTP/2 (RFC 7541). */
  interface Decompressor {
    write(block: Buffer): void;
    execute(): void;
    read(): { name: string; value: string } | null;
  }
  /** Writes them. */
  interface Compressor {
    write(fields: readonly { name: string; value: string; neverIndex: boolean }[]): void;
    read(): Buffer | null;
  }
  export const decompressor: { create(options: Table): Decompressor };
  export const compressor: { create(options: Table): Compressor };
}
