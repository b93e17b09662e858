// --- search over the words of texts, without regard to case and diacritics ------------------------

// A query is a list of terms, separated by spaces, and a row matches if it has all of them:
//   card          a word that begins with it
//   "lost card"   these words next to each other; the last one may go on while the quote is open
//   -card         no such word, -"lost card" no such phrase
//   row:17        the row with this number
// Words of scripts that join words, such as Chinese, Thai, Arabic and Hebrew, are found anywhere.

const { TextSearch, parsedQuery, foldedText, matchedRanges } = (() => {
  const LETTERS = { æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ħ: "h", ς: "σ", "’": "'", "‘": "'", ʼ: "'" };
  const OTHER_LETTERS = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "gu");
  // Accents, vowel points and invisible characters, but no sounds of Japanese.
  const MARKS = /(?![\u3099\u309a])\p{Script=Inherited}|(?=\p{M})[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Cyrillic}]|[\u00ad\u0640\u200b-\u200f\u2060\ufeff]/gu;
  // Parts of a text that can be folded one by one: letters with their marks, emoji with the color of
  // their skin, and white space.
  const PARTS = /\s+|[\u1100-\u11ff]+|[^\p{M}\s][\p{M}\u{1f3fb}-\u{1f3ff}]*|\p{M}+/gu;
  const PLAIN = /^[!-~]*(?: [!-~]+)*$/;  // ASCII, with single spaces
  const IN_WORD = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}]/u;
  const TERM = /(-?)(?:["“”„«]([^"“”„«»]*)(["“”«»]?)|([^\s"“”„«»]+))/gu;
  const FEW = 0.25;  // share of the rows up to which they are searched one by one
  const CHUNK = 4096;  // arguments of a function
  const capitals = new Uint16Array(0x10000);  // of characters in words, 1 for others, 0 if unknown

  // A text without differences that do not count, such as "cafe" for "Café".
  function foldedText(text) {
    if (PLAIN.test(text)) return text.toLowerCase();
    return text.replace(/\s+/gu, " ").normalize("NFKD").toUpperCase().toLowerCase().normalize("NFKD")
      .replace(MARKS, "").replace(OTHER_LETTERS, (letter) => LETTERS[letter]).normalize("NFC");
  }

  function capitalOf(code) {
    if (!capitals[code]) {
      const character = String.fromCharCode(code), capital = character.toUpperCase();
      capitals[code] = !IN_WORD.test(character) ? 1 : capital.length > 1 ? code : capital.charCodeAt(0);
    }
    return capitals[code];
  }
  const isInWord = (text, at) => at >= 0 && at < text.length && capitalOf(text.charCodeAt(at)) > 1;

  // A folded text whose words begin with a capital. A search for the beginning of a word then stops
  // at no other place, which is several times faster.
  function withCapitals(text) {
    const codes = new Uint16Array(text.length);
    for (let i = 0, before = 1; i < codes.length; i++) {
      const code = text.charCodeAt(i), capital = capitalOf(code);
      codes[i] = before === 1 && capital > 1 ? capital : code;
      before = capital;
    }
    let result = "";
    for (let i = 0; i < codes.length; i += CHUNK) result += String.fromCharCode.apply(null, codes.subarray(i, i + CHUNK));
    return result;
  }

  // The terms of a query: {text, isWhole, isExcluded}, or {row, isExcluded}.
  function parsedQuery(query) {
    const terms = [];
    for (const [, sign, phrase, close, word] of query.matchAll(TERM)) {
      if (word === "-") continue;  // the word to exclude follows
      const isExcluded = sign === "-", row = /^row:(\d+)$/i.exec(word ?? "");
      const text = withCapitals(foldedText(phrase ?? word).trim());
      if (row) terms.push({ row: Number(row[1]), isExcluded });
      else if (text) terms.push({ text, isWhole: Boolean(close), isExcluded });
    }
    return terms;
  }

  // The first place from which a text has a term, or -1.
  function placeOf(term, text, from) {
    const { text: sought, isWhole } = term;
    const startsWord = isInWord(sought, 0), endsWord = isWhole && isInWord(sought, sought.length - 1);
    let at = text.indexOf(sought, from);
    while (at >= 0 && (startsWord && isInWord(text, at - 1) || endsWord && isInWord(text, at + sought.length))) {
      at = text.indexOf(sought, at + 1);
    }
    return at;
  }

  // The parts of a text that match a term of a query, as pairs of start and end.
  function matchedRanges(text, query) {
    const terms = parsedQuery(query).filter((term) => term.text && !term.isExcluded);
    if (!terms.length) return [];
    const starts = [], ends = [];  // of the part that each character of the folded text is from
    let folded = "";
    for (const { 0: part, index } of text.matchAll(PARTS)) {
      folded += foldedText(part);
      while (starts.length < folded.length) { starts.push(index); ends.push(index + part.length); }
    }
    folded = withCapitals(folded);
    const found = [];
    for (const term of terms) {
      let at = placeOf(term, folded, 0);
      while (at >= 0) {
        const end = at + term.text.length;
        found.push([starts[at], ends[end - 1]]);
        at = placeOf(term, folded, end);
      }
    }
    const ranges = [];
    for (const range of found.sort((a, b) => a[0] - b[0])) {
      const last = ranges.at(-1);
      if (last && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
      else ranges.push(range);
    }
    return ranges;
  }

  class TextSearch {
    #columns; #numbers; #texts = null; #joined; #starts; #last = null;

    // columns: arrays of one text for each row, such as texts and labels; numbers: that of each row.
    constructor(columns, numbers) {
      this.#columns = columns;
      this.#numbers = numbers;
    }

    // Fold all texts, which the first search would do otherwise.
    prepare() {
      if (this.#texts) return;
      const known = new Map(), [first, ...others] = this.#columns;
      const short = (text) => known.get(text) ?? known.set(text, foldedText(text)).get(text);
      const texts = this.#numbers.map((_, i) => {
        let text = first ? foldedText(first[i]) : "";
        for (const column of others) text += "\n" + short(column[i]);
        return text;
      });
      this.#joined = withCapitals(texts.join("\n"));
      this.#starts = new Uint32Array(texts.length + 1);
      texts.forEach((text, i) => { this.#starts[i + 1] = this.#starts[i] + text.length + 1; });
      this.#texts = texts.map((_, i) => this.#joined.slice(this.#starts[i], this.#starts[i + 1] - 1));
    }

    // The rows that match a query, as one number for each row, 1 if it does; null without terms.
    find(query) {
      let terms = parsedQuery(query);
      if (!this.#columns.length) {
        terms = terms.map((term) => /^\d+$/.test(term.text) ? { ...term, row: Number(term.text) } : term);
      }
      if (!terms.length) return null;
      if (this.#last?.query === query) return this.#last.found.slice();
      this.prepare();
      let found = this.#last && isNarrower(terms, this.#last.terms) ? this.#last.found : null;
      const cost = (term) => term.row !== undefined ? -Infinity : (term.isExcluded ? 1e6 : 0) - term.text.length;
      for (const term of [...terms].sort((a, b) => cost(a) - cost(b))) found = this.#withTerm(term, found);
      this.#last = { query, terms, found };
      return found.slice();
    }

    // Those of the rows that were found before, or of all if null, that match a term.
    #withTerm(term, before) {
      const texts = this.#texts, n = texts.length, found = new Uint8Array(n);
      const mark = term.isExcluded ? 0 : 1;
      let count = before ? 0 : n;
      if (before) for (let i = 0; i < n; i++) count += before[i];
      if (term.row !== undefined) {
        for (let i = 0; i < n; i++) found[i] = this.#numbers[i] === term.row ? 1 : 0;
      } else if (count < FEW * n) {
        for (let i = 0; i < n; i++) if (before[i] && placeOf(term, texts[i], 0) >= 0) found[i] = 1;
      } else this.#scan(term, found);
      for (let i = 0; i < n; i++) found[i] = found[i] === mark && (!before || before[i]) ? 1 : 0;
      return found;
    }

    // Mark the rows that have a term, searching all texts at once.
    #scan(term, found) {
      const joined = this.#joined, starts = this.#starts;
      for (let row = 0, at = placeOf(term, joined, 0); at >= 0; at = placeOf(term, joined, starts[row])) {
        while (starts[row + 1] <= at) row++;
        found[row++] = 1;
      }
    }
  }

  // Whether all rows with some terms match earlier terms, as while the last word is typed.
  function isNarrower(terms, earlier) {
    return earlier.every((old) => terms.some((term) => term.isExcluded === old.isExcluded && term.row === old.row
      && (old.isExcluded || old.isWhole || old.row !== undefined
        ? term.text === old.text && term.isWhole === old.isWhole : term.text?.startsWith(old.text))));
  }

  return { TextSearch, parsedQuery, foldedText, matchedRanges };
})();

if (typeof module !== "undefined") module.exports = { TextSearch, parsedQuery, foldedText, matchedRanges };  // for tests
