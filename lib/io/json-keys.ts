/** The position of the quote that ends the string whose opening quote is at `at`. */
function endOfString(json: string, at: number): number {
  let end = at + 1;
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
  return end;
}

/**
 * The first key that stands twice in one object of valid JSON, or null. `JSON.parse` would silently keep the last one,
 * so that two readers of one file could see different content.
 */
export function findDuplicateKey(json: string): { key: string; at: number } | null {
  const objects: (Set<string> | null)[] = [];
  let stringAt = 0;
  let stringEnd = 0;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === '{') objects.push(new Set());
    else if (char === '[') objects.push(null);
    else if (char === '}' || char === ']') objects.pop();
    else if (char === '"') {
      stringAt = i;
      stringEnd = endOfString(json, i);
      i = stringEnd;
    } else if (char === ':') {
      const key = JSON.parse(json.slice(stringAt, stringEnd + 1)) as string;
      const keys = objects.at(-1);
      if (keys?.has(key)) return { key, at: stringAt };
      keys?.add(key);
    }
  }
  return null;
}

/** More objects and arrays than any sensible file has; each takes far more memory than its two bytes of text. */
const MAX_OBJECTS = 2 ** 21;

/** `JSON.parse` for text that may be anything: refuses, before it takes memory, what would make too many objects. */
export function parseBounded(json: string): unknown {
  let objects = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const char = json.charCodeAt(i);
    if (char === 0x22) inString = !inString;
    else if (inString) i += char === 0x5c ? 1 : 0;
    else if ((char === 0x7b || char === 0x5b) && ++objects > MAX_OBJECTS) {
      throw new SyntaxError(`more than ${MAX_OBJECTS} objects and arrays`);
    }
  }
  return JSON.parse(json);
}
