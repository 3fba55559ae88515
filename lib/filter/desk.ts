import type { IncomingMessage, ServerResponse } from "node:http";
import type { FilterPlan } from "../policy/filter-plan";
import type { State } from "../policy";
import type { ExchangeRecord } from "./audit";
import { answerDoor, failedAtDoor, shedAtDoor, type DoorJudgement } from "./door";
import { Slots } from "./slots";
import { send } from "./plain-answer";

/** What a desk needs of the filter around it. */
interface Around {
  plan: FilterPlan;
  state: State;
  /** False where there is too much to do. */
  enter(response: ServerResponse): boolean;
  leave(): void;
  note(record: ExchangeRecord): void;
  fault(error: unknown): void;
}

interface Waiting {
  response: ServerResponse;
  sinceMs: number;
}

/** Answers what proxies ask at the door, each question once and in time. */
export class Desk {
  readonly #waiting = new Slots<Waiting>();
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
      send(response, shedAtDoor(message));
      return;
    }
    const conclude = ({ answer, record }: DoorJudgement): void => {
      around.note(record);
      send(response, answer);
      around.leave();
    };
    const fail = (error: unknown): void => {
      this.#fail(response, error);
    };
    try {
      const judged = answerDoor(around.plan, around.state, message);
      if (judged instanceof Promise) this.#wait(response, judged, conclude, fail);
      else conclude(judged);
    } catch (error) {
      fail(error);
    }
  }

  stop(): void {
    clearInterval(this.#watch);
  }

  /** What is said after its time is nobody's: the question has been refused. */
  #wait(
    response: ServerResponse,
    judged: Promise<DoorJudgement>,
    conclude: (judged: DoorJudgement) => void,
    fail: (error: unknown) => void,
  ): void {
    const question = { response, sinceMs: Date.now() };
    const slot = this.#waiting.add(question);
    judged
      .then((result) => {
        if (this.#waiting.delete(slot, question)) conclude(result);
      })
      .catch((error: unknown) => {
        if (this.#waiting.delete(slot, question) || !response.headersSent) fail(error);
      });
  }

  #refuseLate(): void {
    const oldestMs = Date.now() - this.patienceMs;
    for (const [slot, question] of this.#waiting.entries()) {
      if (question.sinceMs > oldestMs) continue;
      this.#waiting.delete(slot, question);
      this.#fail(question.response, new Error("The decision took too long."));
    }
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.around.fault(error);
    const { answer, record } = failedAtDoor(response.req);
    send(response, answer);
    this.around.leave();
    try {
      this.around.note(record);
    } catch (another) {
      this.around.fault(another);
    }
  }
}
