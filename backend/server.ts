/** The HTTP API. Everything under /v1 needs a token; health, the OpenAPI document and its pages do not. */

import helmet from '@fastify/helmet';
import multipart from '@fastify/multipart';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import underPressure from '@fastify/under-pressure';
import fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance } from 'fastify';
import { authenticate } from './authenticate.ts';
import type { Backend } from './backend.ts';
import { Refusal } from './refusal.ts';
import { deviceTypeRoutes } from './routes/device-types.ts';
import { gatewayRoutes, type LinkView } from './routes/gateways.ts';
import { jobRoutes } from './routes/jobs.ts';
import { updateRoutes } from './routes/updates.ts';

const JSON_BODY_BYTES = 64 * 1024;
/** Swagger UI brings its own scripts and inline styles, and asks only this server. */
const DOCS_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

export interface ServerOptions {
  readonly log: FastifyBaseLogger;
  readonly requestsPerMinute: number;
}

export async function buildServer(backend: Backend, link: LinkView, options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.log,
    bodyLimit: JSON_BODY_BYTES,
    // Silence on a connection. A client that stops in the middle of an upload keeps a file for so long; packing a system
    // image is silent, too, and takes a minute or more.
    connectionTimeout: 15 * 60_000,
    // Stopping does not wait for an upload that takes hours: its sender sees that it failed, and sends it again.
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>();
  answerErrors(app);
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  await app.register(underPressure, { maxEventLoopDelay: 2000, exposeStatusRoute: '/healthz', retryAfter: 5 });
  await app.register(rateLimit, { max: options.requestsPerMinute, timeWindow: '1 minute' });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Carillon backend', version: '1', description: 'Signed software updates over FM radio.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY });
  await app.register(multipart);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  await app.register(async (v1) => {
    v1.addHook('onRequest', (request) => authenticate(request, backend.store, backend.nowMs()));
    await v1.register(deviceTypeRoutes(backend));
    await v1.register(updateRoutes(backend));
    await v1.register(jobRoutes(backend));
    await v1.register(gatewayRoutes(backend, link));
  });
  return app;
}

/** One shape for every refusal, also for those of the framework. */
function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.split('?')[0]}. The API is described at /docs.`;
    return reply.code(404).send({ error: { code: 'not-found', message } });
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const refusal = asRefusal(error);
    if (refusal.status >= 500) request.log.error({ err: error }, refusal.message);
    return reply.code(refusal.status).send({ error: { code: refusal.code, message: refusal.message } });
  });
}

function asRefusal(error: FastifyError): Refusal {
  if (error instanceof Refusal) return error;
  if (error.validation !== undefined)
    return new Refusal('bad-request', `The request does not fit: ${error.message}.`, error);
  switch (error.statusCode ?? 500) {
    case 400:
      return new Refusal('bad-request', `The request could not be read: ${error.message}`, error);
    case 413:
      return new Refusal('file-too-large', 'The body of the request is too large.', error);
    case 415:
      return new Refusal(
        'unsupported-media-type',
        'The body has to be JSON, with Content-Type: application/json.',
        error,
      );
    case 429:
      return new Refusal('too-many-requests', 'Too many requests. Wait a minute and try again.', error);
    case 503:
      return new Refusal('busy', 'The backend is busy. Try again in a few seconds.', error);
    default:
      return new Refusal('internal', 'Something failed inside the backend; its log says what.', error);
  }
}
