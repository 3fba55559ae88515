import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { ReportLine } from "../decision/report";

/**
 * Envoy's access log service (envoy.service.accesslog.v3, envoy.data.accesslog.v3): of its messages what a report needs, by
 * the numbers of the fields; the rest is passed over.
 */

export const STREAM_PATH = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";

/** A client that has left is 0. */
export const isStatus = (status: number): boolean => Number.isInteger(status) && status >= 0 && status < 1_000;

/** Status of an answer behind which a connection is open. */
export const SWITCHING = 101;

/** Custom tag of an entry in which the ticket is. */
export const TICKET_TAG = "ticket";

type Fields = Readonly<Record<number, (reader: BinaryReader) => void>>;

function read(reader: BinaryReader, fields: Fields, length = reader.len - reader.pos): void {
  const end = reader.pos + length;
  while (reader.pos < end) {
    const [number, type] = reader.tag();
    const field = fields[number];
    if (field) field(reader);
    else reader.skip(type, number);
  }
}

const message =
  (fields: Fields) =>
  (reader: BinaryReader): void => {
    read(reader, fields, reader.uint32());
  };

/** HTTPRequestProperties.request_method. */
const METHODS = ["", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/**
 * Numbers of ResponseFlags that say that no service has answered: no healthy one, time-out, resets, connection, overflow,
 * tries used up, a time limit, protocol.
 */
const NOBODY = [2, 3, 4, 5, 6, 7, 8, 16, 20, 24];

/** It has answered, whatever has come of the rest. */
const ANSWERED = /^(via_upstream$|upstream_reset_after_response_started)/;

function entryOf(reader: BinaryReader): ReportLine | undefined {
  let [ticket, method, details, status, nobody] = ["", "", "", 0, false];
  let [ms, firstMs] = [0, 0];
  const tag = (): Fields => {
    let key = "";
    return {
      1: (r) => (key = r.string()),
      2: (r) => {
        const value = r.string();
        if (key === TICKET_TAG) ticket = value;
      },
    };
  };
  const noAnswer = (r: BinaryReader): void => {
    if (r.bool()) nobody = true;
  };
  const duration = (set: (ms: number) => void): ((r: BinaryReader) => void) =>
    message({
      1: (r) => {
        set(Number(r.int64()) * 1_000);
      },
      2: (r) => {
        set(r.int32() / 1_000_000);
      },
    });
  const common: Fields = {
    9: duration((part) => (firstMs += part)),
    16: message(Object.fromEntries(NOBODY.map((number) => [number, noAnswer]))),
    22: (r) => {
      message(tag())(r);
    },
    23: duration((part) => (ms += part)),
  };
  message({
    1: message(common),
    3: message({ 1: (r) => (method = METHODS[r.int32()] ?? "") }),
    4: message({ 1: message({ 1: (r) => (status = r.uint32()) }), 6: (r) => (details = r.string()) }),
  })(reader);
  if (ticket === "" || !isStatus(status)) return undefined;
  const answeredBy = ANSWERED.test(details) ? "service" : nobody ? "nobody" : "proxy";
  // What a handshake has opened may last for hours: its answer is the handshake's.
  return { ticket, method, report: { answeredBy, status }, ms: status === SWITCHING ? firstMs : ms };
}

/** Entries of one StreamAccessLogsMessage. Throws where it is none. */
export function readAccessLogs(bytes: Buffer): (ReportLine | undefined)[] {
  const lines: (ReportLine | undefined)[] = [];
  read(new BinaryReader(bytes), { 2: message({ 1: (r) => lines.push(entryOf(r)) }) });
  return lines;
}
