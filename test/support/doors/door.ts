/** An answer as it left the door. */
export interface DoorAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface DoorCall {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A deployment behind one platform's door, called as that platform calls. */
export interface OpenDoor {
  call(call: DoorCall): Promise<DoorAnswer>;
  /** Lets the platform's own clock strike; rejects where the platform would see a failure. */
  cron(): Promise<unknown>;
  close(): Promise<void>;
}

export const toAnswer = async (response: Response): Promise<DoorAnswer> => ({
  status: response.status,
  headers: response.headers,
  text: await response.text(),
});

export const toInit = ({ method, headers = {}, body }: DoorCall) => ({
  method,
  headers: { ...headers },
  ...(body === undefined ? {} : { body }),
});

/** The settings of all doors: a token for each scope. */
export const settings = {
  MOBULA_SECRET: 'the-secret-of-the-doors-has-well-over-32-bytes',
  MOBULA_TRIGGER_TOKENS: 'trigger-token-of-the-doors-0123456789',
  MOBULA_ENQUEUE_TOKENS: 'enqueue-token-of-the-doors-0123456789',
  MOBULA_READ_TOKENS: 'read-token-of-the-doors-0123456789-ab',
  CRON_SECRET: 'cron-secret-of-the-doors-0123456789-a',
  MOBULA_HOOK_CHAT_SECRETS: 'chat-secret-of-the-doors-0123456789-a',
};

/** A webhook's delivery, which is to be run as soon as it has been answered. */
export const delivery: DoorCall = {
  method: 'POST',
  path: '/hooks/chat',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${settings.MOBULA_HOOK_CHAT_SECRETS}` },
  body: '{"text": "hello"}',
};

/** How a cron line, or a scheduler that speaks HTTP, makes things happen. */
export async function triggerBy(call: OpenDoor['call']): Promise<void> {
  const headers = { authorization: `Bearer ${settings.MOBULA_TRIGGER_TOKENS}` };
  const { status, text } = await call({ method: 'POST', path: '/run', headers });
  if (status !== 200) throw new Error(text);
}
