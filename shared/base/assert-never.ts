/** Makes a forgotten case of a union a compile error, and a lie of the types a loud one. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
