import type { IncomingMessage, ServerResponse } from "node:http";
import type { FilterPlan } from "../decision/filter-plan";
import type { State } from "../policy";
import type { ExchangeRecord } from "./audit";
import { answerDoor, failedAtDoor, shedAtDoor, type DoorJudgement } from "./door";
import { InFlight } from "./in-flight";
import { sendAsked, type PlainAnswer } from "./plain-answer";

/** What a door needs of the filter around it. */
interface Around {
  plan: FilterPlan;
  state: State;
  /** False where there is too much to do. */
  enter(response: ServerResponse): boolean;
  leave(): void;
  /** `reported`: how it ends is told later, and counted then. */
  note(record: ExchangeRecord, reported?: boolean): void;
  fault(error: unknown): void;
}

interface Waiting {
  response: ServerResponse;
  sinceMs: number;
}

/** Answers what proxies ask at the door, each question once and in time. */
export class DoorServer {
  readonly #waiting = new InFlight<Waiting>();
  readonly #answers: { response: ServerResponse; answer: PlainAnswer }[] = [];
  readonly #watch: NodeJS.Timeout;

  constructor(
    private readonly around: Around,
    private readonly patienceMs: number,
  ) {
    const refuseLate = (): void => {
      this.#refuseLate();
    };
    this.#watch = setInterval(refuseLate, Math.min(100, patienceMs)).unref();
  }

  /** An exception anywhere is one refused request, never an allowed one. */
  answer(message: IncomingMessage, response: ServerResponse): void {
    const { around } = this;
    if (!around.enter(response)) {
      sendAsked(response, shedAtDoor(message));
      return;
    }
    try {
      const judged = answerDoor(around.plan, around.state, message);
      if (judged instanceof Promise) this.#wait(response, judged);
      else this.#conclude(response, judged);
    } catch (error) {
      this.#fail(response, error);
    }
  }

  stop(): void {
    clearInterval(this.#watch);
  }

  /** What is said after its time is nobody's: the question has been refused. */
  #wait(response: ServerResponse, judged: Promise<DoorJudgement>): void {
    const question = { response, sinceMs: performance.now() };
    const slot = this.#waiting.add(question);
    const inTime = (): boolean => this.#waiting.delete(slot, question);
    judged.then(
      (result) => {
        if (inTime()) this.#conclude(response, result);
      },
      (error: unknown) => {
        if (inTime()) this.#fail(response, error);
      },
    );
  }

  #refuseLate(): void {
    const oldestMs = performance.now() - this.patienceMs;
    for (const [slot, question] of this.#waiting.entries()) {
      if (question.sinceMs > oldestMs) continue;
      this.#waiting.delete(slot, question);
      this.#fail(question.response, new Error("The decision took too long."));
    }
  }

  #conclude(response: ServerResponse, { answer, record, reported }: DoorJudgement): void {
    try {
      this.around.note(record, reported);
    } catch (error) {
      this.#fail(response, error);
      return;
    }
    this.around.leave();
    this.#sendLater(response, answer);
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.around.leave();
    this.#refuse(response, error);
  }

  #refuse(response: ServerResponse, error: unknown): void {
    this.around.fault(error);
    const { answer, record } = failedAtDoor(response.req);
    this.#sendLater(response, answer);
    try {
      this.around.note(record);
    } catch (another) {
      this.around.fault(another);
    }
  }

  /** Answers of one turn of the loop go out together: each write wakes a proxy, and to wake it costs as much as to decide. */
  #sendLater(response: ServerResponse, answer: PlainAnswer): void {
    if (this.#answers.push({ response, answer }) > 1) return;
    setImmediate(() => {
      this.#sendAll();
    });
  }

  #sendAll(): void {
    for (const { response, answer } of this.#answers.splice(0)) {
      try {
        sendAsked(response, answer);
      } catch (error) {
        if (!response.headersSent) {
          this.#refuse(response, error);
          continue;
        }
        // What has begun cannot be refused any more, only broken off.
        this.around.fault(error);
        response.destroy();
      }
    }
  }
}
