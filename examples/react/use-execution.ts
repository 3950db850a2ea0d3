import { type Client, type Execution, MobulaClientError } from 'mobula/client';
import { useEffect, useState } from 'react';

/** What a component knows of an execution so far. */
export interface Followed<Output> {
  /** Null until the first look. */
  readonly execution: Execution<Output> | null;
  /** Why it is followed no longer, before its end. */
  readonly error: MobulaClientError | null;
}

/**
 * Follows an execution for as long as the component is there: it renders again with every change, progress included, and
 * nothing is asked any more once the execution is final. Make the client once, outside of components.
 */
export function useExecution<Output = unknown>(client: Client, id: string, statusToken: string): Followed<Output> {
  const [followed, setFollowed] = useState<Followed<Output>>(nothingYet);
  useEffect(() => {
    const left = new AbortController();
    setFollowed(nothingYet);
    client
      .wait<Output>(
        { id, statusToken },
        { signal: left.signal, onChange: (execution) => setFollowed({ execution, error: null }) },
      )
      .catch((error) => {
        if (left.signal.aborted) return;
        if (!(error instanceof MobulaClientError)) throw error;
        setFollowed(({ execution }) => ({ execution, error }));
      });
    return () => left.abort();
  }, [client, id, statusToken]);
  return followed;
}

const nothingYet = { execution: null, error: null };
