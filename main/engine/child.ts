/** The engine as a child process of the headless host: one client for all its pages, living through restarts. */
import { fork } from 'node:child_process';
import { Client } from '../../core/services/client.ts';
import type { Envelope, EnvelopePort } from '../../core/services/contract.ts';
import type { EngineArguments } from './process.ts';
import { type Supervised, Supervisor } from './supervisor.ts';

export interface EngineChild {
  engine: Client;
  /** Process id of the running engine, or undefined between an end and the next start. */
  pid(): number | undefined;
  stop(): void;
}

/**
 * @param program the engine's program: built JavaScript, or the source in a checkout
 * @param execArgv Node's own arguments; by default ours, so that tsx in a checkout runs the engine too
 */
export function startEngineChild(
  program: string,
  args: EngineArguments,
  execArgv: string[] = process.execArgv,
): EngineChild {
  const engine = new Client();
  const supervisor = new Supervisor(
    () => launch(program, args, execArgv),
    (child, reason) => {
      engine.attach(child.port);
      if (reason !== null) engine.emit({ type: 'engine-restarted', reason });
    },
    (reason) => engine.detach(reason),
  );
  return { engine, pid: () => supervisor.process?.pid, stop: () => supervisor.stop() };
}

interface Child extends Supervised {
  port: EnvelopePort;
  pid: number | undefined;
}

/** Its stdout goes to our stderr: native libraries print there, and our stdout belongs to the command's answers. */
function launch(program: string, args: EngineArguments, execArgv: string[]): Child {
  const child = fork(program, [JSON.stringify(args)], {
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  return {
    pid: child.pid,
    port: {
      send: (envelope) => {
        if (child.connected) child.send(envelope);
      },
      onEnvelope: (listener) => child.on('message', (envelope) => listener(envelope as Envelope)),
      // The supervisor tells the client; the pipe has nothing to add.
      onClose: () => {},
    },
    onEnd: (listener) => {
      let told = false;
      const tell = (reason: string) => {
        if (!told) listener(reason);
        told = true;
      };
      child.on('exit', (code, signal) => tell(signal ? `killed by ${signal}` : `ended with status ${code}`));
      child.on('error', (error) => tell(error.message));
    },
    stop: () => child.kill(),
  };
}
