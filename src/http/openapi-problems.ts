import type { ErrorCode } from '../core/errors.ts';
import { statusOfCode } from './problem.ts';

/** The body of every answer that is no success (RFC 9457). */
export const problemSchema = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(statusOfCode).toSorted(), description: 'Stable; read this one.' },
    detail: { type: 'string' },
    field: { type: 'string', description: 'The dotted path of the field to blame: `tasks.3.priority`.' },
  },
  required: ['type', 'title', 'status', 'code', 'detail'],
  additionalProperties: true,
};

const meanings: Readonly<Record<string, string>> = {
  400: 'The body cannot be parsed.',
  401: 'There is no proof of who calls, or none that is good.',
  403: 'The proof is good for something else.',
  404: 'There is nothing of this id, or it is no id.',
  405: 'The route does not take this method.',
  413: 'The body is too large.',
  415: 'The body is of a type that is not taken here.',
  422: 'The request is understood, and wrong.',
  500: 'Something went wrong on our side.',
  503: 'Something that this needs is away; try again.',
};

const headers: Readonly<Record<string, object>> = {
  401: { 'WWW-Authenticate': { schema: { type: 'string' } } },
  405: { Allow: { schema: { type: 'string' } } },
  503: { 'Retry-After': { schema: { type: 'integer' } } },
};

const codesOf = (status: number): string[] =>
  Object.keys(statusOfCode).filter((code) => statusOfCode[code as ErrorCode] === status);

/** What any route may answer, by status. */
export const problemResponses = Object.fromEntries(
  Object.entries(meanings).map(([status, meaning]) => [
    status,
    {
      description: `${meaning} \`code\`: ${codesOf(Number(status)).join(', ')}.`,
      ...(headers[status] ? { headers: headers[status] } : {}),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]),
);
