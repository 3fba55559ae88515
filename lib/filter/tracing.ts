import { context, defaultTextMapGetter, SpanKind, SpanStatusCode, type Span, type Tracer } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { headerValues, type GatewayRequest } from "../policy";
import type { ExchangeRecord } from "./audit";

/** Spans of exchanges, in the terms of OpenTelemetry's HTTP conventions; a collector that is away costs nothing but them. */

const propagator = new W3CTraceContextPropagator();

export interface Trace {
  /** What the service is told, so that its spans are children of this one (W3C Trace Context). */
  readonly header: string;
  end(record: ExchangeRecord): void;
}

export class Tracing {
  readonly #tracer: Tracer;

  private constructor(private readonly provider: BasicTracerProvider) {
    this.#tracer = provider.getTracer("gatewright");
  }

  /** The exporter, which is loaded for nobody else, reads OTEL_EXPORTER_OTLP_ENDPOINT and its kin itself. */
  static async begin(system: string, environment: string): Promise<Tracing> {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
    const { resourceFromAttributes } = await import("@opentelemetry/resources");
    const { BasicTracerProvider, BatchSpanProcessor } = await import("@opentelemetry/sdk-trace-base");
    const resource = resourceFromAttributes({
      "service.name": process.env["OTEL_SERVICE_NAME"] ?? "gatewright-filter",
      "service.namespace": system,
      "deployment.environment.name": environment,
    });
    const spanProcessors = [new BatchSpanProcessor(new OTLPTraceExporter())];
    return new Tracing(new BasicTracerProvider({ resource, spanProcessors }));
  }

  start(request: GatewayRequest): Trace {
    const carrier: Record<string, string> = {
      traceparent: headerValues(request, "traceparent")[0] ?? "",
      tracestate: headerValues(request, "tracestate").join(","),
    };
    const parent = propagator.extract(context.active(), carrier, defaultTextMapGetter);
    const span = this.#tracer.startSpan(request.method, { kind: SpanKind.SERVER }, parent);
    return {
      header: headerOf(span),
      end: (record) => {
        finish(span, record);
      },
    };
  }

  stop(): Promise<void> {
    return this.provider.shutdown().catch(() => undefined);
  }
}

function headerOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

function finish(span: Span, { method, host, path, route, service, status, reason, requestId }: ExchangeRecord): void {
  span.updateName(route === "" ? method : `${method} ${route}`);
  span.setAttributes({
    "http.request.method": method,
    "http.response.status_code": status,
    "http.route": route,
    "server.address": host,
    "url.path": path,
    "peer.service": service,
    "gateway.reason": reason,
    "gateway.request_id": requestId,
  });
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
