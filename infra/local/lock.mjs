// @ts-check
// Plain JavaScript without dependencies, because commands/start.mjs needs it before there is a Node that runs TypeScript.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other process that names the same `path` does, and answers what it answers. `onWait` is called
 * once if somebody else holds the lock; an `abort` ends the wait with an error. A lock whose holder has died is taken over.
 *
 * The lock is a symbolic link that points at nothing but says who holds it: making one is a single atomic step that
 * carries its content, so no reader ever meets a lock without a name. A dead holder's lock is removed only under a lock
 * of its own (`path.takeover`, the same again), else two who saw the same dead holder could remove each other's.
 *
 * @template T
 * @param {string} path
 * @param {() => T | Promise<T>} work
 * @param {{ onWait?: () => void, abort?: AbortSignal | undefined }} [options]
 * @returns {Promise<T>}
 */
export async function withLock(path, work, { onWait, abort } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  const us = `${process.pid}.${bornAt(process.pid)}.${randomUUID()}`;
  let told = false;
  while (!take(path, us)) {
    abort?.throwIfAborted();
    const holder = holderOf(path);
    if (holder !== null && !isAlive(holder)) await removeDead(path, holder);
    else if (holder !== null) {
      if (!told) onWait?.();
      told = true;
      await sleep(100);
    }
  }
  try {
    return await work();
  } finally {
    unlinkSync(path);
  }
}

/** @param {string} path @param {string} us */
function take(path, us) {
  try {
    symlinkSync(us, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path @param {string} dead */
async function removeDead(path, dead) {
  await withLock(`${path}.takeover`, () => {
    if (holderOf(path) === dead) unlinkSync(path);
  });
}

/** @param {string} path */
function holderOf(path) {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** @param {string} holder */
function isAlive(holder) {
  const [pid = '', born = ''] = holder.split('.');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return bornAt(Number(pid)) === born;
}

/**
 * When a process started, in the kernel's ticks: tells a holder from a stranger who was later given its number.
 * Empty where there is no /proc, and then the number alone decides.
 *
 * @param {number} pid
 */
function bornAt(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** @param {unknown} error */
const codeOf = (error) => /** @type {NodeJS.ErrnoException} */ (error).code;
