/** `node --import …/switch-off.ts program.ts` runs a program without the protection that `SWITCHED_OFF` names. */
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { announcement, PROTECTIONS, type Protection } from './protections.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const name = process.env['SWITCHED_OFF'] ?? '';
const replacements = PROTECTIONS[name as Protection] ?? [];
if (replacements.length === 0) throw new Error(`SWITCHED_OFF: "${name}" is no protection`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const wanted = replacements.filter(({ file }) => url.startsWith('file:') && fileURLToPath(url) === ROOT + file);
    if (wanted.length === 0) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
    for (const replacement of wanted) {
      const { file, text, by } = replacement;
      const times = source.split(text).length - 1;
      if (times !== 1) throw new Error(`${file} holds ${times} times what is to be replaced: ${text}`);
      source = source.replace(text, () => by);
      console.error(announcement(name, replacement));
    }
    return { ...loaded, source };
  },
});
