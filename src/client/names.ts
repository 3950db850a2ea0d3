type Members = Readonly<Record<string, unknown>>;

/** The members of an object as the wire spells them: `runAfter` becomes `run_after`. */
export const toSnakeCase = (object: object): Members =>
  renamed(object, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

/** The members of an object as TypeScript spells them; what is inside them is somebody's data and stays as it is. */
export const toCamelCase = (object: object): Members =>
  renamed(object, (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()));

const renamed = (object: object, rename: (name: string) => string): Members =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
