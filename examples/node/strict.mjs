// JSON as docs/token-format.md §6 wants it: JSON.parse takes names that stand twice, any depth, lone surrogates and
// numbers that it reads as Infinity.

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const MOST_DEPTH = 32;

// The value of one JSON object, and the text of each of its members: numbers as they were signed.
export function strictObject(text) {
  const value = JSON.parse(text);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new SyntaxError('not an object');
  const texts = new Map();
  const open = [];
  let name = null;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const inner = open.at(-1);
    if (token === '{' || token === '[') {
      if (open.length === MOST_DEPTH) throw new SyntaxError('nested too deep');
      open.push({ names: token === '{' ? new Set() : null, wantsName: token === '{' });
    } else if (token === '}' || token === ']' || token === ',') {
      if (open.length === 1 && name !== null) texts.set(name, text.slice(start, index).trim());
      if (token === ',') inner.wantsName = inner.names !== null;
      else open.pop();
    } else if (token === ':') {
      inner.wantsName = false;
      if (open.length === 1) start = index + 1;
    } else if (token.startsWith('"')) {
      const string = JSON.parse(token);
      if (/\p{Surrogate}/u.test(string)) throw new SyntaxError('a lone surrogate');
      if (!inner.wantsName) continue;
      if (inner.names.has(string)) throw new SyntaxError(`"${string}" stands twice`);
      inner.names.add(string);
      if (open.length === 1) name = string;
    } else if (/^[-\d]/.test(token) && !Number.isFinite(Number(token))) {
      throw new SyntaxError('a number beyond the range of a double');
    }
  }
  return { value, texts };
}
