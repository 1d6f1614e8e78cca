import { Hono } from 'hono';
import type { Env } from './env.ts';
import { guardAccess, openToPages } from './routes/access-guard.ts';
import { answerHealth } from './routes/health.ts';
import { answerServiceInfo } from './routes/info.ts';
import { answerInstruments } from './routes/instruments.ts';
import { answerState } from './routes/state.ts';
import { openBestStream, openRedisStream, refuseKafkaStream } from './routes/stream.ts';
import { SettingsError } from './settings.ts';

/** The Worker's whole surface, in reading order. `GET /` and its files are static assets and never come here. */
export function createApp(): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();

  app.get('/livez', context => context.text('alive'));

  // A WebSocket's answer must not be touched, so only the plain routes get headers for other pages' scripts.
  app.use('/api/*', openToPages);
  app.use('/ws/info', openToPages);
  app.use('/api/*', guardAccess);
  app.use('/ws/*', guardAccess);

  app.get('/ws/info', answerServiceInfo);
  app.get('/ws/exchange', openBestStream);
  app.get('/ws/redis', openRedisStream);
  app.get('/ws/kafka', refuseKafkaStream);

  app.get('/api/ws/infra-health', answerHealth);
  app.get('/api/snapshot', answerState('snapshot'));
  app.get('/api/tickers', answerState('tickers'));
  app.get('/api/instruments', answerInstruments);

  app.notFound(context =>
    context.json({ error: { code: 'notFound', message: `there is nothing at ${context.req.path}` } }, 404),
  );
  app.onError((error, context) => {
    const code = error instanceof SettingsError ? 'misconfigured' : 'internal';
    console.error(error);
    return context.json({ error: { code, message: error.message } }, 500);
  });
  return app;
}
