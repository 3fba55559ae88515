declare module "hpack.js" {
  /** Reads header blocks of HTTP/2 (RFC 7541). */
  interface Decompressor {
    write(block: Buffer): void;
    execute(): void;
    read(): { name: string; value: string } | null;
    on(event: "error", listener: (error: Error) => void): void;
  }
  export const decompressor: { create(options: { table: { size: number; maxSize?: number } }): Decompressor };
}
