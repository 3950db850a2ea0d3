import { describe, expectTypeOf, test } from 'vitest';
import { createClient, type Execution, type Handle } from '../../src/client/client.ts';
import type * as tasks from './tasks.ts';

// Nothing here is sent: the compiler is what passes or fails these.
const mobula = createClient<typeof tasks>({ baseUrl: 'http://127.0.0.1:9' });
const untold = createClient({ baseUrl: 'http://127.0.0.1:9' });

describe('a client that knows its tasks', () => {
  test('knows what each takes, before its schema has changed it', () => {
    type Enqueue<Name extends Parameters<typeof mobula.enqueue>[0]> = Parameters<typeof mobula.enqueue<Name>>[1];
    expectTypeOf<Enqueue<'add'>>().toEqualTypeOf<{ a: number; b: number }>();
    expectTypeOf<Enqueue<'greet'>>().toEqualTypeOf<{ name?: string | undefined; at: string }>();
    expectTypeOf<Enqueue<'train'>>().toEqualTypeOf<{ epochs: number }>();
  });

  test('knows what each returns, and hands it on with the handle', () => {
    const greet = () => mobula.enqueue('greet', { at: '' });
    expectTypeOf<Awaited<ReturnType<typeof greet>>>().toEqualTypeOf<
      Required<Handle<{ greeting: string; year: number }>>
    >();
    const follow = (handle: Handle<number>) => ({ waited: mobula.wait(handle), value: mobula.result(handle) });
    expectTypeOf<ReturnType<typeof follow>>().toEqualTypeOf<{
      waited: Promise<Execution<number>>;
      value: Promise<number>;
    }>();
    const train = () => mobula.enqueue('train', { epochs: 3 });
    expectTypeOf<Awaited<ReturnType<typeof train>>>().toEqualTypeOf<Required<Handle<unknown>>>();
  });

  test('refuses names, inputs and mixtures that are wrong', () => {
    const wrong = () => [
      // @ts-expect-error: there is no such task
      mobula.enqueue('ad', { a: 1, b: 2 }),
      // @ts-expect-error: what a module exports beside its tasks is none
      mobula.enqueue('epochsMax', {}),
      // @ts-expect-error: a number is no text
      mobula.enqueue('add', { a: 1, b: '2' }),
      // @ts-expect-error: the input of another task
      mobula.enqueue('train', { a: 1, b: 2 }),
    ];
    expectTypeOf(wrong).returns.toBeArray();
  });
});

test('a client that was told no tasks takes any, and says of a value what its caller says', () => {
  const enqueue = () => untold.enqueue('anything', [1, 2]);
  expectTypeOf<Awaited<ReturnType<typeof enqueue>>>().toEqualTypeOf<Required<Handle<unknown>>>();
  const result = () => untold.result<number>('an id');
  expectTypeOf<ReturnType<typeof result>>().toEqualTypeOf<Promise<number>>();
});
