/** Sentinel's API, typed by its contract: `api` has every route; the methods are what most callers want. */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

export type Submission = components["schemas"]["Submission"];
export type Job = components["schemas"]["Job"];
export type Language = components["schemas"]["Language"];
type Fault = components["schemas"]["Error"];

/** What the service refused, in its own words. */
export class SentinelError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The part of the request that is at fault. */
    readonly field: string | null,
    /** Seconds after which it is worth another try. */
    readonly retryAfter: number | null,
  ) {
    super(message);
    this.name = "SentinelError";
  }
}

export interface Options {
  /** An API key. */
  token?: string;
  fetch?: (request: Request) => Promise<Response>;
}

const FINAL: readonly string[] = ["completed", "failed", "cancelled", "expired", "success", "error", "timeout"];
const WAIT_S = 20;

/** The answer's data, or the refusal thrown. */
function unwrap<T>(answer: { data?: T; error?: Fault; response: Response }): T {
  if (answer.data !== undefined) return answer.data;
  const { status, headers } = answer.response;
  const { code, message, field } = answer.error?.error ?? { code: "bad_answer", message: `HTTP ${status}`, field: null };
  const retryAfter = headers.get("retry-after");
  throw new SentinelError(status, code, message, field, retryAfter === null ? null : Number(retryAfter));
}

export class Sentinel {
  readonly api: Client<paths>;

  constructor(baseUrl: string, options: Options = {}) {
    const headers = options.token ? { Authorization: `Bearer ${options.token}` } : {};
    this.api = createClient<paths>({ baseUrl, headers, fetch: options.fetch });
  }

  /** The job's id. With the same key a repeat is harmless. */
  async submit(submission: Submission, idempotencyKey?: string): Promise<string> {
    const header = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
    return unwrap(await this.api.POST("/execute", { body: submission, params: { header } })).id;
  }

  /** The job as it is, or as it is once it has ended or `wait` seconds are over. */
  async job(id: string, wait = 0): Promise<Job> {
    return unwrap(await this.api.GET("/job/{id}", { params: { path: { id }, query: { wait } } }));
  }

  /** The job once it has ended, whatever its end. */
  async finished(id: string): Promise<Job> {
    for (;;) {
      const job = await this.job(id, WAIT_S);
      if (FINAL.includes(job.status)) return job;
    }
  }

  async run(submission: Submission): Promise<Job> {
    return this.finished(await this.submit(submission));
  }

  async cancel(id: string): Promise<void> {
    unwrap(await this.api.DELETE("/job/{id}", { params: { path: { id } } }));
  }

  async languages(): Promise<Language[]> {
    return unwrap(await this.api.GET("/languages")).languages;
  }
}
