// What takes minutes: files on their way, imports and discoveries, one after the other; looked at until they are done.

import { Refusal, request } from './api';
import type { Work } from './types';

const PAUSE_MS = 700;
/** A server that has other features from now on starts again, which takes a moment. */
const AWAY_MS = 60_000;

class Workshop {
  last = $state.raw<Work | null>(null);
  /** How much of a file has been sent. */
  sent = $state<number | null>(null);
  trouble = $state('');
  /** Files that wait for their turn. */
  waiting = $state.raw<File[]>([]);
  busy = $derived(this.sent !== null || this.waiting.length > 0 || this.last?.state === 'running' || this.last?.state === 'sending');
  #looking = false;

  /** Looks once, and goes on while something is being done. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    let away = 0;
    try {
      for (;;) {
        try {
          this.last = (await request<{ work: Work | null }>('/v1/tasks')).work;
          away = 0;
        } catch (error) {
          // What stands between may say that it is away, too.
          const gone = error instanceof Refusal && (error.status === 0 || error.status >= 500);
          away ||= Date.now();
          if (!gone || Date.now() - away > AWAY_MS) throw error;
        }
        if (away === 0 && this.last?.state !== 'running' && this.last?.state !== 'sending') break;
        await new Promise((done) => setTimeout(done, PAUSE_MS));
      }
    } catch (error) {
      this.trouble = said(error);
    } finally {
      this.#looking = false;
    }
  }

  /** Imports files one after the other; the next waits until the one before is read. */
  async import(files: readonly File[]): Promise<void> {
    const running = this.waiting.length > 0;
    this.waiting = [...this.waiting, ...files];
    if (running) return;
    this.trouble = '';
    for (let file = this.waiting[0]; file; file = this.waiting[0]) {
      try {
        await this.#send(file);
        await this.look();
      } catch (error) {
        this.trouble = said(error);
        this.waiting = [];
        return;
      }
      this.waiting = this.last?.state === 'failed' ? [] : this.waiting.slice(1);
    }
  }

  /** Looks for personas. */
  async discover(options: Record<string, string>): Promise<void> {
    this.trouble = '';
    try {
      await request(`/v1/tasks/discover?${new URLSearchParams(options)}`, { method: 'POST' });
      await this.look();
    } catch (error) {
      this.trouble = said(error);
    }
  }

  #send(file: File): Promise<void> {
    // Only this says how much of a body has been sent.
    const sending = new XMLHttpRequest();
    this.sent = 0;
    return new Promise<void>((done, failed) => {
      sending.upload.onprogress = ({ loaded, total }) => (this.sent = total ? loaded / total : 0);
      sending.onerror = () => failed(new Refusal(0, 'unreachable', 'The server cannot be reached. Is it running, and is this machine online?'));
      sending.onload = () => {
        if (sending.status < 300) return done();
        const { code, message } = parsed(sending.responseText);
        failed(new Refusal(sending.status, code ?? 'unknown', message ?? `The server answered with status ${sending.status}.`));
      };
      sending.open('POST', `/v1/tasks/import?${new URLSearchParams({ name: file.name })}`);
      sending.setRequestHeader('x-throng-page', '1');
      sending.send(file);
    }).finally(() => (this.sent = null));
  }
}

function parsed(text: string): { code?: string; message?: string } {
  try {
    return JSON.parse(text) as { code?: string; message?: string };
  } catch {
    return {};
  }
}

const said = (error: unknown) => (error instanceof Refusal ? error.message : String(error));

export const workshop = new Workshop();
