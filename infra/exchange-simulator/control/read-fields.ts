/** What a field must be, and how to say so. */
export type Check = { is(value: unknown): boolean; says: string };

export type Shape = { required?: Record<string, Check>; optional?: Record<string, Check> };

/**
 * Read an order whose field `key` names its kind, against the fields that kind takes. Returns the fields, or a text that
 * says everything that is wrong with them.
 */
export function readFields(
  body: unknown,
  key: string,
  shapes: Record<string, Shape>,
): Record<string, unknown> | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the body must be a JSON object';
  const fields = body as Record<string, unknown>;
  const name = Object.keys(shapes).find(known => known === fields[key]);
  if (name === undefined) return `${key} must be one of ${Object.keys(shapes).join(', ')}`;
  const { required = {}, optional = {} } = shapes[name]!;
  const checks: Record<string, Check> = { ...optional, ...required };
  const wrong: string[] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (field === key) continue;
    const check = checks[field];
    if (check === undefined) wrong.push(`${name} does not take ${field}`);
    else if (!check.is(value)) wrong.push(`${field} must be ${check.says}`);
  }
  for (const [field, { says }] of Object.entries(required)) {
    if (!(field in fields)) wrong.push(`${name} needs ${field}, ${says}`);
  }
  return wrong.length > 0 ? wrong.join('; ') : fields;
}
