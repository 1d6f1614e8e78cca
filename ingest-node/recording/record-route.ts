import type { ControlCall } from '../operations/control-server.ts';
import type { TrafficRecorder } from './traffic-recorder.ts';

/** `GET /record` answers with all exchange traffic, one record a line, until the caller goes away. */
export function recordRoute(recorder: TrafficRecorder): (call: ControlCall) => void {
  return ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    // The caller's time runs from here, also while no exchange says anything.
    response.flushHeaders();
    recorder.open(response);
  };
}
