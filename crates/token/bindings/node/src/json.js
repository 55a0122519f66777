// JSON as docs/token-format.md, section 6, wants it, and its canonical form (RFC 8785).

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

// The value of a text that is one object and that no two readers take differently, and the texts of its members: numbers as they
// were signed. Throws a SyntaxError for any other text. `numbers` has the text of each number inside, by its path.
export function readObject(text, mostDepth = 32) {
  const value = JSON.parse(text);
  if (!isObject(value)) throw new SyntaxError('not an object');
  const texts = new Map();
  const numbers = new Map();
  const open = [];
  let name = null;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const inner = open.at(-1);
    if (token === '{' || token === '[') {
      if (open.length === mostDepth) throw new SyntaxError('nested too deep');
      const path = inner === undefined ? [] : [...inner.path, inner.names === null ? '[]' : inner.name];
      open.push({ names: token === '{' ? new Set() : null, name: null, wantsName: token === '{', path });
    } else if (token === '}' || token === ']' || token === ',') {
      if (open.length === 1 && name !== null) texts.set(name, text.slice(start, index).trim());
      if (token === ',') inner.wantsName = inner.names !== null;
      else open.pop();
    } else if (token === ':') {
      inner.wantsName = false;
      if (open.length === 1) start = index + 1;
    } else if (token.startsWith('"')) {
      const string = JSON.parse(token);
      if (!isWellFormed(string)) throw new SyntaxError('a lone surrogate');
      if (!inner.wantsName) continue;
      if (inner.names.has(string)) throw new SyntaxError(`"${string}" stands twice`);
      inner.names.add(string);
      inner.name = string;
      if (open.length === 1) name = string;
    } else if (/^[-\d]/.test(token)) {
      if (!Number.isFinite(Number(token))) throw new SyntaxError('a number beyond the range of a double');
      if (inner.names !== null) numbers.set(JSON.stringify([...inner.path, inner.name]), token);
    }
  }
  return { value, texts, numbers };
}

// Whether the number at this path was written in plain digits: without sign, fraction and exponent; and its value.
export function integer(numbers, ...path) {
  const text = numbers.get(JSON.stringify(path));
  return text !== undefined && /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
}

// The text by RFC 8785, whose numbers and texts are those of JSON.stringify.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

export function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

// A member of an object's own: a name such as `constructor` is none.
export function own(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function isWellFormed(text) {
  return !/\p{Surrogate}/u.test(text);
}

// UTF-8; throws a TypeError for what is not.
export function utf8(bytes) {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

// base64url without padding in its one canonical form; undefined for what is not.
export function decode(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
