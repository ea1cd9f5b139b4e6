import { isMainThread } from 'node:worker_threads';
import { afterPoll } from './host.ts';

type Koffi = typeof import('koffi');

/** A watch on a file descriptor in Node's own event loop (`uv_poll_t`). koffi's stops when it is garbage: hold on to it. */
export interface PollHandle {
  ref(): void;
  unref(): void;
  /** Neither calls back nor keeps the process alive until `start`. */
  stop(): void;
  start(): void;
  close(): void;
}

/** Calls back, from the event loop, while `fd` can be read or has failed (a read then tells how). */
export type Poll = (fd: number, onReadable: () => void) => PollHandle;

/** uv.h: uv_handle_type, uv_poll_event. */
const UV_POLL = 8;
const UV_READABLE = 1;

/** What koffi's is to tell of. */
const READABLE = { readable: true };

/** Open watches by libuv's own functions: after `exit` nothing may call into an engine that is being taken apart. */
const open = new Set<PollHandle>();
let seesExit = false;

/**
 * `koffi.node.poll`, or libuv itself where that can be: koffi's makes an object with three properties for each call, by name and through Node-API, which
 * takes a processor that has just been woken 2 µs, as long as a segment. A thread of `node:worker_threads` may be ended at any time without a word to
 * us, and its event loop must have no watches then: there it is koffi's, which end with the thread.
 */
export function polling(koffi: Koffi): Poll {
  const poll: Poll = (fd, onReadable) => {
    const callback = () => bracketed(onReadable);
    const watch = koffi.node.poll(fd, READABLE, callback);
    return {
      ref: () => watch.ref(),
      unref: () => watch.unref(),
      stop: () => watch.stop(),
      start: () => watch.start(READABLE, callback),
      close: () => watch.close(),
    };
  };
  return (isMainThread && libuvPolling(koffi)) || poll;
}

/** Null where this Node does not let others call libuv. */
function libuvPolling(koffi: Koffi): Poll | null {
  try {
    const program = koffi.load(null);
    const getLoop = program.func('int napi_get_uv_event_loop(void *env, _Out_ uintptr_t *loop)');
    const symbol = program.func('uintptr_t dlsym(uintptr_t library, const char *name)');
    const allocate = program.func('uintptr_t calloc(size_t count, size_t size)');
    const release = program.func('void free(uintptr_t memory)');
    const uv = {
      size: program.func('size_t uv_handle_size(int type)'),
      init: program.func('int uv_poll_init(uintptr_t loop, uintptr_t handle, int fd)'),
      stop: program.func('int uv_poll_stop(uintptr_t handle)'),
      start: program.func('int uv_poll_start(uintptr_t handle, int events, uintptr_t callback)'),
      close: program.func('void uv_close(uintptr_t handle, uintptr_t callback)'),
      ref: program.func('void uv_ref(uintptr_t handle)'),
      unref: program.func('void uv_unref(uintptr_t handle)'),
    };
    const loop = [0];
    const free = symbol(0, 'free');
    if (getLoop(koffi.node.env, loop) !== 0 || free === 0) return null;
    // What libuv passes, the handle, a status and events, nobody needs: a read tells.
    const callback = koffi.pointer(koffi.proto('void', []));
    return (fd, onReadable) => {
      const handle = allocate(1, uv.size(UV_POLL));
      if (uv.init(loop[0], handle, fd) !== 0) {
        release(handle);
        throw new Error(`the event loop cannot watch descriptor ${fd}`);
      }
      const entry = koffi.register(() => bracketed(onReadable), callback);
      const start = () => uv.start(handle, UV_READABLE, Number(entry));
      start();
      const watch: PollHandle = {
        ref: () => open.has(watch) && uv.ref(handle),
        unref: () => open.has(watch) && uv.unref(handle),
        stop: () => open.has(watch) && uv.stop(handle),
        start: () => open.has(watch) && start(),
        close() {
          if (!open.delete(watch)) return;
          uv.close(handle, free);
          // It may be what is running.
          afterPoll(() => koffi.unregister(entry));
        },
      };
      open.add(watch);
      if (!seesExit) process.once('exit', closeAll);
      seesExit = true;
      return watch;
    };
  } catch {
    return null;
  }
}

function closeAll(): void {
  for (const watch of open) watch.close();
}

/**
 * We are called outside of Node's own bracket: exceptions would be swallowed, promises and ticks would wait for another event. An immediate has the
 * bracket, and runs in the same turn of the loop, before the next poll. So what there is to do is done at once, and what it leaves to others then.
 */
function bracketed(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    afterPoll(() => {
      throw error;
    });
    return;
  }
  afterPoll(nothing);
}

function nothing(): void {}
