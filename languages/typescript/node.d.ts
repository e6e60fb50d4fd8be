// What programs use of Node, for tsc: the usual calls with their types, the other modules as `any`.
declare type Bytes = Uint8Array;

declare interface Buffer extends Uint8Array {
  toString(encoding?: string, start?: number, end?: number): string;
  equals(other: Uint8Array): boolean;
  readonly [member: string]: any;
}
declare var Buffer: {
  from(data: string | ArrayLike<number> | ArrayBufferLike, encoding?: string): Buffer;
  alloc(size: number, fill?: string | number): Buffer;
  allocUnsafe(size: number): Buffer;
  concat(list: readonly Uint8Array[], length?: number): Buffer;
  byteLength(text: string, encoding?: string): number;
  isBuffer(value: unknown): value is Buffer;
};

declare interface Console {
  log(...data: any[]): void;
  info(...data: any[]): void;
  debug(...data: any[]): void;
  warn(...data: any[]): void;
  error(...data: any[]): void;
  trace(...data: any[]): void;
  table(data: any, columns?: string[]): void;
  dir(item: any, options?: any): void;
  assert(condition?: boolean, ...data: any[]): void;
  count(label?: string): void;
  group(...data: any[]): void;
  groupEnd(): void;
  time(label?: string): void;
  timeEnd(label?: string): void;
}
declare var console: Console;

declare interface ReadStream extends AsyncIterable<any> {
  setEncoding(encoding: string): this;
  on(event: string, listener: (...args: any[]) => void): this;
  once(event: string, listener: (...args: any[]) => void): this;
  read(size?: number): any;
  resume(): this;
  pause(): this;
  pipe<T>(to: T): T;
  readonly fd: number;
}
declare interface WriteStream {
  write(data: string | Uint8Array, ...more: any[]): boolean;
  end(data?: string | Uint8Array): void;
  on(event: string, listener: (...args: any[]) => void): this;
  once(event: string, listener: (...args: any[]) => void): this;
  readonly fd: number;
}
declare var process: {
  argv: string[];
  env: { [name: string]: string | undefined };
  exitCode: number | undefined;
  readonly pid: number;
  readonly platform: string;
  readonly version: string;
  stdin: ReadStream;
  stdout: WriteStream;
  stderr: WriteStream;
  exit(code?: number): never;
  abort(): never;
  cwd(): string;
  uptime(): number;
  nextTick(callback: (...args: any[]) => void, ...args: any[]): void;
  on(event: string, listener: (...args: any[]) => void): any;
  memoryUsage(): { rss: number; heapTotal: number; heapUsed: number; external: number };
  hrtime: { (since?: [number, number]): [number, number]; bigint(): bigint };
  kill(pid: number, signal?: string | number): true;
};

declare function require(name: string): any;
declare var module: { exports: any };
declare var exports: any;
declare var __filename: string;
declare var __dirname: string;
declare var globalThis: any;
declare var performance: { now(): number };
declare function setTimeout(callback: (...args: any[]) => void, ms?: number, ...args: any[]): any;
declare function setInterval(callback: (...args: any[]) => void, ms?: number, ...args: any[]): any;
declare function setImmediate(callback: (...args: any[]) => void, ...args: any[]): any;
declare function clearTimeout(timer: any): void;
declare function clearInterval(timer: any): void;
declare function clearImmediate(timer: any): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T): T;
declare class TextEncoder { encode(text?: string): Uint8Array; }
declare class TextDecoder { constructor(encoding?: string, options?: any); decode(data?: ArrayBufferView | ArrayBuffer): string; }
declare class URL { constructor(url: string, base?: string | URL); [member: string]: any; }

declare module "fs" {
  export function readFileSync(path: string | number, options: string | { encoding: string; flag?: string }): string;
  export function readFileSync(path: string | number): Buffer;
  export function readSync(fd: number, buffer: Uint8Array, offset?: number, length?: number, position?: number | null): number;
  export function writeFileSync(path: string | number, data: string | Uint8Array, options?: any): void;
  export function writeSync(fd: number, data: string | Uint8Array, ...more: any[]): number;
  export function appendFileSync(path: string | number, data: string | Uint8Array, options?: any): void;
  export function existsSync(path: string): boolean;
  export function openSync(path: string, flags?: string | number, mode?: number): number;
  export function closeSync(fd: number): void;
  export function unlinkSync(path: string): void;
  export function mkdirSync(path: string, options?: any): string | undefined;
  export function readdirSync(path: string): string[];
  export function statSync(path: string): any;
  export function createReadStream(path: string, options?: any): ReadStream;
  export function createWriteStream(path: string, options?: any): WriteStream;
  export const promises: any;
}
declare module "readline" {
  export interface Interface extends AsyncIterable<string> {
    on(event: "line", listener: (line: string) => void): this;
    on(event: string, listener: (...args: any[]) => void): this;
    once(event: "line", listener: (line: string) => void): this;
    once(event: string, listener: (...args: any[]) => void): this;
    question(query: string, callback: (answer: string) => void): void;
    setPrompt(prompt: string): void;
    prompt(): void;
    close(): void;
  }
  export function createInterface(options: { input: any; output?: any; terminal?: boolean; crlfDelay?: number }): Interface;
  export function createInterface(input: any, output?: any): Interface;
}
declare module "node:fs" { export * from "fs"; }
declare module "node:readline" { export * from "readline"; }
declare module "*";
